"""Documents whose graph cannot be one are refused where they are read, with the place."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from configsplit.dialects import parse
from configsplit.errors import DocumentError
from configsplit.graph.json import loads


def _layer(name: str, kind: str, nodes: list[Any], **config: Any) -> dict[str, Any]:
    return {"name": name, "class_name": kind, "config": {"name": name, **config}, "inbound_nodes": nodes}


def _document(**changes: Any) -> str:
    config = {
        "name": "m",
        "layers": [
            _layer("x", "InputLayer", changes.pop("feeding", []), batch_input_shape=[None, 2], dtype="float32"),
            _layer("d", "Dense", [[["x", 0, changes.pop("output", 0), {}]]], units=2),
            _layer("e", "Dense", [[["d", 0, changes.pop("second", 0), {}]]], units=changes.pop("units", 2)),
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["e", 0, 0]],
        **changes,
    }
    return json.dumps({"class_name": "Model", "config": config, "keras_version": "2.3.1", "backend": "tensorflow"})


@pytest.mark.parametrize(
    ("changes", "code", "where"),
    [
        ({"input_layers": []}, "document-no-graph", "input_layers"),
        ({"output_layers": []}, "document-no-graph", "output_layers"),
        ({"input_layers": [["d", 0, 0]]}, "document-input", "input_layers"),
        ({"feeding": [[["d", 0, 0, {}]]]}, "document-bad-reference", "layers[0].inbound_nodes"),
        ({"output": 1}, "document-bad-reference", "layers[1].inbound_nodes[0]"),
        ({"second": 1 << 16}, "document-bad-reference", "layers[2].inbound_nodes[0]"),
        ({"units": 1 << 128}, "json-number", ""),
        ({"name": "\ud800"}, "json-invalid", ""),
    ],
    ids=str,
)
def test_it_is_refused(changes: dict[str, Any], code: str, where: str) -> None:
    assert parse(_document()).model.name == "m"
    with pytest.raises(DocumentError) as caught:
        parse(_document(**changes))
    assert (caught.value.code, caught.value.where) == (code, where)


def test_a_whole_pair_of_surrogates_is_a_character() -> None:
    assert loads('"\\ud83d\\ude00"') == "\U0001f600"
    assert loads('"\\\\ud800"') == "\\ud800"


def test_the_largest_numbers_that_are_written() -> None:
    assert loads(str((1 << 64) - 1)) == (1 << 64) - 1
    assert loads(str(-(1 << 63))) == -(1 << 63)


def test_a_key_that_stands_twice_is_found_in_no_time() -> None:
    text = "{" + ",".join(f'"{number}":0' for number in range(100_000)) + ',"99999":1}'
    start = time.process_time()
    assert len(json.loads(text)) == 100_000
    read = time.process_time()
    with pytest.raises(DocumentError, match="'99999' appears twice"):
        loads(text)
    assert time.process_time() - read < 50 * (read - start), "comparing each with each takes thousands of times as long"


def test_every_fixture_is_sound() -> None:
    """None of what Keras wrote is refused by these rules."""
    folder = Path(__file__).resolve().parents[1] / "corpus" / "releases"
    refused = {
        path.name: code for path in sorted(folder.rglob("*.json")) if (code := _code(path)) in ("document-bad-reference",)
    }
    assert not refused


def _code(path: Path) -> str:
    try:
        parse(path.read_text("utf-8"))
    except DocumentError as error:
        return error.code
    return ""
