"""A verb as users call it: `configsplit.NAME`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from inspect import Parameter, signature
from itertools import zip_longest
from types import ModuleType
from typing import Any, Literal, TypeVar, cast
from warnings import warn

from configsplit.containers.fetched import is_remote
from configsplit.errors import OptionError, check_choice, check_number, closest
from configsplit.verbs.table import record
from configsplit.verbs.table.verb import Option

Function = TypeVar("Function", bound=Callable[..., Any])

_HOST = {"document": "model"}
OLD_WORDS = {
    "insert": {"model": "donor", "fragment": "donor", **_HOST},
    "replace": {"model": "donor", **_HOST},
    "profile": {"path": "model"},
}
"""What parameters were called in earlier releases, by verb; of the others `_HOST`."""


def public(name: str, own: Callable[..., Any], live: Callable[[], ModuleType]) -> Callable[..., Any]:
    """The verb, to which a live model may be given too: then it is that of `configsplit.keras`, and gives live models. Words
    that its parameters had in earlier releases are understood, with a warning.

    Args:
        name: the verb.
        own: its function, which takes documents.
        live: gives `configsplit.keras`.

    Returns:
        A function with the signature of ``own``.
    """
    names = [*signature(own).parameters]

    @wraps(own)
    def verb(*arguments: Any, **options: Any) -> Any:
        given = _as_now(name, names, bool(arguments), options)
        model = arguments[0] if arguments else given.get(names[0])
        checked(name, names, given)
        if is_live(model) and hasattr(module := live(), name):
            return getattr(module, name)(*arguments, **given)
        arguments = tuple(live().models.donor(each) if is_live(each) else each for each in arguments)
        given = {word: live().models.donor(each) if is_live(each) else each for word, each in given.items()}
        return own(*arguments, **given)

    return verb


def with_addresses(own: Callable[..., Any], words: Collection[str], fetching: Callable[[], ModuleType]) -> Callable[..., Any]:
    """A function to which an address may be given for some of its parameters, as it is given a file.

    Args:
        own: the function, which takes files.
        words: these parameters.
        fetching: gives the module whose ``kept`` brings the file at an address here.

    Returns:
        A function with the signature of ``own``.
    """
    parameters = signature(own).parameters.values()
    several = [each.name for each in parameters if each.kind is Parameter.VAR_POSITIONAL]
    places = several or [each.name for each in parameters]

    def here(word: str, value: object) -> object:
        return fetching().kept(value) if word in words and isinstance(value, str) and is_remote(value) else value

    @wraps(own)
    def verb(*arguments: Any, **options: Any) -> Any:
        named = zip_longest(places[: len(arguments)], arguments, fillvalue=places[-1])
        return own(*(here(*each) for each in named), **{word: here(word, value) for word, value in options.items()})

    return verb


def fetched_of(name: str, own: Callable[..., Any]) -> set[str]:
    """The parameters of a verb that are files which the command line fetches where an address is given; no others."""
    fetched = {option.keyword for option in _options(name) if option.fetched}
    return fetched | {next(iter(signature(own).parameters))} if fetched else fetched


def with_old_words(name: str, own: Function) -> Function:
    """A verb that understands the words that its parameters had in earlier releases."""
    names = [*signature(own).parameters]

    @wraps(own)
    def verb(*arguments: Any, **options: Any) -> Any:
        return own(*arguments, **_as_now(name, names, bool(arguments), options))

    return cast("Function", verb)


def _as_now(name: str, names: list[str], has_host: bool, options: dict[str, Any]) -> dict[str, Any]:
    """Options by the words of this release. ``model`` is an old word only beside the model that is worked on."""
    given = dict(options)
    for old, new in OLD_WORDS.get(name, _HOST).items():
        if old in given and (old not in names or has_host or "document" in given):
            warn(f"{name}({old}=...) is called {new}= now", DeprecationWarning, stacklevel=3)
            given[new] = given.pop(old)
    return given


def checked(name: str, names: Sequence[str], given: Mapping[str, Any]) -> None:
    """Hold what was given by keyword against the record of the verb."""
    known = {option.keyword: option for option in _options(name)}
    for word, value in given.items():
        if word not in names and word != "custom_objects":
            near = closest(word, names)
            if name == "split" and word in _OF_PLANS:
                raise TypeError(f"split() has no option {word!r}; stages are planned by configsplit.plan(model, stages)")
            told = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(names)}"
            raise TypeError(f"{name}() has no option {word!r}; {told}")
        option = known.get(word)
        if option is None or value is None or option.repeat:
            continue
        if option.choices:
            check_choice(word, value, Literal[option.choices])
        elif option.kind in ("flag", "off") and not isinstance(value, bool):
            raise OptionError(f"{value!r} is not a flag", code="option-range", where=word, hint="give True or False")
        elif option.kind in ("whole", "bytes"):
            check_number(word, value, option.least, option.most, whole=True)
        elif option.kind == "number":
            check_number(word, value, option.least, option.most, open=option.open)


_OF_PLANS = {"stages", "balance", "devices", "slack", "profile", "max_boundary_bytes", "max_stage_bytes"}
"""Options of ``configsplit split`` that `plan` takes in Python."""


def _options(name: str) -> tuple[Option, ...]:
    """What the record says of the options; `plan` is `split` with stages, and has slack as a share."""
    if name != "plan":
        return record({"compare": "verify", "named_weights": "weights"}.get(name, name)).command_options()
    own = [option for option in record("split").command_options() if option.keyword not in ("slack", "stages")]
    return (*own, Option("--slack", kind="number", least=0, most=10), Option("--stages", kind="whole", least=1))


def is_live(model: object) -> bool:
    """Whether it is an object of Keras, which is not loaded to find out, or the parts of one."""
    one = model[0] if isinstance(model, tuple) and model else model
    modules = (kind.__module__.partition(".")[0] for kind in type(one).__mro__)
    return not {"keras", "tf_keras", "tensorflow"}.isdisjoint(modules)
