"""The command group. A verb's record is read when the verb is called, so that ``--help`` answers at once."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
from typing import IO, Any

import click
from click.exceptions import NoArgsIsHelpError
from click.shell_completion import CompletionItem

from configsplit import __version__
from configsplit.cli.output import fail
from configsplit.errors import ConfigSplitError, StoreError, closest
from configsplit.verbs.table import VERBS


class WrongUsage(click.UsageError):
    """What was wrong first, as every error here begins, then how the command is used."""

    def __init__(self, error: click.UsageError, context: click.Context | None = None) -> None:
        super().__init__(error.format_message(), error.ctx or context)

    def show(self, file: IO[Any] | None = None) -> None:
        told = f"{click.style('error', fg='red', bold=True)}: {self.format_message()}"
        if self.ctx is not None:
            told += f"\n\n{self.ctx.get_usage()}\n`{self.ctx.command_path} --help` says more"
        click.echo(told, file=file or sys.stderr, color=None if self.ctx is None else self.ctx.color)


class LazyGroup(click.Group):
    """A group that knows its verbs by name and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*VERBS, *_BESIDE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _BESIDE:
            return _BESIDE[cmd_name]
        if cmd_name not in VERBS:
            return None
        from configsplit.cli.command import command

        return command(cmd_name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and args[0] not in _BESIDE and not args[0].startswith("-"):
            near = [_OTHER_WORDS[args[0]]] if args[0] in _OTHER_WORDS else closest(args[0], [*VERBS, *_BESIDE])
            ctx.fail(f"There is no verb {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else _verb_first(args[0])))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        wide = max(map(len, VERBS))  # one column through all groups
        told = VERBS | {name: each.help or "" for name, each in _BESIDE.items()}
        grouped = {name for names in _GROUPS.values() for name in names}
        rest = tuple(name for name in VERBS if name not in grouped)
        for title, names in {**_GROUPS, "Support": rest, "Other commands": tuple(_BESIDE)}.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(wide), told[name]) for name in names])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        formatter.write_text("`configsplit help VERB` shows options and examples, `configsplit help CODE` explains an error.")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta["arguments"] = tuple(args)
        return super().parse_args(ctx, args)

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **options)
        except NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise WrongUsage(error) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise WrongUsage(error, ctx) from None
        except ConfigSplitError as error:
            fail(error)
            ctx.exit(1)
        except BrokenPipeError:
            raise
        except REFUSALS as error:
            if (told := refusal(error)) is None:
                raise
            fail(told)
            ctx.exit(1)
        except KeyboardInterrupt:
            ctx.exit(130)  # 128 + SIGINT, as shells say it


