"""Inputs of shapes that no tensor has: no Keras builds them, so no verb writes them and says that they are proven."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support.thinned import in_turn

import configsplit
from configsplit.errors import ShapeError, VerificationError

keras = pytest.importorskip("keras")
tf_keras = pytest.importorskip("tf_keras")

FRAMEWORKS = {"keras": keras, "tf_keras": tf_keras}
IMPOSSIBLE = (
    [None, -1],
    [None, True],
    [None, 4.5],
    [None, "4"],
    [None, 1 << 63],
    [-1, 4],
    [None, 4, -3],
    [[None, 4]],
    {"a": [None, 4]},
    "x",
)
POSSIBLE = ([None, 4], [2, 4], [0, 4])


@cache
def text(name: str, kind: str) -> str:
    k = FRAMEWORKS[name]
    last = [k.layers.Activation("tanh", name="a"), k.layers.ReLU(name="d"), k.layers.Activation("tanh", name="e")]
    start = k.layers.InputLayer(**({"shape": (4,)} if name == "keras" else {"input_shape": (4,)}), name="x")
    if kind == "sequential":
        return str(k.Sequential([start, *last]).to_json())
    ends = k.Input((4,), name="x")
    inner = k.Model(ends, last[0](ends), name="inner") if kind == "nested" else last[0]
    outer = k.Input((4,), name="y")
    return str(k.Model(outer, last[2](last[1](inner(outer)))).to_json())


def changed(name: str, kind: str, shape: Any) -> str:
    """The document with another shape of its input, in nested ones of the inner one."""
    document = json.loads(text(name, kind))
    layers = document["config"]["layers"]
    held = (
        next(each for each in layers if each["class_name"] == "Functional")["config"]["layers"] if kind == "nested" else layers
    )
    config = held[0]["config"]
    config["batch_shape" if name == "keras" else "batch_input_shape"] = shape
    return json.dumps(document)


KINDS = ("functional", "sequential", "nested")
VERBS = {
    "split": lambda document: configsplit.split(document, "d"),
    "extract": lambda document: configsplit.extract(document, to="e"),
    "rename": lambda document: configsplit.rename(document, ["d=f"]),
    "freeze": lambda document: configsplit.freeze(document, layer="d"),
}


@pytest.mark.parametrize(
    ("name", "kind", "shape"),
    in_turn([(name, kind, shape) for name in FRAMEWORKS] for kind in KINDS for shape in IMPOSSIBLE),
    ids=str,
)
def test_no_verb_writes_what_keras_cannot_build(name: str, kind: str, shape: Any, tmp_path: Path) -> None:
    (path := tmp_path / "m.json").write_text(changed(name, kind, shape))
    if shape not in ([None, 1 << 63], [None, True]) or name == "tf_keras":
        with pytest.raises((ValueError, TypeError, OverflowError, AttributeError)):
            FRAMEWORKS[name].models.model_from_json(path.read_text())
    for verb, call in VERBS.items():
        out = tmp_path / f"{verb}.json" if verb != "split" else tmp_path / "parts"
        with pytest.raises((ShapeError, VerificationError)) as refused:
            call(configsplit.load(path)).save(out)
        assert refused.value.code in ("verify-buildable", "shape-unknown")
        assert not out.exists()
    assert not configsplit.validate(path).valid


# Keras 3 takes True for 1, and fails on 2 ** 63 when such a tensor is to flow.


@pytest.mark.parametrize("shape", POSSIBLE, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_what_keras_builds_is_written(name: str, kind: str, shape: Any, tmp_path: Path) -> None:
    (path := tmp_path / "m.json").write_text(changed(name, kind, shape))
    FRAMEWORKS[name].models.model_from_json(path.read_text())
    for verb, call in VERBS.items():
        call(configsplit.load(path)).save(tmp_path / f"{verb}.json" if verb != "split" else tmp_path / "parts")
    assert configsplit.validate(path).valid
