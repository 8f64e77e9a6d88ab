"""What a picture shows: boxes and lines as the model has them, blocks folded, parts and differences told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from drawn_models import blocks, chain, conv, dense, functional, image, layer, loaded, nested_twice, residual, written

import configsplit
from configsplit.catalog.facts import LayerFacts
from configsplit.catalog.table import class_facts, family
from configsplit.errors import ConfigSplitError
from configsplit.pictures.folding import folded
from configsplit.pictures.layout import MIDDLE
from configsplit.pictures.of_model import MOST_BOXES, views_of
from configsplit.pictures.picture import Box, View
from configsplit.pictures.svg import _named, closed
from configsplit.verbs.plot import MOST_SEEN, opened, plot
from configsplit.verbs.verify import read_manifest

RELEASES = Path(__file__).resolve().parents[1] / "corpus" / "releases"


def names(view: View) -> list[str]:
    return [box.name for box in view.boxes]


def wires(view: View) -> set[tuple[str, str]]:
    """The lines of a view by the names of their boxes; the edge of the view is ``|``."""

    def name(number: int | None) -> str:
        return "|" if number is None else view.boxes[number].name

    return {(name(line.source), name(line.target)) for line in view.lines}


def test_boxes_and_lines_are_those_of_the_model(tmp_path: Path) -> None:
    (view,) = views_of(loaded(tmp_path, functional([image(), conv("c", "x", 6), dense("d", "c")], ["x"], ["d"])).infer())
    assert names(view) == ["x", "c", "d"]
    assert [box.family for box in view.boxes] == ["input", "convolution", "dense"]
    assert [box.shape for box in view.boxes] == ["8×8×4", "8×8×6", "8×8×4"]
    assert [box.parameters for box in view.boxes] == [0, 3 * 3 * 4 * 6, 6 * 4 + 4]
    assert view.boxes[1].macs == 8 * 8 * 3 * 3 * 4 * 6
    assert wires(view) == {("x", "c"), ("c", "d")}
    assert [line.bytes for line in view.lines] == [8 * 8 * 4 * 4, 8 * 8 * 6 * 4]


@pytest.mark.parametrize(
    ("class_name", "told"),
    [
        ("Conv2D", "convolution"),
        ("MaxPooling2D", "pooling"),
        ("LSTM", "recurrent"),
        ("Bidirectional", "recurrent"),
        ("Lambda", "other"),
        ("Dropout", "dropout"),
        ("TFOpLambda", "operation"),
        ("MultiHeadAttention", "attention"),
    ],
)
def test_a_family_is_the_group_of_a_declaration(class_name: str, told: str) -> None:
    assert family(class_facts(class_name)) == told


def test_a_class_of_a_plug_in_or_of_nobody_is_a_custom_one() -> None:
    assert family(None) == family(LayerFacts(class_name="Conv2D")) == "custom"


def test_an_open_size_is_no_number_of_bytes(tmp_path: Path) -> None:
    document = loaded(tmp_path, functional([image("x", None, None, 3), conv("c", "x")], ["x"], ["c"]))  # type: ignore[arg-type]
    (view,) = views_of(document.infer())
    assert view.boxes[1].shape == "?×?×4"
    assert view.lines[0].bytes is None
    assert plot(document, sizes=["x=1,8,8,3"]).whole.views[0].lines[0].bytes == 8 * 8 * 3 * 4


def test_blocks_of_one_form_are_one_box_that_opens(tmp_path: Path) -> None:
    views = folded(views_of(loaded(tmp_path, residual(5)).infer()))
    outer = views[0]
    assert names(outer) == ["x", "stem", "b0 … b4", "pool", "head"]
    fold = outer.boxes[2]
    assert (fold.times, fold.layers, fold.parameters) == (5, 15, 10 * 3 * 3 * 4 * 4)
    assert wires(outer) == {("x", "stem"), ("stem", "b0 … b4"), ("b0 … b4", "pool"), ("pool", "head")}
    assert fold.inside is not None
    row = views[fold.inside]
    assert names(row) == ["b0", "b1", "b2", "b3", "b4"]
    assert ("|", "b0") in wires(row)
    assert ("b4", "|") in wires(row)
    second = row.boxes[1].inside
    assert second is not None
    assert names(views[second]) == ["b1_1", "b1_2", "b1_out"]
    assert wires(views[second]) == {("|", "b1_1"), ("b1_1", "b1_2"), ("b1_2", "b1_out"), ("|", "b1_out"), ("b1_out", "|")}


def test_what_is_not_of_one_form_stays(tmp_path: Path) -> None:
    """A block with another layer in it, and one whose sum takes something else."""
    layers = [image(), conv("stem", "x"), *blocks(8)]
    layers[2 + 3 * 3 + 1] = layer("b3_2", "Activation", {"activation": "relu"}, ("b3_1",))
    views = folded(views_of(loaded(tmp_path, functional(layers, ["x"], ["b7_out"])).infer()))
    assert names(views[0]) == ["x", "stem", "b0 … b2", "b3_1", "b3_2", "b3_out", "b4 … b7"]


def cells(count: int, size: int) -> list[dict[str, Any]]:
    """Cells that take what the last two have given: ``cN_0`` and so on, a sum, in the order of their depth."""
    made = []
    for number in range(count):
        one, other = (f"c{number - back}_out" if number >= back else "stem" for back in (1, 2))
        rows = [conv(f"c{number}_0", one), *(conv(f"c{number}_{each}", f"c{number}_{each - 1}") for each in range(1, size))]
        made += [*rows, layer(f"c{number}_out", "Add", {}, (f"c{number}_{size - 1}", other))]
    return made


def test_cells_that_take_what_two_others_gave_are_folded(tmp_path: Path) -> None:
    layers = [image(), conv("stem", "x"), *cells(30, 3), conv("last", "c29_out")]
    views = folded(views_of(loaded(tmp_path, functional(layers, ["x"], ["last"])).infer()))
    (fold,) = [box for box in views[0].boxes if box.times > 1]
    assert fold.times >= 28
    assert len(views[0].boxes) <= 4 + 2 * 4
    assert fold.inside is not None
    assert ("c5", "c7") in wires(views[fold.inside]), "what skips a cell is seen among the cells"


def test_a_long_block_is_a_box_that_opens(tmp_path: Path) -> None:
    """But not one that is most of the model, nor one with a cut in it."""
    branch = [conv("p0", "stem"), *(conv(f"p{number}", f"p{number - 1}") for number in range(1, 44))]
    rows = [image(), conv("stem", "x"), *branch, layer("p_out", "Add", {}, ("p43", "stem"))]
    (view,) = folded(views_of(loaded(tmp_path, functional(rows, ["x"], ["p_out"])).infer()))
    assert len(view.boxes) == len(rows)
    tail = [dense(f"t{number}", f"t{number - 1}" if number else "p_out", 4 + number % 29) for number in range(150)]
    document = loaded(tmp_path, functional([*rows, *tail], ["x"], ["t149"]), "long.json")
    views = folded(views_of(document.infer()))
    block = next(box for box in views[0].boxes if box.name == "p")
    assert (block.layers, block.times, views[block.inside or 0].kind) == (45, 1, "block")
    configsplit.split(document, at="p20").save(tmp_path / "parts")
    assert "p21" in names(plot(tmp_path / "parts").picture.views[0])


def test_every_layer_is_in_one_view(tmp_path: Path) -> None:
    """Folding moves boxes, and loses none."""
    whole = views_of(loaded(tmp_path, residual(7)).infer())
    inside = [box.name for view in folded(whole) for box in view.boxes if box.inside is None]
    assert sorted(inside) == sorted(names(whole[0]))


def test_views_stand_before_those_that_they_open(tmp_path: Path) -> None:
    document = loaded(tmp_path, nested_twice(nested_twice(chain(["a", "b"], "inner"), "inner")))
    views = folded(views_of(document.infer()))
    pairs = [(number, box.inside) for number, view in enumerate(views) for box in view.boxes if box.inside is not None]
    assert pairs
    assert all(number < inside for number, inside in pairs)


def test_a_long_chain_is_one_box(tmp_path: Path) -> None:
    views = folded(views_of(loaded(tmp_path, chain([f"d{number}" for number in range(3000)])).infer()))
    assert [box.times for box in views[0].boxes] == [1, 3000]


def test_a_shared_model_is_open_in_both_calls(tmp_path: Path) -> None:
    picture = plot(loaded(tmp_path, nested_twice(chain(["a", "b"])))).picture
    assert names(picture.views[0]) == ["left", "right", "encoder@0", "encoder@1", "sum"]
    first, second = picture.views[0].boxes[2:4]
    assert first.inside == second.inside == 1
    assert (picture.views[1].path, names(picture.views[1])) == ("encoder/", ["x", "a", "b"])
    assert opened(picture) == {1}
    assert "parameters" in picture.facts[2]
    assert picture.facts[2].split()[0] == str(2 * (4 * 4 + 4)), "the weights of a shared model count once"


def test_a_model_that_doubles_itself_is_bounded(tmp_path: Path) -> None:
    """Twenty models, each of which calls the next twice, are a million boxes if all were shown."""
    document = chain(["a"])
    for _ in range(20):
        document = nested_twice(document)
    found = plot(loaded(tmp_path, document))
    assert sum(len(view.boxes) for view in found.whole.views) <= MOST_BOXES
    assert found.text(".mmd").count("\n") < 4 * MOST_SEEN
    assert found.text(".svg").count("<g ") < 4 * MOST_SEEN
    assert len(found.text(".json")) < 60_000_000


def test_hazards_stand_at_their_layers(tmp_path: Path) -> None:
    """In nested models, too; and they are not folded away."""
    code = {"function": ["4wEAAAA=", None, None], "function_type": "lambda"}
    inner = chain(["a", "b", "c"])
    inner["config"]["layers"].append(layer("evil", "Lambda", code, ("c",)))
    inner["config"]["output_layers"] = [["evil", 0, 0]]
    found = plot(loaded(tmp_path, nested_twice(inner))).picture
    hazardous = {(view.path, box.name): box.hazard for view in found.views for box in view.boxes if box.hazard}
    assert list(hazardous) == [("encoder/", "evil")]
    assert "marshalled Python code" in hazardous["encoder/", "evil"]
    assert "1 hazardous" in found.facts
    lambdas = plot(RELEASES / "keras-3.15.1" / "lambdas.json")
    assert lambdas.text(".svg").count("hazard: a Lambda") == 2


def test_parts_stand_in_one_view(tmp_path: Path) -> None:
    document = configsplit.load(RELEASES / "keras-3.15.1" / "residual.keras")
    configsplit.split(document, at="c2").save(tmp_path / "parts")
    found = plot(tmp_path / "parts")
    view = found.whole.views[0]
    assert {box.part for box in view.boxes} == {0, 1}
    assert set(names(view)) == {layer.name for layer in document.model.layers}, "inputs of a cut are no boxes"
    crossing = [line for line in view.lines if line.crosses]
    manifest = read_manifest(tmp_path / "parts")
    assert {line.name for line in crossing} == {tensor.tensor for tensor in manifest.parts[0].outputs}
    assert all(view.boxes[line.source or 0].part == 0 and view.boxes[line.target or 0].part == 1 for line in crossing)
    assert [part.file for part in found.picture.parts] == ["part-0.keras", "part-1.keras"]


def test_a_manifest_that_wires_what_is_not_there_is_refused(tmp_path: Path) -> None:
    configsplit.split(configsplit.load(written(tmp_path, residual(2))), at="b0_out").save(tmp_path / "parts")
    manifest = tmp_path / "parts" / "manifest.json"
    text = manifest.read_text("utf-8")
    assert '"output": 0' in text
    manifest.write_text(text.replace('"output": 0', '"output": 7'), "utf-8")
    with pytest.raises(ConfigSplitError) as caught:
        plot(tmp_path / "parts")
    assert caught.value.code == "verify-wiring"


def test_sizes_of_parts_are_refused(tmp_path: Path) -> None:
    configsplit.split(configsplit.load(written(tmp_path, residual(2))), at="b0_out").save(tmp_path / "parts")
    with pytest.raises(ConfigSplitError) as caught:
        plot(tmp_path / "parts", sizes=["x=1,8,8,4"])
    assert caught.value.code == "size-no-input"


def test_a_difference_marks_what_is_added_gone_and_changed(tmp_path: Path) -> None:
    one = loaded(tmp_path, functional([image("x", 4), dense("a", "x"), dense("b", "a"), dense("c", "b")], ["x"], ["c"]))
    rows = [image("x", 4), dense("a", "x", 5), dense("new", "a"), dense("c", "new")]
    found = plot(one, loaded(tmp_path, functional(rows, ["x"], ["c"]), "other.json"))
    marks = {box.name: box.mark for box in found.picture.views[0].boxes}
    assert marks == {"x": "", "a": "changed", "new": "added", "c": "", "b": "gone"}
    assert next(box.note for box in found.picture.views[0].boxes if box.name == "a") == "units 4 → 5; shape 4 → 5"
    assert found.picture.facts[:3] == ("1 added", "1 changed", "1 gone")
    view = found.picture.views[0]
    told = {(view.boxes[line.source or 0].name, view.boxes[line.target or 0].name): line.mark for line in view.lines}
    assert told == {("x", "a"): "", ("a", "b"): "gone", ("b", "c"): "gone", ("a", "new"): "added", ("new", "c"): "added"}


def test_models_that_do_not_differ_have_no_marks(tmp_path: Path) -> None:
    one, same = loaded(tmp_path, residual(3)), loaded(tmp_path, residual(3), "same.json")
    found = plot(one, same).picture
    assert not found.differs
    assert found.facts[0] == "no layer differs"
    assert "b0 … b2" in names(found.views[0])


def test_a_difference_inside_reaches_the_box_outside(tmp_path: Path) -> None:
    one = loaded(tmp_path, nested_twice(chain(["a", "b"])))
    found = plot(one, loaded(tmp_path, nested_twice(chain(["a", "c"])), "other.json")).picture
    assert [box.mark for box in found.views[0].boxes] == ["", "", "changed", "changed", ""]


def test_a_change_inside_a_nested_model_is_all_that_differs(tmp_path: Path) -> None:
    """A verb opens the nested model that it changes: what was in it is not called gone and added."""
    inner = {**functional([image("in", 4), dense("a", "in"), dense("b", "a"), dense("c", "b")], ["in"], ["c"])}
    rows = [image("x", 4), {**inner, "name": "base", "inbound_nodes": [[["x", 0, 0, {}]]]}, dense("head", "base")]
    one = loaded(tmp_path, functional(rows, ["x"], ["head"]))
    noise = {"class_name": "GaussianNoise", "config": {"stddev": 0.1, "name": "noise"}}
    noisy = configsplit.insert(one, noise, after="base/a")
    for pair, mark in (((one, noisy), "added"), ((noisy, one), "gone")):
        found = plot(*pair).whole
        assert {box.name: box.mark for view in found.views for box in view.boxes if box.mark} == {"noise": mark}
        assert found.facts[:2] == (f"1 {mark}", "base opened")
    other = functional([image("x", 4), dense("a", "x"), dense("head", "a")], ["x"], ["head"])
    assert "base opened" not in plot(one, loaded(tmp_path, other, "other.json")).whole.facts


def test_the_order_turned_round_is_drawn(tmp_path: Path) -> None:
    """The lines of both models together run in a circle."""
    found = plot(loaded(tmp_path, chain(["a", "b"])), loaded(tmp_path, chain(["b", "a"]), "other.json"))
    assert found.text(".svg").count('class="b ') == 3
    assert {line.mark for line in found.picture.views[0].lines} == {"gone", "added"}


@pytest.mark.parametrize("count", [0, 3])
def test_one_or_two_models_are_one_picture(count: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigSplitError) as caught:
        plot(*[loaded(tmp_path, chain(["a"]))] * count)
    assert caught.value.code == "plot-models"


# --------------------------------------------------------------------------------------------------------- conversions


def test_a_conversion_stands_beside_what_it_was() -> None:
    """Every new layer that comes of an old one has a line from it; what is new alone is marked; rules are those carried out."""
    old = RELEASES.parent / "conversion" / "keras-1.2.2" / "embed_mask_lstm.h5"
    made = configsplit.convert(old)
    view = plot(old, convert=True).picture.views[0]
    assert plot(made).picture == plot(old, convert=True).picture
    first = view.beside
    assert names(view)[:first] == [each.name for each in made.document.model.layers]
    told = {(view.boxes[link.source].name, view.boxes[link.target].name): link.note for link in view.links}
    assert set(told) == {(origin[0], path[0]) for path, origin in made.migration.origins.items()}
    assert all(link.source < first <= link.target for link in view.links)
    added = {box.name for box in view.boxes if box.mark}
    assert added == {box.name for box in view.boxes[first:]} - {name for _, name in told}
    assert added
    recipes = {path[0]: [str(slot.recipe) for slot in layout.slots] for path, layout in made.migration.layouts.items()}
    assert recipes["lstm_cpu"][0] != "copy"
    assert told["lstm_cpu", "lstm_cpu"].startswith(f"weight 0: {recipes['lstm_cpu'][0]}; ")


def test_folds_and_nested_models_are_linked_as_wholes(tmp_path: Path) -> None:
    """A fold to the fold that it became; a nested model by what became of the layers in it."""
    view = plot(loaded(tmp_path, residual(5)), convert=True).picture.views[0]
    told = {(view.boxes[link.source].name, view.boxes[link.target].name) for link in view.links}
    assert ("b0 … b4", "b0 … b4") in told
    assert len(told) == len(view.links) == view.beside == 5
    nested = plot(loaded(tmp_path, nested_twice(chain(["a", "b"]))), convert=True)
    view = nested.picture.views[0]
    assert {"encoder@0", "encoder@1"} <= set(names(view))
    notes = [link.note for link in view.links if view.boxes[link.source].layer == "encoder"]
    assert notes
    assert all("batch_input_shape → batch_shape" in note for note in notes)


def test_boxes_of_two_models_lie_apart() -> None:
    made = plot(RELEASES / "keras-2.3.1" / "residual.h5", convert=True)
    view = made.picture.views[0]
    (layout,) = closed(made.picture, [0]).values()
    rightmost = max(x + width for x, _, width, _ in layout.boxes[: view.beside])
    assert rightmost + MIDDLE <= min(x for x, _, _, _ in layout.boxes[view.beside :])
    for line, points in zip(view.lines, layout.lines, strict=True):
        x, _, width, _ = layout.boxes[line.target or 0]
        assert x < points[-1][0] < x + width
    for suffix, link in ((".svg", 'class="link ruled"'), (".mmd", "-.-|"), (".dot", "style=dotted")):
        assert link in made.text(suffix)


def test_what_cannot_be_converted_is_not_drawn_so() -> None:
    with pytest.raises(ConfigSplitError) as caught:
        plot(RELEASES.parent / "conversion" / "keras-1.2.2" / "merge_modes.h5", convert=True)
    assert caught.value.code == "convert-lambda"
    with pytest.raises(ConfigSplitError) as caught:
        plot(RELEASES / "keras-2.3.1" / "residual.h5", RELEASES / "keras-2.3.1" / "residual.h5", convert=True)
    assert caught.value.code == "plot-models"


# ---------------------------------------------------------------------------------------------------------------- near


def _acyclic(view: View) -> bool:
    """Whether no way leads back to a box."""
    waiting = {number: {line.source for line in view.lines if line.target == number} for number in range(len(view.boxes))}
    while free := {number for number, sources in waiting.items() if not sources & waiting.keys()}:
        waiting = {number: sources for number, sources in waiting.items() if number not in free}
    return not waiting


@pytest.mark.parametrize("at", ["b0_1", "b6_2", "b11_out", ["b3_1", "b8_1"]])
@pytest.mark.parametrize("near", [0, 1, 3])
def test_what_is_far_from_a_cut_is_closed(at: Any, near: int, tmp_path: Path) -> None:
    """What crosses stays, with its neighbours; each other layer stands in one box that opens; no ways lead in circles."""
    parts = configsplit.split(loaded(tmp_path, residual(20)), at)
    whole, close = plot(parts).whole, plot(parts, near=near, unfold=True).picture
    outer, crossing = close.views[0], {line.name for line in whole.views[0].lines if line.crosses}
    assert {line.name for line in outer.lines if line.crosses} == crossing
    shown = [box for box in outer.boxes if box.inside is None]
    inside = [box for box in outer.boxes if box.inside is not None for box in close.views[box.inside].boxes]
    assert sorted(box.name for box in (*shown, *inside)) == sorted(box.name for box in whole.views[0].boxes)
    assert len(outer.boxes) < len(whole.views[0].boxes)
    assert _acyclic(outer)
    assert len({box.part for box in outer.boxes}) == len(parts)
    assert plot(parts, near=100, unfold=True).picture == whole


def test_a_way_around_what_is_kept_makes_no_circle(tmp_path: Path) -> None:
    """One long shortcut beside everything: what lies before and behind the cut in one part is not one box."""
    chained = [conv("c0", "x"), *(conv(f"c{number}", f"c{number - 1}") for number in range(1, 20))]
    document = functional([image(), *chained, layer("sum", "Add", {}, ("c2", "c19"))], ["x"], ["sum"])
    changed = json.loads(json.dumps(document))
    changed["config"]["layers"][11]["config"]["filters"] = 4
    changed["config"]["layers"][11]["config"]["use_bias"] = True
    one, other = loaded(tmp_path, document), loaded(tmp_path, changed, "n.json")
    outer = plot(one, other, near=1, unfold=True).picture.views[0]
    assert {"c9", "c10", "c11"} <= set(names(outer))
    assert _acyclic(outer)


def test_near_to_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigSplitError) as caught:
        plot(loaded(tmp_path, residual(3)), near=2).text(".svg")
    assert caught.value.code == "plot-near"


def test_a_long_name_of_blocks_keeps_both_ends() -> None:
    box = Box(name="conv4_block2 … block36", times=35)
    assert _named(box, 21) == "conv4_block2… block36"
    assert _named(box, 18) == "conv4_blo… block36"
    assert _named(box, 22) == box.name
    assert _named(Box(name="\u202eblock_one_and_more … end"), 18) == "\\u202eblock_o… end"
    assert _named(Box(name="a_name_that_is_long … and_its_end_is_longer_still"), 20) == "a_name_tha…ger_still"
