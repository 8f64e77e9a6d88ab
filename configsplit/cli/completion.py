"""Completion in a shell: verbs, options, words, and the names of the layers of the model on the line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from configsplit.verbs.table.verb import Option

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

VARIABLE = "_CONFIGSPLIT_COMPLETE"

NAMES = ("REF", "LAYER", "GLOB", "LAYER[=AXIS,AXIS]", "OLD=NEW...")
"""What stands for the name of a layer, or begins with one."""


def script(shell: str) -> str:
    """What a shell has to read to complete command lines of configsplit."""
    from click.shell_completion import ShellComplete, get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell!r}")
    return ShellComplete.source(kind(click.Command("configsplit"), {}, "configsplit", VARIABLE))


def complete_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Layers of the model on the line that go on as the word begins; of ``A,B`` the last one. None where there is no model."""
    from click.shell_completion import CompletionItem

    done, comma, last = incomplete.rpartition(",")
    return [CompletionItem(f"{done}{comma}{name}") for name in _names(context) if name.startswith(last)]


def complete_renamed(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The same with the sign behind which the new name stands."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(f"{item.value}=") for item in complete_names(context, parameter, incomplete)]


def completes(option: Option) -> dict[str, Any]:
    """How click completes an option: with names of layers, or as it does by itself."""
    if option.metavar not in NAMES:
        return {}
    return {"shell_complete": complete_renamed if option.metavar == "OLD=NEW..." else complete_names}


def _names(context: click.Context) -> list[str]:
    """Whatever is wrong with the file is said when the verb is called."""
    words = context.meta.get("arguments", ())  # click gives up on a line that ends in an option without a value
    model = context.params.get("model") or next((Path(word) for word in words[1:] if Path(word).exists()), None)
    if model is None:
        return []
    from configsplit.errors import ConfigSplitError
    from configsplit.graph.model import walk
    from configsplit.models.document import load

    try:
        return ["/".join(path) for path, layer in walk(load(model).model) if not layer.implicit]
    except (ConfigSplitError, OSError):
        return []
