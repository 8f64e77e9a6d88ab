"""How pictures are written: SVG, Mermaid, Graphviz, Model Explorer. Names of layers are text there, whatever stands in them."""

from __future__ import annotations

import json
import re
import struct
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from drawn_models import HOSTILE, chain, dense, functional, image, layer, loaded, nested_twice, residual

import configsplit
from configsplit.errors import ConfigSplitError
from configsplit.pictures.layout import placed
from configsplit.pictures.of_model import views_of
from configsplit.pictures.png import png
from configsplit.pictures.svg import HEIGHT, WIDTH, sizes_of
from configsplit.pictures.words import amount, markup, plain, shortened, size
from configsplit.verbs.plot import Plot, plot

SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "title", "style", "rect", "text", "g", "path"}


@pytest.fixture
def hostile(tmp_path: Path) -> Plot:
    """Names, of layers and of what is nested, that mean something to each format."""
    return plot(loaded(tmp_path, nested_twice(chain(HOSTILE), name=HOSTILE[0])), unfold=True)


def test_svg_of_hostile_names_is_text(hostile: Plot) -> None:
    root = ElementTree.fromstring(hostile.text(".svg"))
    assert {each.tag.removeprefix(SVG) for each in root.iter()} == ELEMENTS
    assert {key for each in root.iter() for key in each.attrib if key.startswith("on") or "href" in key} == set()
    titles = [each.text or "" for each in root.iter(f"{SVG}title")]
    assert any(title.startswith("<img src=x onerror=alert(1)>") for title in titles)
    assert any(title.startswith("\\u202eevil\\u2066\\u2028") for title in titles)
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\u2028]", hostile.text(".svg"))


def test_mermaid_of_hostile_names_is_text(hostile: Plot) -> None:
    """Whatever stands in quotes is letters, digits and entities; every line is one of ours."""
    lines = hostile.text(".mmd").splitlines()
    ours = re.compile(
        r'flowchart TB| +n[\d_]+\["[^"<>&`\\$]*(<br/>[^"<>&`\\$]*)*"\](:::\w+)?| +subgraph g[\d_]+\["[^"<>&]*"\]| +end'
        r"| +n[\d_]+ --> n[\d_]+| +classDef [\w ,:#-]+"
    )
    assert [line for line in lines if not ours.fullmatch(line)] == []
    assert sum("#60;img src#61;x onerror#61;alert#40;1#41;#62;" in line for line in lines) == 4


def test_dot_of_hostile_names_is_text(hostile: Plot) -> None:
    """With its strings taken out nothing is left but what is ours."""
    text = hostile.text(".dot")
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "S", text)
    ours = re.compile(
        r"digraph S \{|\}| +\}| +node \[shape=box, style=S, fillcolor=S, fontname=S\]| +subgraph cluster_[\d_]+ \{| +label=S"
        r"| +n[\d_]+ \[label=S, color=S\]| +n[\d_]+ -> n[\d_]+ \[penwidth=[\d.]+, color=S\]"
    )
    assert [line for line in bare.splitlines() if not ours.fullmatch(line)] == []
    assert text.isascii() or not re.search(r"[\u202a-\u202e\u2066-\u2069]", text)


def test_model_explorer_has_every_layer_and_its_edges(hostile: Plot) -> None:
    document = json.loads(hostile.text(".json"))
    (graph,) = document["graphs"]
    nodes = {node["id"]: node for node in graph["nodes"]}
    assert len(nodes) == len(graph["nodes"]) == 3 + 2 * (1 + len(HOSTILE))
    edges = [(edge["sourceNodeId"], node["id"]) for node in nodes.values() for edge in node["incomingEdges"]]
    assert len(edges) == 2 * (1 + len(HOSTILE)) + 2
    assert all(source in nodes for source, _ in edges)
    assert {node["namespace"].count("/") for node in nodes.values()} == {0}
    total = next(node for node in nodes.values() if node["label"] == "sum")
    assert {nodes[edge["sourceNodeId"]]["label"] for edge in total["incomingEdges"]} == {HOSTILE[-1]}
    assert {edge["targetNodeInputId"] for edge in total["incomingEdges"]} == {"0", "1"}


