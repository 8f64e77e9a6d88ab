"""`join(split(model, cut)) == model`, for every call of every layer of every document, and each of the three boundaries.

The parts go through text on the way, as they do through files: what `join` is given was parsed anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from documents import SEED, files, is_whole, text_of, texts, title
from support.frameworks import PLUGINS
from support.outcomes import NOTHING_TO_CUT
from support.places import calls, spread
from support.thinned import in_turn, thinned

from configsplit.cutting.minimum_cut import Choice
from configsplit.dialects import parse, to_text
from configsplit.errors import CutError
from configsplit.graph.calls import call_graph, closure
from configsplit.graph.equality import differences
from configsplit.graph.model import Model, TensorRef, TensorSpec
from configsplit.graph.rebuild_order import rebuild_order
from configsplit.graph.references import boundary
from configsplit.inference import trace
from configsplit.plugins import Registry
from configsplit.rewrites.join import Piece, join_pieces
from configsplit.rewrites.split import Split, split_model

CHOICES = get_args(Choice)
FACTS = Registry.discover().load(str(PLUGINS)).facts()
NO_SHAPE = {"lambdas", "wrappers", "seq_unbuilt", "seq_input", "optional_input", "merge_modes", "seq_merge"}
"""Models with a tensor whose shape neither the document nor a rule tells: code of a Lambda or of a Merge, a model in
TimeDistributed (which `Document` opens), models in a Merge, no input shape at all, a class of the user's own. Their cuts are
tried with given shapes."""


def described(model: Model) -> dict[TensorRef, TensorSpec]:
    """The shape and dtype of every tensor. What inference cannot tell is given, as a user would with --shape."""
    found = trace(model, FACTS).specs
    return {ref: _given(spec) for ref, spec in found.items()}


def _given(spec: TensorSpec) -> TensorSpec:
    return spec if spec.shape is not None and spec.dtype is not None else TensorSpec((None, 4), "float32")


def rejoined(model: Model, done: Split) -> Model:
    pieces = []
    for part, wires in zip(done.parts, done.wires, strict=True):
        again = parse(to_text(part.model)).model
        pieces.append(Piece(again, wires, {path[0]: origin.calls for path, origin in part.provenance.layers.items()}))
    return join_pieces(pieces, done.outputs, model)


def nothing_to_cut(model: Model, text: str) -> bool:
    """Whether one side would be empty, found in a way of its own: what the tensor needs is all there is, or only inputs."""
    graph = call_graph(model)
    producers = {graph.producer(ref) for ref in boundary(model, text)}
    if all(graph.is_input[call] for call in producers):
        return True
    consumed = any(graph.consumers.get(ref) for ref in boundary(model, text))
    needed = closure(producers, graph.before)
    return not consumed and {graph.producer(ref) for ref in graph.outputs} <= needed


def try_cut(model: Model, specs: dict[TensorRef, TensorSpec], text: str, choice: Choice) -> bool:
    """Cut and join again; False if there was nothing to cut."""
    places = boundary(model, text)
    if nothing_to_cut(model, text):
        with pytest.raises(CutError) as caught:
            split_model(model, [places], specs, choice)
        assert caught.value.code in NOTHING_TO_CUT
        return False
    done = split_model(model, [places], specs, choice)
    assert len(done.parts) == 2
    assert set(places) <= {ref for part in done.parts for ref in part.outputs}, text
    assert differences(model, rejoined(model, done)) == [], text
    for part in done.parts:
        assert rebuild_order(part.model) == tuple(layer.name for layer in part.model.layers), text
    return True


SMALL = [path for path in [*texts(), *files()] if is_whole(path) and path != SEED]


@pytest.mark.parametrize("path", thinned(SMALL, 250), ids=title)
def test_parts_join_to_what_was_cut(path: Path) -> None:
    model = parse(text_of(path)).model
    specs, places = described(model), spread(calls(model), 40)
    done = [try_cut(model, specs, place, choice) for place in places for choice in CHOICES]
    assert any(done) or len(call_graph(model).calls) <= 6


@pytest.mark.parametrize(("choice", "first"), in_turn([(choice, first) for first in range(4)] for choice in CHOICES))
def test_the_seed_model_joins_to_what_was_cut(choice: Choice, first: int) -> None:
    model = parse(text_of(SEED)).model
    specs, places = described(model), ["res3a_branch2a@0", *spread(calls(model)[1:-1], 40)[first::4]]
    done = [try_cut(model, specs, place, choice) for place in places]
    assert done == [True] * 11


def test_every_shape_is_told_but_those_of_a_few_models() -> None:
    """The law above would hold with made-up shapes too; this says that it hardly ever had to."""
    without = set()
    for path in SMALL:
        specs = trace(parse(text_of(path)).model, FACTS).specs
        if any(spec.shape is None or spec.dtype is None for spec in specs.values()):
            without.add(path.name.partition(".")[0])
    assert without <= NO_SHAPE


def test_three_choices_differ_where_they_can() -> None:
    """A cut in one branch leaves the other free: early leaves it behind, late takes it along, smallest takes what is cheap."""
    model = parse(text_of(SEED)).model
    specs, place = described(model), boundary(model, "res3a_branch2a")
    heads = [len(split_model(model, [place], specs, choice).parts[0].model.layers) for choice in ("early", "smallest", "late")]
    assert heads == sorted(heads)
    assert heads[0] < heads[2]
