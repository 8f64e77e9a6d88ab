"""From a verb's record to its command: options as click has them, what must go together, and who carries it out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from inspect import cleandoc
from itertools import takewhile
from pathlib import Path
from typing import Any

import click

from configsplit.cli.completion import completes
from configsplit.containers.fetched import is_remote
from configsplit.errors import closest
from configsplit.verbs.table import record
from configsplit.verbs.table.verb import LIMITS, Option, Verb


def command(name: str) -> click.Command:
    """The command of a verb."""
    verb = record(name)
    params: list[click.Parameter] = [
        _argument(option) if option.argument else _option(option) for option in verb.command_options()
    ]
    examples = "\n".join(["Examples:", *(f"  configsplit {example}" for example in verb.examples)])
    return _Command(name, params=params, help=cleandoc(verb.help), epilog=examples, callback=partial(_carry_out, verb))


class _Command(click.Command):
    """A verb, whose help has its options in groups and ends with examples."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What is missing is said with what it is for, and how a whole line looks."""
        given = list(args)  # click takes them away
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            means = error.param.help if isinstance(error.param, click.Option) else None
            means = means or f"See `configsplit {self.name} -h`."
            example = record(str(self.name)).examples[0]
            raise click.MissingParameter(f"{means}\n\nExample: configsplit {example}", ctx, error.param) from None
        except click.NoSuchOption as error:
            meant = _OTHER_OPTIONS.get(error.option_name, "")
            if meant not in {flag for param in self.params for flag in param.opts}:
                raise
            raise click.NoSuchOption(error.option_name, f"{error.message} Did you mean {meant!r}?", ctx=ctx) from None
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # so that the usage of this verb is shown
            if "unexpected extra argument" not in error.message:
                raise
            raise click.UsageError(f"{error.message}{self._meant(given)}", ctx) from None

    def _meant(self, args: list[str]) -> str:
        """What an argument too many may have been: a piece of a path with spaces, or a place to cut at."""
        import shlex
        from itertools import combinations

        for start, stop in combinations(range(len(args) + 1), 2):
            if stop - start > 1 and Path(path := " ".join(args[start:stop])).exists():
                return f". Quote a path with spaces: {shlex.quote(path)}"
        at = any("--at" in param.opts for param in self.params)
        return ". Name a place with --at LAYER, and several with --at A --at B" if at else ""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        uses = {option.keyword: option.use for option in record(str(self.name)).command_options()} | _RUNNING
        for title, members in _GROUPS.items():
            options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
            shown = [each for each in options if uses.get(str(each.name), "show") in members]
            rows = [row for each in shown if (row := each.get_help_record(ctx)) is not None]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples keep their lines, which prose does not."""
        formatter.write(f"\n{self.epilog}\n")


_RUNNING = {option.keyword: "run" for option in LIMITS}
_GROUPS = {
    "Options": ("verb",),
    "The model": ("load", "donor"),
    "The result": ("save",),
    "Where Keras runs": ("run",),
    "Output and logging": ("show",),
}
"""The groups of options, by who takes them."""


def _argument(option: Option) -> click.Argument:
    many = -1 if option.repeat else 1
    return click.Argument(
        [option.keyword],
        type=_type(option),
        nargs=many,
        required=option.required,
        metavar=option.metavar,
        **completes(option),
    )


def _option(option: Option) -> click.Option:
    more: dict[str, Any] = {} if option.default is None else {"default": option.default, "show_default": True}
    if option.kind in ("flag", "off"):
        more["is_flag"] = True  # click takes a plain False for an option whose value may be left out: no value may begin with -
    else:
        more["type"] = _type(option)
    return _Option(
        [*(flag for flag in option.flags.split() if flag not in option.older), option.keyword],
        older=[*option.older],
        multiple=option.repeat,
        required=option.required,
        metavar=option.metavar or _METAVARS.get(option.kind),
        callback=_CALLBACKS.get(option.kind),
        help=option.help,
        **completes(option),
        **more,
    )


class _Option(click.Option):
    """An option that is understood by the spellings of earlier releases too; help and errors name those of today."""

    def __init__(self, *arguments: Any, older: list[str], **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._older = older

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        today, self.opts = self.opts, [*self.opts, *self._older]
        super().add_to_parser(parser, ctx)
        self.opts = today


def _older(verb: Verb, arguments: Iterable[str]) -> Iterator[str]:
    """What to say of spellings that earlier releases had, of those on a line."""
    given = {each.partition("=")[0] for each in takewhile(lambda each: each != "--", arguments)}
    for option in verb.command_options():
        for old, today in option.older.items():
            if old in given:
                yield f"{click.style('deprecated', fg='yellow')}: {old} is called {today} now"


_METAVARS = {"whole": "N", "number": "NUMBER"}

_OTHER_OPTIONS = {"--layer": "--at", "--node": "--at", "--output": "--out", "--output-dir": "--out", "--parts": "--stages"}
"""What people try first, and the option that is meant, where a verb has it."""


def _type(option: Option) -> click.ParamType[Any] | None:
    if option.choices:
        return _Choice(option.choices)
    match option.kind:
        case "path" if option.fetched:
            return _Place(path_type=Path)
        case "path":
            return click.Path(path_type=Path)
        case "whole":
            return click.INT if option.least is None else _Whole(int(option.least))
        case "number":
            return _Number(option.least, option.most, min_open=option.open)
    return None


class _Choice(click.Choice[str]):
    """One of some words, of which a misspelt one is told the nearest."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        message = super().get_invalid_choice_message(value, ctx)
        near = closest(str(value), self.choices)
        return f"{message} Did you mean {near[0]!r}?" if near else message


