"""What is known of a document's layers changes nothing in how another is read: neither the model nor what is refused."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from support.corpus import releases
from support.thinned import thinned

import configsplit
from configsplit.dialects import parse, to_text
from configsplit.dialects.known import Known
from configsplit.errors import ConfigSplitError

FILES = sorted(
    path for release in releases().glob("keras-3.*") for path in release.glob("*.json") if ".weights" not in path.name
)


def read(text: str, known: Known | None = None) -> Any:
    """The model of a text, or what is wrong with it."""
    try:
        return parse(text, known=known).model
    except ConfigSplitError as error:
        return str(error)


def parts(path: Path) -> tuple[Known | None, list[str]]:
    """What is known of a file, and the documents of the parts that it is cut into."""
    try:
        document = configsplit.load(path)
        layers = [layer.name for layer in document.model.layers if not layer.is_input]
        made = configsplit.split(document, layers[len(layers) // 2])
    except ConfigSplitError:
        return None, []
    return document.known, [to_text(part.model) for part in made]


def damaged(text: str, numbers: random.Random) -> str:
    """A text with a small change anywhere."""
    place = numbers.randrange(len(text))
    words = re.findall(r'"\w{3,}"', text)
    changes = [
        lambda: text[:place] + numbers.choice('[]{}",:0x ') + text[place + 1 :],
        lambda: text[:place],
        lambda: text.replace(numbers.choice(words), numbers.choice(words), 1),
        lambda: text.replace(": null", ": 1.50", 1),
        lambda: text.replace('"layers": [', f'"layers": ["known: {numbers.randrange(3)}", ', 1),
        lambda: text.replace('"layers": [', '"layers": [], "layers": [', 1),
        lambda: text.replace('{"module": ', '{"layers": [], "module": ', 1),
    ]
    return numbers.choice(changes)()


@pytest.mark.parametrize("path", thinned(FILES, 60), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_part_is_read_alike_whether_its_layers_are_known_or_not(path: Path) -> None:
    known, texts = parts(path)
    numbers = random.Random(path.stem)
    for text in texts:
        assert read(text, known) == read(text)
        for _ in range(12):
            wrong = damaged(text, numbers)
            assert read(wrong, known) == read(wrong)


def test_layers_that_are_known_are_the_same_objects() -> None:
    path = releases() / "keras-3.15.1" / "residual.json"
    known, texts = parts(path)
    assert known is not None
    whole = {layer.name: layer for layer in parse(path.read_text()).model.layers}
    same: set[str] = set()
    for text in texts:
        filled = known.filled(text)
        assert filled is not None
        read_again = parse(text, known=known).model
        assert {id(layer) for layer in filled.layers.values()} <= {id(layer) for layer in read_again.layers}
        same |= {layer.name for layer in filled.layers.values() if whole[layer.name] == layer}
    assert len(same) >= len(whole) - 1  # one may take the tensor that crosses


NAMED = '"name": "c2"'


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"layers": [', '"layers":[', 1),
        lambda text: text.replace(", ", ",\n "),
        lambda text: f"[{text}]",
        lambda text: text.replace('"layers": [', '"layers": [3, ', 1),
        lambda text: text.replace('"config"', '"x": {"layers": [{"name": "c2"}]}, "config"', 1),
        lambda text: "",
        lambda text: '{"class_name": "Sequential", "config": {"layers": []}}',
    ],
)
def test_what_is_not_as_keras_writes_it_is_read_as_if_nothing_was_known(change: Any) -> None:
    text = (releases() / "keras-3.15.1" / "residual.json").read_text()
    known = parse(text).known
    assert known is not None
    assert NAMED in text
    wrong = change(text)
    assert known.filled(wrong) is None
    assert read(wrong, known) == read(wrong)


@pytest.mark.parametrize("mark", ["known: 0", r"\u006bnown: 0", "known: x", "known: 99999"])
def test_nothing_in_a_document_is_taken_for_what_stands_for_a_known_layer(mark: str) -> None:
    text = (releases() / "keras-3.15.1" / "residual.json").read_text()
    known = parse(text).known
    forged = text.replace('"layers": [', f'"layers": ["{mark}", ', 1)
    assert "layers[0]" in read(forged, known)
    assert read(forged, known) == read(forged)


def test_a_layer_that_takes_what_is_not_there_is_refused() -> None:
    text = (releases() / "keras-3.15.1" / "residual.json").read_text()
    known = parse(text).known
    alone = re.sub(r'("layers": \[)\{.*?"inbound_nodes": \[\]\}, ', r"\1", text, count=1)
    assert len(alone) < len(text)
    assert "no layer is named" in read(alone, known)
    assert read(alone, known) == read(alone)


def test_nothing_is_known_where_calls_hang_on_more_than_a_layer_says() -> None:
    for release, name in (("tf-2.4", "residual.json"), ("keras-1.2.2", "residual.json"), ("keras-3.15.1", "nested2.json")):
        assert parse((releases() / release / name).read_text()).known is None
