"""What a notebook shows: the facts, and nothing that a file's author could make run."""

from __future__ import annotations

import base64
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import configsplit
from configsplit import Document

RELEASES = Path(__file__).resolve().parents[1] / "corpus" / "releases"
NASTY = "<script>alert('1')</script>\"&<img src=x onerror=alert(2)>"
ALLOWED = {"div", "b", "table", "tr", "td", "th", "details", "summary"}


class Reader(HTMLParser):
    """Collects tags, attributes and text; complains of what is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        assert all("url" not in (value or "") for _, value in attrs)
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def read(shown: Any) -> Reader:
    page = shown._repr_html_()
    found = Reader(page)
    assert found.tags <= ALLOWED
    assert found.attributes <= {"style"}
    assert "http" not in page
    return found


def nasty(folder: Path) -> Document:
    """A model whose names are HTML."""
    text = (RELEASES / "tf-2.15" / "residual.json").read_text()
    config = json.loads(text)
    old = config["config"]["layers"][1]["config"]["name"]
    changed = json.loads(text.replace(json.dumps(old), json.dumps(NASTY)))
    changed["config"]["name"] = NASTY
    changed["config"]["layers"][2]["class_name"] = f"Custom>{NASTY}"
    path = folder / "<b>model.json"
    path.write_text(json.dumps(changed))
    return configsplit.load(path)


@pytest.mark.parametrize("file", ["keras-3.15.1/residual.keras", "keras-3.15.1/nested2.keras", "tf-2.4/residual.h5"])
def test_a_document_shows_what_it_is(file: str) -> None:
    document = configsplit.load(RELEASES / file)
    shown = read(document).text
    for words in (
        document.path.name,
        document.detection.dialect.title,
        f"{len(document.model.layers)} layers",
        "takes",
        "gives",
    ):
        assert words in shown
    for layer in document.model.layers:
        assert layer.name in shown
        assert layer.class_name in shown


def test_parts_show_how_they_are_wired() -> None:
    parts = configsplit.split(configsplit.load(RELEASES / "keras-3.15.1" / "residual.keras"), "c2")
    shown = read(parts).text
    for words in ("2 parts of residual.keras", "part 0", "part 1", "the model's own input", "from part 0", "to part 1"):
        assert words in shown
    for part in parts:
        for ref in part.model.input_refs():
            assert ref.layer in shown


def test_a_result_of_surgery_shows_what_was_asked(tmp_path: Path) -> None:
    document = configsplit.load(RELEASES / "keras-3.15.1" / "residual.keras")
    shown = read(configsplit.extract(document, to=["c1", "res"])).text
    for words in ("extract of residual.keras", "to c1, res", "c1", "res"):
        assert words in shown


def test_names_of_a_file_are_text_and_nothing_else(tmp_path: Path) -> None:
    document = nasty(tmp_path)
    for shown in (document, configsplit.extract(document, to=NASTY), configsplit.rename(document, {NASTY: "a&b<i>"})):
        page = shown._repr_html_()
        assert "<script" not in page
        assert "<img" not in page
        assert "<i>" not in page
        assert "<b>model" not in page
        assert "&lt;b&gt;model.json" in page
        assert read(shown).words
    assert NASTY[:60] in read(document).text


def test_split_parts_of_a_nasty_file_are_escaped(tmp_path: Path) -> None:
    document = nasty(tmp_path)
    last = [layer.name for layer in document.model.layers][-2]
    page = configsplit.split(document, last, shapes=["bn1=None,8,8,4"])._repr_html_()
    assert "<script" not in page
    assert "<img" not in page


def test_long_models_and_names_stay_short(tmp_path: Path) -> None:
    entries = [{"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3], "name": "x", "dtype": "float32"}}]
    entries += [
        {"class_name": "Activation", "config": {"name": f"a{number}" + "x" * 300, "activation": "relu"}}
        for number in range(900)
    ]
    model = {
        "class_name": "Sequential",
        "config": {"name": "long", "layers": entries},
        "keras_version": "2.15.0",
        "backend": "tensorflow",
    }
    path = tmp_path / "long.json"
    path.write_text(json.dumps(model))
    shown = read(configsplit.load(path))
    assert "and 501 more" in shown.text
    assert max(map(len, shown.words)) <= 100


# ------------------------------------------------------------------------------------------------------------ pictures


def bundle(shown: Any) -> str:
    found = shown._repr_mimebundle_()
    assert found["text/plain"] == repr(shown)
    return str(found["text/html"])


def test_models_places_parts_plans_and_differences_are_shown_as_pictures() -> None:
    """An image that needs no script, and the page itself in a frame of its own, whose scripts reach nothing of the notebook."""
    residual = RELEASES / "keras-3.15.1" / "residual.keras"
    document, renamed = configsplit.load(residual), configsplit.rename(residual, {"c2": "other"})
    parts = configsplit.split(document, "c2")
    shown: dict[str, Any] = {
        "document": document,
        "edited": renamed,
        "parts": parts,
        "part": parts[0],
        "cuts": configsplit.cuts(document),
        "plan": configsplit.plan(document, 2),
        "difference": configsplit.plot(document, renamed),
    }
    for word, result in shown.items():
        page = bundle(result)
        (data,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
        image = base64.b64decode(data).decode("utf-8")
        if word in ("document", "edited", "parts", "part"):
            assert image == configsplit.plot(result).text(".svg")
        assert (">other<" in image) == (word in ("edited", "difference"))
        (framed,) = re.findall(r'<iframe sandbox="allow-scripts" style="[^"]*" srcdoc="([^"]*)"></iframe>', page)
        assert "default-src 'none'" in html.unescape(framed)
        if word != "difference":
            assert page.startswith(result._repr_html_())


def test_parts_in_memory_look_as_those_on_disk(tmp_path: Path) -> None:
    parts = configsplit.split(RELEASES / "keras-3.15.1" / "residual.keras", "c2")
    parts.save(tmp_path / "parts")
    memory, disk = configsplit.plot(parts).picture, configsplit.plot(tmp_path / "parts").picture
    assert memory.views == disk.views
    assert memory.facts == disk.facts
    assert [(each.layers, each.parameters) for each in memory.parts] == [(each.layers, each.parameters) for each in disk.parts]


def test_a_picture_of_a_nasty_file_is_escaped(tmp_path: Path) -> None:
    page = bundle(nasty(tmp_path))
    outside = re.sub(r'srcdoc="[^"]*"', "", page)
    assert "<script" not in outside
    assert "<img src=x" not in outside


def test_no_picture_where_it_would_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    document = configsplit.load(RELEASES / "keras-3.15.1" / "residual.keras")
    monkeypatch.setattr("configsplit.verbs.plot._LARGEST_PAGE", 1000)
    assert ("<iframe" in bundle(document), "<img" in bundle(document)) == (False, True)
    monkeypatch.setattr("configsplit.verbs.plot._LARGEST_IMAGE", 1000)
    assert bundle(document) == document._repr_html_()
    monkeypatch.undo()
    monkeypatch.setattr("configsplit.verbs.plot._MOST_IN_NOTEBOOK", 3)
    assert bundle(document) == document._repr_html_()
