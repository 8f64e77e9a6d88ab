"""What a comparison of two models found, in lines."""

from __future__ import annotations

from typing import Any

import click

from configsplit.cli.output import table

_MOST = 8
"""So many places are named where two models part besides."""


def compared_lines(found: Any, one: str, other: str) -> list[str]:
    """The verdict, what was fed, each output that differs, and the table of where the models part."""
    return [_verdict(found, one, other), fed_line(found), *_differing(found), *_parting(found, one, other)]


def fed_line(found: Any) -> str:
    """``fed: ids 4×5 int32 (drawn, seed 0)``."""
    fed = ", ".join(f"{each.name} {'×'.join(map(str, each.shape))} {each.dtype}" for each in found.inputs)
    return f"  fed: {fed} ({'your own' if found.given else f'drawn, seed {found.seed}'})"


def tolerated(found: Any) -> str:
    """``outputs equal within 1e-05 (off by up to 3e-07)``, or that every bit is equal."""
    if found.identical:
        return f"outputs bit-identical{f' (a tolerance of {found.tolerance:g} was allowed)' if found.tolerance else ''}"
    off = max(output.max_abs_difference for output in found.outputs)
    return f"outputs equal within the tolerance of {found.tolerance:g} (off by up to {off:.3g})"


def _verdict(found: Any, one: str, other: str) -> str:
    runs = " and ".join(f"{name} in {ran.framework} {ran.version}" for name, ran in ((one, found.ran), (other, found.other)))
    outputs = ", ".join(f"{output.name} {'×'.join(map(str, output.shape))}" for output in found.outputs)
    if found.passed:
        return f"{click.style('verified', fg='green', bold=True)}: {tolerated(found)}, {runs} ({outputs})"
    allowed = f"a tolerance of {found.tolerance:g}" if found.tolerance else "every bit has to be equal"
    return f"{click.style('different', fg='red', bold=True)}: {runs}; {allowed}"


def _differing(found: Any) -> list[str]:
    lines = [
        f"  output {output.name!r}: {_off(output.max_abs_difference)}, its largest value {output.largest:.3g}"
        for output in found.outputs
        if not output.within(found.tolerance)
    ]
    if not found.deterministic:
        lines.append("  note: the first model does not repeat itself on the same inputs; no comparison of it says anything")
    return lines


def _off(difference: float | None) -> str:
    return "other shapes, or a number against none" if difference is None else f"off by up to {difference:.3g}"


def _parting(found: Any, one: str, other: str) -> list[str]:
    parting = found.parting
    if parting is None:
        return []
    alone = f"{len(parting.alone)} of {one} and {len(parting.other_alone)} of {other} had nothing to be compared with"
    if parting.first is None:
        return [f"  all {parting.compared} tensors inside that were compared are equal; {alone}: they part there"]
    rows: list[tuple[str, ...]] = [("", "tensor", "class", other, "matched by", "off by up to", "largest")]
    for sign, group in (("  ", parting.before), ("->", (parting.first,)), ("  ", parting.behind)):
        rows += [(sign, *_row(each)) for each in group]
    head = f"  first tensor that differs, of {parting.compared} compared in the order of running: {parting.first.name!r}"
    return [head, *table(rows, indent="  "), *_others(parting.others), f"  {alone}"]


def _others(found: Any) -> list[str]:
    """Where the models part besides: on branches that the first place has no part in."""
    if not found:
        return []
    names = ", ".join(f"{each.name!r} (off by {_row(each)[4]})" for each in found[:_MOST])
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return [f"  differ besides, though what they are computed from is equal: {names}{more}"]


def _row(each: Any) -> tuple[str, ...]:
    kind = each.class_name if each.class_name == each.other_class else f"{each.class_name}/{each.other_class}"
    if each.difference is None:
        shapes = "×".join(map(str, each.shape)), "×".join(map(str, each.other_shape))
        off = f"{shapes[0]} / {shapes[1]}" if shapes[0] != shapes[1] else "a number against none"
    else:
        off = "0" if each.difference == 0 else f"{each.difference:.3g}"
    return each.name, kind, each.other, each.by, off, f"{each.largest:.3g}"
