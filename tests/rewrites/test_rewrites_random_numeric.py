"""Random models in real Keras: whatever is inserted, renamed, frozen, cut and joined, the same bits come out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.thinned import thinned
from surgery_making import NOISE, layer_file, written
from test_random_numeric import KINDS, MASKS, QUIET, REFUSALS, build, padded, places, run

import configsplit
from configsplit import Document, Edited
from configsplit.errors import CutError, WeightsError
from configsplit.graph.model import nested, walk
from configsplit.graph.references import outputs_used
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import framework
from configsplit.testing import models

Operation = Callable[[st.DataObject, Document, Path], Edited]


def inserted(data: st.DataObject, document: Document, folder: Path) -> Edited:
    place = data.draw(st.sampled_from(places(document.model, reach=nested)))
    return configsplit.insert(document, layer_file(folder, NOISE), after=place)


def renamed(data: st.DataObject, document: Document, folder: Path) -> Edited:
    paths = [path for path, _ in walk(document.model)]
    chosen = data.draw(st.lists(st.sampled_from(paths), unique=True, min_size=1))
    return configsplit.rename(document, {"/".join(path): f"other_{path[-1]}" for path in chosen})


def frozen(data: st.DataObject, document: Document, folder: Path) -> Edited:
    paths = ["/".join(path) for path, layer in walk(document.model) if not layer.is_input]
    return configsplit.freeze(document, layer=data.draw(st.lists(st.sampled_from(paths), unique=True, min_size=1)))


def rejoined(data: st.DataObject, document: Document, folder: Path) -> Edited:
    at = [data.draw(st.sampled_from(places(document.model))) for _ in range(data.draw(st.integers(1, 2)))]
    configsplit.split(document, at).save(folder / "parts")
    return configsplit.join(folder / "parts")


def replaced(data: st.DataObject, document: Document, folder: Path) -> Edited:
    """By an equal donor, whose weights come from a file of its own."""
    model = document.model
    made = [ref for ref in outputs_used(model) if not model.by_name()[ref[0]].is_input]
    layer, call = data.draw(st.sampled_from(made))
    taken = list(dict.fromkeys(written(use.ref) for use in model.by_name()[layer].calls[call].uses()))
    ends = [f"{layer}@{call}:{output}" for output in outputs_used(model)[layer, call]]
    donor = configsplit.extract(document, from_=taken, to=ends).save(folder / f"donor{document.path.suffix}")
    return configsplit.replace(document, donor.path, from_=taken, to=ends)


LEGAL = REFUSALS | MASKS | {"extract-unused", "cut-dead-tensor"}
"""A refusal is a legal outcome, any other error is not."""


def unsure(operation: Operation, suffix: str) -> set[str]:
    """A wrapper that is frozen lists its weights otherwise in .h5, by rules of its own."""
    return {"weights-order-unknown"} if operation is frozen and suffix == "h5" else set()


OPERATIONS = [inserted, renamed, frozen, rejoined, replaced]
MATRIX = [(operation, *kind) for operation in OPERATIONS for kind in KINDS.args[1]]


@pytest.mark.parametrize(
    ("operation", "dialect", "suffix"), thinned(MATRIX, 6), ids=lambda item: getattr(item, "__name__", item)
)
@settings(max_examples=1, **QUIET)
@given(data=st.data())
def test_random_models_compute_the_same_bits(dialect: str, suffix: str, operation: Operation, data: st.DataObject) -> None:
    check(dialect, suffix, operation, data)


@pytest.mark.exhaustive
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize(("dialect", "suffix"), KINDS.args[1])
@settings(max_examples=60, **QUIET)
@given(data=st.data())
def test_many_random_models_compute_the_same_bits(dialect: str, suffix: str, operation: Operation, data: st.DataObject) -> None:
    check(dialect, suffix, operation, data)


def check(dialect: str, suffix: str, operation: Operation, data: st.DataObject) -> None:
    model = data.draw(models(dialect, masks=(dialect, suffix) != ("keras3", "h5")))  # type: ignore[arg-type]
    works = framework("keras" if dialect == "keras3" else "tf_keras")
    works.module.backend.clear_session()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = folder / f"model.{suffix}"
        build(model, works, 7).save(path)
        try:
            edited = operation(data, configsplit.load(path), folder)
            out = edited.save(folder / f"out.{suffix}").path
        except (CutError, WeightsError) as error:
            assert error.code in LEGAL | unsure(operation, suffix)  # noqa: PT017
            return
        configsplit.verify_file(out)
        if any("mask" in warning for warning in edited.warnings):  # it changes what a mask does, and says so
            return
        inputs = padded(len(model.input_refs()))
        before = run(load(path, framework=works, classes={}), inputs, works)
        after = run(load(out, framework=works, classes={}), inputs, works)
        assert [value.tobytes() for value in after] == [value.tobytes() for value in before]