@click.group(
    cls=LazyGroup,
    subcommand_metavar="VERB [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, "-V", "--version", prog_name="configsplit")
def cli() -> None:
    """Cut any Keras model file at any layer: exactly, with proof, and without Keras.

    MODEL is a .keras, .h5 or .json file, a SavedModel folder of Keras 2, a TensorFlow.js model.json, or the address of a file
    (https://, s3://, hf://). A tensor is named LAYER, LAYER@CALL, LAYER:OUTPUT, OUTER/INNER, or A,B for a boundary through
    both; patterns name several: 'block*_out', 'conv[1-3]_?'.

    Exit code 0: done; 1: could not be done or did not verify; 2: wrong usage.
    """


@click.command("help", help="Show the help of a verb, or explain the code of an error.")
@click.argument(
    "verb",
    metavar="[VERB | CODE]",
    required=False,
    shell_complete=lambda _, __, begun: [CompletionItem(name) for name in VERBS if name.startswith(begun)],
)
@click.pass_context
def help_(context: click.Context, verb: str | None) -> None:
    """What ``--help`` shows of a verb; what docs/errors.md says of a code."""
    above = context.parent or context
    if verb is None:
        click.echo(above.get_help())
        return
    if "-" in verb.strip("-"):  # as every code has, and no verb
        click.echo(_of_error(above, verb))
        return
    name, command, _ = cli.resolve_command(above, [verb])
    if command is not None:
        click.echo(click.Context(command, info_name=name, parent=above).get_help())


def _of_error(above: click.Context, code: str) -> str:
    """What an error means and what to do; a code that is none is a wrong usage."""
    import json
    from importlib import resources

    text = resources.files("configsplit.cli").joinpath("errors.json").read_text("utf-8")
    known: dict[str, tuple[str, str, str]] = json.loads(text)
    if code not in known:
        near = closest(code, known)
        above.fail(f"There is no error {code!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
    section, means, remedy = known[code]
    formatter = click.HelpFormatter(max_width=110)
    formatter.write(f"{code} ({section})\n")
    with formatter.indentation():
        formatter.write_text(means)
        formatter.write_paragraph()
        formatter.write_text(f"What to do: {remedy}")
    return formatter.getvalue().rstrip()


@click.command("completion", help="Print a script that completes verbs, options and layer names.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """``source <(configsplit completion bash)``, in the shell's own start file."""
    from configsplit.cli.completion import script

    click.echo(script(shell))


_GROUPS = {
    "Look": ("inspect", "layers", "plot", "explore"),
    "Cut": ("cuts", "split", "verify", "join"),
    "Change": ("extract", "insert", "replace", "remove", "rename", "freeze"),
    "Convert": ("convert", "weights", "expand"),
    "Run many": ("batch",),
}
"""The verbs as help shows them; below these stand all others."""

_OTHER_WORDS = {
    "cut": "split",
    "slice": "split",
    "partition": "split",
    "merge": "join",
    "diff": "plot",
    "draw": "plot",
    "compare": "verify",
    "prove": "verify",
    "check": "verify",
    "info": "inspect",
    "show": "inspect",
    "summary": "inspect",
    "upgrade": "convert",
    "migrate": "convert",
}
"""What people try first, and the verb that does it; what is only misspelt is found by itself."""

_BESIDE = {"help": help_, "completion": completion}
"""Commands that are no verbs."""


def _verb_first(text: str) -> str:
    """What is said where a file stands in the place of the verb."""
    import shlex
    from pathlib import Path

    is_file = text.endswith((".keras", ".h5", ".json")) or Path(text).exists()
    return f" The verb comes first: configsplit inspect {shlex.quote(text)}" if is_file else ""


def colour() -> bool | None:
    """Whether to colour what is printed, as the variables of the environment say that are in use for it; None where they say
    nothing: then it is what a terminal gets."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    return False if os.environ.get("CLICOLOR") == "0" else None


def main() -> None:
    """Run the command line. Ctrl-C ends it with 130 as a shell expects, a closed pipe quietly."""
    _open_standard_files()
    gc.disable()  # a graph of 20,000 layers has no cycles, and searching it for them again and again doubles the time
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for them takes longer than all of pydantic
    sys.setswitchinterval(2e-5)  # threads that move bytes need Python's lock often and for moments only
    try:
        cli(prog_name="configsplit", color=colour())
    except BrokenPipeError:
        if sys.stderr is not None:
            sys.stderr.close()
        raise SystemExit(1) from None
    except SystemExit as end:
        if not isinstance(end.code, str):
            _leave(end.code or 0)
        raise


def _open_standard_files() -> None:
    """Where one was closed (``>&-``), the next file to be opened would take its number, and messages would land in a model."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number that is free


def _leave(code: int) -> None:
    """End at once: to take half a million objects apart, each alone, takes as long as writing 100 MB."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # closed before Python began
                stream.flush()
    except (OSError, ValueError):
        return  # a closed pipe: Python's own way out knows how to say so
    atexit._run_exitfuncs()
    os._exit(code)


# What the system refuses where nobody expected it (memory, open files, threads, the loading of a module), as coded errors.
#
# Nothing is imported for it: a process that may open no more files cannot.


REFUSALS = (MemoryError, OSError, ImportError, RuntimeError, SyntaxError)
"""Python's compiler calls it a syntax error where it gets no memory for a module that was never compiled."""

_THREADS = "can't start new thread"
_MEMORY = ("failed to map segment", "Cannot allocate memory")
_FILES = "Too many open files"


def refusal(error: BaseException) -> ConfigSplitError | None:
    """The coded error for one that the system caused; None for one that is a fault of the program."""
    text = str(error)
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, MemoryError) or number == errno.ENOMEM or any(sign in text for sign in (_THREADS, *_MEMORY)):
        hint = "raise `ulimit -v` and `ulimit -u`, or close other programs; nothing was left behind"
        return StoreError("there is not enough memory, or no thread can be started", code="no-memory", hint=hint)
    if number in (errno.EMFILE, errno.ENFILE) or _FILES in text:
        return StoreError(
            "no more files can be opened", code="no-descriptors", hint="raise `ulimit -n`; nothing was left behind"
        )
    if isinstance(error, OSError):
        return StoreError(error.strerror or text, code="io-failed", where=str(error.filename or ""))
    if isinstance(error, (ImportError, SyntaxError)):
        hint = "raise `ulimit -n` and `ulimit -v`, or reinstall configsplit"
        return StoreError(f"a module cannot be loaded: {text}", code="module-not-loaded", hint=hint)
    return None
