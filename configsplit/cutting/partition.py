"""Heads as parts: which call goes where, in an order in which every part can run."""

from __future__ import annotations

from collections.abc import Sequence

from configsplit.errors import CutError
from configsplit.graph.calls import CallGraph


def partition(graph: CallGraph, heads: Sequence[set[int]]) -> list[list[int]]:
    """The calls of each part; InputLayers are in none.

    Calls that lie in the same heads form a part. An edge of the graph can only leave heads, never enter one, so parts in
    the order of "in more heads first" never wait for a later one. Nested heads (N cuts) give N + 1 parts; crossing ones may
    give more.

    Raises:
        CutError: a head holds all calls, or none.
    """
    parts: dict[tuple[bool, ...], list[int]] = {}
    for call in range(len(graph.calls)):
        if not graph.is_input[call]:
            parts.setdefault(tuple(call in head for head in heads), []).append(call)
    if len(parts) <= len(heads):
        raise CutError("one of the parts would hold no layer at all", code="cut-empty-part", hint="cut at fewer places")
    return [parts[key] for key in sorted(parts, key=lambda key: (-sum(key), tuple(not inside for inside in key)))]
