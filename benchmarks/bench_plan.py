"""Plans of four large networks beside two ways in which people cut by hand, and how long plans take.

    python benchmarks/bench_plan.py [--write docs/planning.md]

- *equal layers*: the layers in Keras's order, cut into parts of as many layers each;
- *greedy*: the first place through which a single tensor passes, behind each N-th of the multiply-accumulates.

The architectures are made by Keras once and stay in benchmarks/out.
"""

from __future__ import annotations

import argparse
import inspect
import json
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from measure import OUT, machine, table, write_section

import configsplit
from configsplit.boundaries.costs import Costs
from configsplit.cutting.pipeline.plan import Best, best_plan
from configsplit.cutting.pipeline.search import Terms
from configsplit.cutting.pipeline.units import Measure, Units, units_of
from configsplit.graph.calls import CallGraph, call_graph
from configsplit.models.document import Document

NETWORKS = ("ResNet152", "EfficientNetB4", "NASNetLarge", "InceptionResNetV2")
STAGES = (2, 4, 8)
LONG = 20_000

BUILD = """
import sys
import keras
for name in sys.argv[2:]:
    keras.backend.clear_session()
    text = getattr(keras.applications, name)(weights=None).to_json()
    open(f"{sys.argv[1]}/{name}.json", "w").write(text)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="put the results into this file")
    parser.add_argument("--quick", action="store_true", help="only the four networks of the table")
    options = parser.parse_args()
    compared = compare()
    speed = "" if options.quick else timings()
    print(f"{compared}\n\n{speed}")
    if options.write:
        write_section(options.write, "comparison", compared)
        if speed:
            write_section(options.write, "timings", speed)


def network(name: str) -> Document:
    path = OUT / f"{name}.json"
    if not path.exists():
        OUT.mkdir(exist_ok=True)
        subprocess.run([sys.executable, "-c", BUILD, str(OUT), name], check=True)
    return configsplit.load(path)


# ---------------------------------------------------------------- the table


def compare() -> str:
    rows = [row for name in NETWORKS for row in _rows(name)]
    header = ["network, N", "plan", "", "equal layers", "", "greedy", "", "proven"]
    legend = (
        "Left of each pair: the largest stage over the mean of all (1.000 is perfect), by multiply-accumulates. Right: MB per "
        "sample across all boundaries; behind the figures of a cut by hand, in brackets, those of the plan whose largest stage "
        "may be as large as that (`slack`)."
    )
    return f"{legend}\n\n{table(header, rows)}\n\nMeasured on {machine()}."


def _rows(name: str) -> list[list[str]]:
    document = network(name)
    costs = Costs(call_graph(document.model), document.infer())
    units = units_of(costs.graph, costs.price, costs.macs, costs.weights)
    return [_row(name, stages, costs, units) for stages in STAGES]


def _row(name: str, stages: int, costs: Costs, units: Units) -> list[str]:
    best = best_plan(units, Terms.equal(stages))
    others = [equal_layers(costs, stages), greedy(costs, stages)]
    mean = costs.macs.of(set(range(len(costs.graph.calls)))) / stages
    figures = [(best.largest / mean, best.bytes)]
    figures += [(largest(costs, heads) / mean, sum(crossing(costs, head) for head in heads)) for heads in others]
    assert all(figures[0][0] <= worse for worse, _ in figures[1:]), f"{name}: a plan by hand is better"
    cells = [f"{figures[0][0]:.3f}", f"{figures[0][1] / 1e6:.2f}"]
    for (imbalance, size), heads in zip(figures[1:], others, strict=True):
        if len(set(map(frozenset, heads))) < stages - 1:
            cells += ["no such parts", ""]
            continue
        slack = Fraction(largest(costs, heads), best.largest) - 1
        cheap = best_plan(units, Terms.equal(stages), slack=slack)
        assert cheap.bytes <= size or cheap.bytes_state == "bounded", f"{name}: a plan by hand is better"
        cells += [f"{imbalance:.3f}", f"{size / 1e6:.2f} ({cheap.bytes / 1e6:.2f})"]
    return [f"{name}, {stages}", *cells, proof(best)]


def proof(best: Best) -> str:
    if best.state == "bounded":
        return f"within {100 * (best.largest / best.bound - 1):.2g}% of the bound"
    return "optimal" if best.bytes_state == "optimal" else "largest stage optimal"


def equal_layers(costs: Costs, stages: int) -> list[set[int]]:
    """The layers in the order of the document, as many in each part; what a part needs from behind it moves up to it."""
    calls = [call for call in range(len(costs.graph.calls)) if not costs.graph.is_input[call]]
    cuts = [round(len(calls) * number / stages) for number in range(1, stages)]
    return [_closed(costs.graph, calls[:cut]) for cut in cuts]


def _closed(graph: CallGraph, calls: list[int]) -> set[int]:
    found, todo = set(calls), list(calls)
    while todo:
        fresh = [maker for maker in graph.before[todo.pop()] if maker not in found and not graph.is_input[maker]]
        found.update(fresh)
        todo += fresh
    return found


def greedy(costs: Costs, stages: int) -> list[set[int]]:
    """The first single-tensor place past each N-th of the total; where there is none, the last one."""
    singles = single_places(costs)
    total = costs.macs.of(set(range(len(costs.graph.calls))))
    spent = [costs.macs.of(head) for head in singles]
    found = []
    for number in range(1, stages):
        past = [head for head, cost in zip(singles, spent, strict=True) if cost * stages >= total * number]
        found.append(past[0] if past else singles[-1])
    return found


def single_places(costs: Costs) -> list[set[int]]:
    from configsplit.cutting.places import cut_places, segmented

    whole = segmented(costs.graph, costs.price)
    places = cut_places(costs.graph, whole, costs.price)
    return [set(whole.head(place)) for place in places if len(place.tensors) == 1]


def largest(costs: Costs, heads: list[set[int]]) -> int:
    everything = {call for call in range(len(costs.graph.calls)) if not costs.graph.is_input[call]}
    edges = [set[int](), *heads, everything]
    return max(costs.macs.of(outer - inner) for inner, outer in zip(edges, edges[1:], strict=False))  # noqa: RUF007


def crossing(costs: Costs, head: set[int]) -> int:
    graph = costs.graph
    return sum(
        costs.price(ref)
        for ref, takers in graph.consumers.items()
        if graph.producer(ref) in head and any(taker not in head for taker in takers)
    )


# ---------------------------------------------------------------- how long it takes


def timings() -> str:
    import keras

    found = vars(keras.applications).items()
    names = sorted(name for name, value in found if inspect.isfunction(value) and name[0].isupper())
    lines = []
    for stages in (2, 4, 8, 16):
        results = [(name, *_timed(name, stages, balance)) for name in names for balance in ("macs", "params")]
        slowest = max(results, key=lambda result: result[1])
        proven = sum(best.state == "optimal" for _, _, best in results)
        fully = sum(best.bytes_state == "optimal" for _, _, best in results)
        lines.append(
            [str(stages), f"{sorted(each[1] for each in results)[len(results) // 2]:.2f}", f"{slowest[1]:.2f} ({slowest[0]})",
             f"{proven} of {len(results)}", f"{fully} of {len(results)}"]
        )  # fmt: skip
    header = ["N", "median CPU s", "slowest CPU s", "largest stage proven optimal", "bytes, too"]
    return f"{table(header, lines)}\n\n{long_chain()}\n\nMeasured on {machine()}."


def _timed(name: str, stages: int, balance: str) -> tuple[float, Best]:
    document = network(name)
    costs = Costs(call_graph(document.model), document.infer())
    measure: Measure = {"macs": costs.macs, "params": costs.parameters}[balance]
    weights = costs.weights
    return _clocked(lambda: best_plan(units_of(costs.graph, costs.price, measure, weights), Terms.equal(stages)))


def _clocked(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def long_chain() -> str:
    from bench_chain import write_chain

    path = OUT / f"chain-{LONG}.json"
    if not path.exists():
        write_chain(path, LONG)
    assert json.loads(path.read_text())["class_name"] == "Functional"
    document = configsplit.load(path)
    seconds = [_clocked(lambda n=stages: configsplit.plan(document, n))[0] for stages in (2, 16)]
    places = _clocked(lambda: configsplit.cuts(document))[0]
    return (
        f"A chain of {LONG:,} layers: a plan of 2 stages with its parts in {seconds[0]:.1f} s, of 16 in {seconds[1]:.1f} s; "
        f"all its places with their prices in {places:.1f} s (CPU)."
    )


if __name__ == "__main__":
    main()