def test_lines_lead_into_open_models_by_argument(tmp_path: Path) -> None:
    """Each input of a model that is called goes to the InputLayer of that number, and each output comes from its own layer."""
    inner = functional([image("p", 4), image("q", 4), dense("f", "q"), dense("g", "p")], ["p", "q"], ["g", "f"])
    entry = {"class_name": "Model", "name": "two", "config": inner["config"]}
    entry["inbound_nodes"] = [[["one", 0, 0, {}], ["other", 0, 0, {}]]]
    last = {**layer("last", "Dense", {"units": 1}, ()), "inbound_nodes": [[["two", 1, 1, {}]]]}
    outer = functional([image("one", 4), image("other", 4), entry, last], ["one", "other"], ["last"])
    text = plot(loaded(tmp_path, outer)).text(".mmd")
    ids = {name: found for found, name in re.findall(r'(n[\d_]+)\["(\w+)', text)}
    edges = set(re.findall(r"(n[\d_]+) --> (n[\d_]+)", text))
    assert {(ids["one"], ids["p"]), (ids["other"], ids["q"]), (ids["f"], ids["last"])} <= edges
    assert len(edges) == 5


def test_what_is_unfolded_has_every_layer(tmp_path: Path) -> None:
    document = loaded(tmp_path, residual(5))
    assert plot(document).text(".svg").count('class="b ') == 5
    assert plot(document, unfold=True).text(".svg").count('class="b ') == len(document.model.layers)


def test_the_cut_is_written_between_the_parts(tmp_path: Path) -> None:
    configsplit.split(loaded(tmp_path, residual(4)), at="b1_1").save(tmp_path / "parts")
    text = plot(tmp_path / "parts").text(".svg")
    root = ElementTree.fromstring(text)
    told = [each.text or "" for each in root.iter(f"{SVG}text")]
    assert {each for each in told if "kB" in each and "·" in each} == {"b1_1 · 8×8×4 · 1.02 kB", "b0_out · 8×8×4 · 1.02 kB"}
    assert sum(each.startswith(("part-0.json", "part-1.json")) for each in told) == 2
    assert len(re.findall('class="cut"', text)) == 1


def test_boxes_do_not_lie_on_each_other(tmp_path: Path) -> None:
    (view,) = views_of(loaded(tmp_path, residual(6)).infer())
    layout = placed(view, sizes_of(view, []))
    assert len(layout.boxes) == len(view.boxes)
    for number, (x, y, width, height) in enumerate(layout.boxes):
        assert (width, height) == (WIDTH, HEIGHT)
        assert x >= 0 <= y
        assert x + width <= layout.width
        assert y + height <= layout.height
        for other_x, other_y, _, _ in layout.boxes[:number]:
            assert abs(x - other_x) >= WIDTH or abs(y - other_y) >= HEIGHT


def test_lines_run_downwards_from_box_to_box(tmp_path: Path) -> None:
    (view,) = views_of(loaded(tmp_path, residual(6)).infer())
    layout = placed(view, sizes_of(view, []))
    for line, points in zip(view.lines, layout.lines, strict=True):
        source, target = layout.boxes[line.source or 0], layout.boxes[line.target or 0]
        assert points[0] == (source[0] + WIDTH / 2, source[1] + HEIGHT)
        assert points[-1][1] == target[1]
        assert target[0] < points[-1][0] < target[0] + WIDTH
        assert [y for _, y in points] == sorted(y for _, y in points)


def test_a_shortcut_passes_beside_the_boxes(tmp_path: Path) -> None:
    """No point of a line lies inside a box."""
    (view,) = views_of(loaded(tmp_path, residual(3)).infer())
    layout = placed(view, sizes_of(view, []))
    for points in layout.lines:
        for x, y in points[1:-1]:
            assert not any(left < x < left + WIDTH and top < y < top + HEIGHT for left, top, _, _ in layout.boxes)


