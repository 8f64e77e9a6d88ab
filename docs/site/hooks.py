"""Pages of the site that are made when it is built: the verbs from their records, Python from the docstrings, recipes from
their schema. And pages that lie outside of ``docs``."""

from __future__ import annotations

import inspect
import json
import re
import shutil
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

import configsplit
from configsplit.verbs.table import VERBS, record
from configsplit.verbs.table.verb import Option

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = ("CONTRIBUTING.md", "CHANGELOG.md")
LATEST = "latest"
_HOME = f'<!doctype html><title>configsplit</title><meta http-equiv="refresh" content="0; url={LATEST}/index.html">\n'
_SERVED: list[str] = []
"""Not empty under `mkdocs serve`."""


def on_startup(command: str, **_: Any) -> None:
    _SERVED.extend([command] if command == "serve" else [])


def on_config(config: Any) -> Any:
    """Each version has a folder of its own, beside those of other versions; `mkdocs serve` shows this one alone. Pages missing
    from the navigation come at its end; at the foot of each page is its version."""
    if not _SERVED:
        config.site_dir = str(Path(config.site_dir) / configsplit.__version__)
    listed = re.findall(r"[\w/-]+\.md", json.dumps(config.nav))
    more = [path.name for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in listed]
    config.nav += [{"More": more}] if more else []
    config.copyright = f"configsplit {configsplit.__version__}"
    return config


def on_post_build(config: Any) -> None:
    """The list of versions that the theme's switcher reads, newest first; ``latest`` is a copy of the newest."""
    if _SERVED:
        return
    site = Path(config.site_dir).parent
    there = {each.parent.name for each in site.glob("*/index.html")} - {LATEST}
    versions = sorted(there, key=_number, reverse=True)
    told = [{"version": each, "title": each, "aliases": [LATEST] if each == versions[0] else []} for each in versions]
    (site / "versions.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    (site / "index.html").write_text(_HOME, "utf-8")
    shutil.rmtree(site / LATEST, ignore_errors=True)
    shutil.copytree(site / versions[0], site / LATEST)


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def on_files(files: Files, config: Any) -> Files:
    pages = {"verbs.md": verbs(), "python.md": python(), "recipe.md": recipe()}
    pages |= {name: inside((ROOT / name).read_text("utf-8")) for name in OUTSIDE}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links out of ``docs``: to a page that the site has, or as plain words."""
    kept = re.sub(rf"\]\((?:\.\./)+({'|'.join(map(re.escape, OUTSIDE))})", r"](\1", markdown)
    return re.sub(r"\[([^\]]*)\]\((?:\.\./)+(?:schemas|README\.md|SECURITY\.md|examples|tests)[^)]*\)", r"\1", kept)


def inside(text: str) -> str:
    return text.replace("](docs/", "](")


def verbs() -> str:
    """Every verb: what it does, its options, examples."""
    pieces = ["# Verbs\n\nThe same as `configsplit help VERB`. Every verb is also a function in [Python](python.md).\n"]
    for name in VERBS:
        verb = record(name)
        pieces.append(f"\n## {name}\n\n{inspect.cleandoc(verb.help)}\n")
        pieces.append("\n" + "\n".join(f"    configsplit {example}" for example in verb.examples) + "\n")
        rows = [option_row(option) for option in verb.command_options()]
        pieces.append("\n| option | what it does |\n|---|---|\n" + "".join(rows))
    return "".join(pieces)


def option_row(option: Option) -> str:
    words = option.metavar or ("" if option.kind in ("flag", "off") else option.keyword.upper())
    flags = (
        words
        if option.argument
        else f"{', '.join(flag for flag in option.flags.split() if flag not in option.older)} {words}".strip()
    )
    choices = f" One of {', '.join(map(repr, option.choices))}." if option.choices else ""
    default = f" Default: {option.default}." if option.default not in (None, False, (), True) else ""
    told = (option.help or ("The model." if option.argument else "")) + choices + default
    return (
        f"| `{flags}` | {escaped(told)} |\n".replace("`|", "`\\|")
        if "|" not in flags
        else f"| `{flags.replace('|', 'or')}` | {escaped(told)} |\n"
    )


def escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def python() -> str:
    """The public names, by their docstrings."""
    pieces = ["# Python\n\n", inspect.getdoc(configsplit) or "", "\n"]
    for name in sorted(configsplit.__all__):
        found = getattr(configsplit, name)
        if callable(found) and not isinstance(found, type):
            pieces.append(f"\n## {name}\n\n```text\n{name}{signature(found)}\n```\n\n{docstring(found)}\n")
        elif isinstance(found, type):
            pieces.append(f"\n## {name}\n\n{docstring(found)}\n{methods(found)}")
    return "".join(pieces)


def signature(found: Any) -> str:
    """Parameters one below the other, as they stand in the source."""
    told = inspect.signature(found)
    lines = "".join(f"    {str(each).replace(chr(39), '')},\n" for each in told.parameters.values())
    return f"(\n{lines})" if told.parameters else "()"


def methods(kind: type) -> str:
    found = [(name, each) for name, each in vars(kind).items() if not name.startswith("_") and inspect.isfunction(each)]
    return "".join(
        f"\n### {kind.__name__}.{name}\n\n```text\n{name}{signature(each)}\n```\n\n{docstring(each)}\n" for name, each in found
    )


_SECTION = re.compile(r"^(Args|Returns|Raises|Attributes|Example):\n", re.MULTILINE)
_ITEM = re.compile(r"^    (\S[^:\n]*): ", re.MULTILINE)


def docstring(found: Any) -> str:
    """Google's sections as Markdown: a list below a word in bold."""
    text = (inspect.getdoc(found) or "").replace("``", "`")
    first, *rest = _SECTION.split(text)
    pieces = [escaped_html(first.strip())]
    for word, content in zip(rest[::2], rest[1::2], strict=True):
        if word == "Example":
            pieces.append(f"\n\n```pycon\n{inspect.cleandoc(content)}\n```")
            continue
        items = _ITEM.sub(lambda item: f"- **{item[1]}**: ", escaped_html(content.rstrip()))
        pieces.append(f"\n\n**{word}**\n\n{inspect.cleandoc(items)}")
    return "".join(pieces)


def escaped_html(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


def recipe() -> str:
    """What a recipe may say, from its JSON Schema."""
    schema = json.loads((ROOT / "schemas" / "recipe.schema.json").read_text("utf-8"))
    pieces = [
        "# Recipes\n\nThe whole language of `configsplit batch`, from `schemas/recipe.schema.json`. "
        "[Batches](batch.md) explains how to use it.\n"
    ]
    parts = {"The recipe": schema, **schema.get("$defs", {})}
    for name, part in parts.items():
        if not part.get("properties"):
            continue
        rows = [
            f"| `{key}` | {kind(each)} | {escaped(' '.join(str(each.get('description', '')).split()))} |\n"
            for key, each in part["properties"].items()
        ]
        about = escaped_html(str(part.get("description", "")).replace("``", "`"))
        pieces.append(f"\n## {name}\n\n{about}\n\n| key | what it takes | |\n|---|---|---|\n{''.join(rows)}")
    return "".join(pieces)


def kind(schema: Any) -> str:
    """The types of a key, in words."""
    if "$ref" in schema:
        word = schema["$ref"].rpartition("/")[2]
        return f"[{word}](#{word.lower()})"
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind(each) for each in schema["anyOf"]))
    types = schema.get("type", "anything")
    return " or ".join(types) if isinstance(types, list) else str(types)