class _Whole(click.IntRange):
    name = "whole number"

    def _describe_range(self) -> str:
        return f"{self.min} or more"


class _Number(click.FloatRange):
    name = "number"

    def _describe_range(self) -> str:
        if self.max is not None:
            return f"{self.min:g} to {self.max:g}"
        return f"above {self.min:g}" if self.min_open else f"{self.min:g} or more"


class _Place(click.Path):
    """A path, or an address, in which a path would lose a slash."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if isinstance(value, str) and is_remote(value) else super().convert(value, param, ctx)


def _amount(context: click.Context, option: click.Parameter, value: str | None) -> float | None:
    """A number above 0, which may be written ``1e6``, ``200k``, ``1.5MB`` or ``2GiB``."""
    if value is None:
        return None
    from configsplit.boundaries.costs import read_amount

    amount = read_amount(value)
    if amount is None:
        raise click.BadParameter(f"{value!r} is not a number above 0 such as 1e6, 200k, 1.5MB or 2GiB", context, option)
    return amount


def _bytes(context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    amount = _amount(context, option, value)
    return None if amount is None else int(amount)


def _off(context: click.Context, option: click.Parameter, value: bool) -> bool:
    return not value


_CALLBACKS = {"amount": _amount, "bytes": _bytes, "off": _off}


def _carry_out(verb: Verb, **given: Any) -> None:
    """Every option by its keyword: to what all verbs share that give a file, or to the verb's own file."""
    from configsplit.cli.output import note
    from configsplit.cli.progress import under_way

    click.get_current_context().meta["quiet"] = quiet = given.pop("quiet")
    own = any(option.keyword == "verbose" for option in verb.options)
    verbose = given["verbose"] if own else given.pop("verbose")
    _check_usage(verb, given)
    with under_way(verb.name, quiet=quiet, verbose=verbose, log=given.pop("log_file")), _here(verb, given) as given:
        for line in _older(verb, click.get_current_context().meta.get("arguments", ())):
            note(line)
        if verb.gives == "file":
            from configsplit.cli.edited import carry_out

            carry_out(verb, given)
        else:
            getattr(import_module(f"configsplit.cli.verb_{verb.name}"), verb.name)(**given)


@contextmanager
def _here(verb: Verb, given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What was given, with a file of this machine in place of each address, as long as the ``with`` block lasts."""
    names = [option.keyword for option in verb.command_options() if option.fetched]
    several = {name: given[name] if isinstance(given[name], tuple) else (given[name],) for name in names}
    addresses = [each for values in several.values() for each in values if isinstance(each, str)]
    if not addresses:
        yield dict(given)
        return
    from configsplit.batches.fetching import fetched

    with fetched(addresses, ranges=verb.skims or given.get("with_weights") is False) as places:
        here = {name: tuple(places.get(each, each) for each in values) for name, values in several.items()}
        yield {**given, **{name: each if isinstance(given[name], tuple) else each[0] for name, each in here.items()}}


def _check_usage(verb: Verb, given: Mapping[str, Any]) -> None:
    """Raises UsageError where too little or too much was given."""
    words = {option.keyword: _words(option) for option in verb.command_options()}
    if (wrong := verb.misused(given, words)) is not None:
        raise click.UsageError(wrong)


def _words(option: Option) -> str:
    """``--at REF``."""
    flag = option.flags.split()[0]
    return flag if option.metavar is None or option.argument else f"{flag} {option.metavar}"
