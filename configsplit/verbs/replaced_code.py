"""What takes the place of the code of Lambda layers: as a user says it, and as plug-ins declare it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from configsplit.catalog.table import class_facts
from configsplit.conversion import Replacement
from configsplit.errors import ConversionError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import walk
from configsplit.models.document import Document
from configsplit.models.wrapped import held_by


def declared(document: Document) -> dict[str, Replacement]:
    """The functions that plug-ins declare: one of the name of a Lambda layer takes the place of its code."""
    functions = [each.facts for each in document.registry.functions]
    return {
        each.name: Replacement(each.keras_function.partition(":")[0], each.name) for each in functions if each.keras_function
    }


def replacements(lambdas: Mapping[str, str] | Sequence[str]) -> dict[str, Replacement]:
    pairs = list(lambdas.items()) if isinstance(lambdas, Mapping) else [_pair(text) for text in lambdas]
    replaced: dict[str, Replacement] = {}
    for name, target in pairs:
        module, colon, function = target.rpartition(":")
        if not name or not colon or not function.isidentifier() or not module:
            raise _syntax(f"{name}={target}")
        replaced[name] = Replacement(module, function)
    return replaced


def matched(document: Document, given: Mapping[str, Replacement]) -> dict[str, Replacement]:
    """The replacements by the titles of the layers that are meant: by their names, or by patterns of those."""
    matches: dict[str, Replacement] = {}
    known = list(_with_code(document))
    for wish, replacement in given.items():
        titles = [title for title, names in known if wish in names]
        titles = titles or [title for title, names in known if any(fnmatchcase(name, wish) for name in names)]
        if not titles:
            listed = ", ".join(title for title, _ in known[:8]) or "none"
            raise ConversionError(
                f"{wish!r} matches no Lambda layer of the model",
                code="convert-lambda-unknown",
                where=wish,
                hint=f"it has these: {listed}{' ...' if len(known) > 8 else ''}",
            )
        matches |= dict.fromkeys(titles, replacement)
    return matches


def _with_code(document: Document) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every layer that holds code, by its title, with all that it is called; wrapped ones by the wrapper's title."""
    for path, layer in walk(document.model, held_by(document.dialect)):
        entry, names = layer.entry, [layer.name]
        while isinstance(config := entry.get("config"), FrozenDict) and isinstance(config.get("layer"), FrozenDict):
            entry = config["layer"]
            held = entry.get("config")
            names.append(str(held.get("name") if isinstance(held, FrozenDict) else None))
        if class_facts(str(entry.get("class_name") or layer.class_name)).code_key or layer.class_name == "Merge":
            title = "/".join(path)
            yield title, (title, *names, "/".join((title, *names[1:])))


def _pair(text: str) -> tuple[str, str]:
    name, equals, target = text.partition("=")
    if not equals:
        raise _syntax(text)
    return name, target


def _syntax(text: str) -> ConversionError:
    return ConversionError(
        f"{text!r} does not say what replaces a Lambda layer",
        code="convert-lambda-syntax",
        hint="write NAME=module:function",
    )
