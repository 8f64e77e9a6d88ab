"""Models made on the spot in real Keras: saved, cut, proven, and run part by part, everything loaded anew from disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import configsplit
from configsplit.records.manifest import FromInput, Manifest
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import Framework


def fill(model: Any, seed: int = 7) -> Any:
    """Other numbers for every weight, so that any mix-up shows."""
    chance = np.random.default_rng(seed)
    model.set_weights(
        [
            chance.uniform(0.5, 1.5, value.shape).astype(value.dtype) if value.dtype.kind == "f" else value
            for value in model.get_weights()
        ]
    )
    return model


def flat(tensors: Any, works: Framework) -> list[Any]:
    """Outputs as numpy has them; sparse and ragged ones as their pieces, so that a dense one cannot pass for them."""
    return [_pieces(tensor) for tensor in works.flatten(tensors)]


def _pieces(tensor: Any) -> Any:
    if hasattr(tensor, "dense_shape"):
        return {name: np.asarray(getattr(tensor, name)) for name in ("indices", "values", "dense_shape")}
    if hasattr(tensor, "row_splits"):
        rows = {f"rows of {depth}": np.asarray(splits) for depth, splits in enumerate(tensor.nested_row_splits)}
        return {"values": np.asarray(tensor.flat_values), **rows}
    return np.asarray(tensor)


def same(one: Any, other: Any) -> bool:
    """Equal to the last bit, and of one kind."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, dict) or isinstance(other, dict):
        return False
    return bool(one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes())


def run(model: Any, values: list[Any], works: Framework) -> list[Any]:
    """Run a model on its flattened inputs; what it gives, flattened, as the framework's own tensors."""
    sequential = isinstance(model, works.module.Sequential)
    return list(works.flatten(model(values[0] if sequential else works.pack(model.input, values), training=False)))


def run_parts(folder: Path, manifest: Manifest, inputs: list[Any], works: Framework, classes: Any = None) -> list[Any]:
    """Run the parts one after the other. Sparse and ragged tensors pass as they are, all others through numpy."""
    given: list[list[Any]] = []

    def value(source: Any) -> Any:
        found = inputs[source.input] if isinstance(source, FromInput) else given[source.part][source.output]
        return found if hasattr(found, "dense_shape") or hasattr(found, "row_splits") or found is None else np.asarray(found)

    for part in manifest.parts:
        weights = folder / part.weights if part.weights else None
        live = load(folder / part.file, weights, framework=works, classes=classes or {})
        given.append(run(live, [value(tensor.source) for tensor in part.inputs], works))
    return [value(tensor.source) for tensor in manifest.outputs]


def inputs_for(model: Any, free: int = 4) -> list[Any]:
    """Numbers for every input: ids below 4 for integers, with padding at the end."""
    chance = np.random.default_rng(1)
    made = []
    for tensor in model.inputs:
        shape = [size or (2 if place == 0 else free) for place, size in enumerate(tensor.shape)]
        dtype = tensor.dtype if isinstance(tensor.dtype, str) else tensor.dtype.name
        if "int" in dtype:
            values = chance.integers(1, 4, shape)
            values[..., -1:] = 0
            made.append(values.astype(dtype))
        else:
            made.append(chance.normal(size=shape).astype(dtype))
    return made


def cut_and_run(
    model: Any,
    at: str,
    folder: Path,
    works: Framework,
    *,
    suffix: str = "keras",
    inputs: list[Any] | None = None,
    classes: Any = None,
    given: list[Any] | None = None,
    **options: Any,
) -> Manifest:
    """Save, cut (several cuts with ``|``), prove, run whole and parts from disk; every output must have the same bits.

    What the whole gave is put into ``given``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"model.{suffix}"
    values = inputs_for(model) if inputs is None else inputs
    if suffix == "json":
        path.write_text(model.to_json())
    else:
        model.save(path)
    works.module.backend.clear_session()
    saved = configsplit.split(configsplit.load(path), at.split("|"), **options).save(folder / "parts")
    whole = run(load(path, framework=works, classes=classes or {}), values, works)
    parts = run_parts(saved.directory, saved.manifest, values, works, classes)
    if given is not None:
        given += whole
    assert len(whole) == len(parts)
    for one, other in zip(flat(whole, works), flat(parts, works), strict=True):
        assert same(one, other)
    manifest: Manifest = saved.manifest
    return manifest
