"""The command group. A verb's record is read when the verb is called, so that ``--help`` answers at once."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from typing import Any

import click

from configsplit import __version__
from configsplit.cli.output import fail
from configsplit.cli.refusals import REFUSALS, refusal
from configsplit.errors import ConfigSplitError
from configsplit.verbs.table import VERBS


class LazyGroup(click.Group):
    """A group that knows its verbs by name and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        from configsplit.cli.command import command

        return command(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta["arguments"] = tuple(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
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


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="configsplit")
def cli() -> None:
    """Cut any Keras model file at any layer: exactly, with proof, and without Keras.

    MODEL is a .json, .keras or .h5 file. A tensor is named LAYER, LAYER@CALL, LAYER:OUTPUT, OUTER/INNER, or A,B for a boundary
    through both. Exit code 0: done; 1: could not be done or did not verify; 2: wrong usage.
    """


def main() -> None:
    """Run the command line. Ctrl-C ends it with 130 as a shell expects, a closed pipe quietly."""
    _open_standard_files()
    gc.disable()  # a graph of 20,000 layers has no cycles, and searching it for them again and again doubles the time
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for them takes longer than all of pydantic
    sys.setswitchinterval(2e-5)  # threads that move bytes need Python's lock often and for moments only
    try:
        cli(prog_name="configsplit")
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
