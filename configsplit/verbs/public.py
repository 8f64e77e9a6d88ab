"""A verb as users call it: `configsplit.NAME`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from types import ModuleType
from typing import Any
from warnings import warn

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
        if is_live(model) and hasattr(module := live(), name):
            return getattr(module, name)(*arguments, **given)
        return own(*arguments, **given)

    return verb


def _as_now(name: str, names: list[str], has_host: bool, options: dict[str, Any]) -> dict[str, Any]:
    """Options by the words of this release. ``model`` is an old word only beside the model that is worked on."""
    given = dict(options)
    for old, new in OLD_WORDS.get(name, _HOST).items():
        if old in given and (old not in names or has_host or "document" in given):
            warn(f"{name}({old}=...) is called {new}= now", DeprecationWarning, stacklevel=3)
            given[new] = given.pop(old)
    return given


def is_live(model: object) -> bool:
    """Whether it is an object of Keras, which is not loaded to find out."""
    modules = (kind.__module__.partition(".")[0] for kind in type(model).__mro__)
    return not {"keras", "tf_keras", "tensorflow"}.isdisjoint(modules)