@pytest.mark.parametrize("suffix", [".svg", ".mmd", ".dot", ".json"])
def test_the_same_model_gives_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    first, second = (plot(loaded(tmp_path, residual(5))).text(suffix) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("suffix", [".gif", ".pdf", ""])
def test_other_suffixes_are_refused(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigSplitError) as caught:
        plot(loaded(tmp_path, residual(2))).save(tmp_path / f"out{suffix}")
    assert caught.value.code == "plot-suffix"
    assert [each.name for each in tmp_path.iterdir()] == ["m.json"]


def test_an_output_is_replaced_only_by_force(tmp_path: Path) -> None:
    found = plot(loaded(tmp_path, residual(2)))
    found.save(tmp_path / "out.svg")
    (tmp_path / "out.svg").write_text("mine", "utf-8")
    with pytest.raises(ConfigSplitError) as caught:
        found.save(tmp_path / "out.svg")
    assert caught.value.code == "output-exists"
    assert (tmp_path / "out.svg").read_text("utf-8") == "mine"
    found.save(tmp_path / "out.svg", force=True)
    assert (tmp_path / "out.svg").read_text("utf-8").startswith("<svg")


@pytest.mark.parametrize(
    ("number", "told"),
    [(None, "?"), (0, "0"), (999, "999"), (1000, "1k"), (25_636_712, "25.6M"), (999_999, "1M"), (10**16, "1e+04T")],
)
def test_amounts(number: int | None, told: str) -> None:
    assert amount(number) == told


def test_sizes() -> None:
    assert [size(None), size(12), size(401_408)] == ["size open", "12 B", "401 kB"]


def test_names_are_tamed() -> None:
    assert plain("a\tb\u202e\ud800é中") == "a\\tb\\u202e\\ud800é中"
    assert markup('<a href="x">\'&\n') == "&lt;a href=&quot;x&quot;&gt;&#x27;&amp;\\n"
    assert shortened("conv4_block22_preact_relu", 12) == "conv4_…_relu"


# ---------------------------------------------------------------------------------------------------------------- PNG


def pixels(data: bytes) -> tuple[int, int]:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", data[16:24])


def test_a_png_is_the_svg_with_its_letters(tmp_path: Path) -> None:
    """A name that differs in one letter is another picture: resvg leaves out text without a word where it knows no font."""
    one, other = (plot(loaded(tmp_path, chain(["a", name]))) for name in ("b", "c"))
    one.save(tmp_path / "one.png")
    data = (tmp_path / "one.png").read_bytes()
    size = re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', one.text(".svg"))
    assert size is not None
    assert pixels(data) == (2 * round(float(size[1])), 2 * round(float(size[2])))
    assert data == one.png() != other.png()


def test_a_large_png_has_fewer_pixels_and_a_huge_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("configsplit.pictures.png._MOST_PIXELS", 8_000_000)
    made = plot(loaded(tmp_path, chain(f"d{number}" for number in range(200))), unfold=True)
    width, height = pixels(made.png())
    assert 6_000_000 < width * height < 8_010_000
    huge = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 30000 30000"/>'
    with pytest.raises(ConfigSplitError) as caught:
        png(huge)
    assert caught.value.code == "plot-png-size"


def test_without_the_library_or_a_font_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plot(loaded(tmp_path, chain(["a"])))
    monkeypatch.setattr("configsplit.pictures.png._FONTS", ("No Such Font",))
    monkeypatch.setattr(
        "configsplit.pictures.png._PROBE", '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><!--{}--></svg>'
    )
    with pytest.raises(ConfigSplitError) as caught:
        made.png()
    assert caught.value.code == "plot-png-font"
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(ConfigSplitError) as caught:
        made.save(tmp_path / "out.png")
    assert (caught.value.code, caught.value.hint) == ("extra-missing", "pip install 'configsplit[png]', or name the file .svg")
    assert not (tmp_path / "out.png").exists()
