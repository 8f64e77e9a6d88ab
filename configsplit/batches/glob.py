"""Patterns of paths, as people write them for git and shells: ``*`` within a name, ``**`` across folders, ``?``, ``[abc]``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from configsplit.errors import DocumentError

MAGIC = re.compile(r"[*?\[]")


def matches(path: str, pattern: str) -> bool:
    """Whether a path (with ``/``) is meant by a pattern; one without ``/`` is held against the last name alone."""
    subject = path if "/" in pattern else path.rpartition("/")[2]
    return compiled(pattern.removeprefix("./")).fullmatch(subject) is not None


def first_match(path: str, patterns: Iterable[str]) -> str | None:
    """The first of the patterns that means the path."""
    return next((pattern for pattern in patterns if matches(path, pattern)), None)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression for whole paths."""
    pieces: list[str] = []
    rest = pattern
    while rest:
        match = _TOKEN.match(rest)
        assert match is not None  # the last alternative takes any character
        pieces.append(_piece(match[0]))
        rest = rest[match.end() :]
    try:
        return re.compile("".join(pieces), re.DOTALL)
    except re.error as error:
        hint = "write [a-z]; a bracket itself is [[]"
        raise DocumentError(f"the pattern cannot be read: {error}", code="glob-invalid", where=pattern, hint=hint) from None


_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)
_PIECES = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _piece(token: str) -> str:
    if token in _PIECES:
        return _PIECES[token]
    if token[0] == "[" and len(token) > 2:
        inside = token[1:-1].replace("\\", r"\\").replace("[", r"\[")
        return f"[^{inside[1:]}/]" if inside[0] == "!" else f"[{inside}]"
    return re.escape(token)


def root_of(pattern: str) -> tuple[str, str]:
    """A glob as a folder without magic, and the pattern below it: ``zoo/**/*.keras`` is ``zoo`` and ``**/*.keras``."""
    steps = pattern.split("/")
    plain = next((number for number, step in enumerate(steps) if MAGIC.search(step)), len(steps) - 1)
    return "/".join(steps[:plain]) or ("/" if pattern.startswith("/") else "."), "/".join(steps[plain:])
