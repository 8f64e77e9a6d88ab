"""Every whole model of the corpus that tf_keras loads, saved by it as a SavedModel: read, cut everywhere and converted as the
`.h5` file of the same model is, with the outputs of TensorFlow's own load of the signature."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from support import plugin_tf_keras
from support.conversion import PLUGINS
from support.corpus import releases

import configsplit
from configsplit.dialects import emit
from configsplit.errors import ConfigSplitError
from configsplit.graph.json import thaw

pytestmark = [pytest.mark.exhaustive, pytest.mark.usefixtures("unleashed")]

RELEASES = ("tf_keras-2.21", "tf-2.15", "tf-2.4")
CLOSE = 1e-5


def whole_models() -> Iterator[Any]:
    for release in RELEASES:
        for path in sorted((releases() / release).glob("*.h5")):
            if not path.name.endswith((".weights.h5", ".weights_only.h5")):
                yield pytest.param(path, id=f"{release}/{path.stem}")


def classes(module: Any) -> dict[str, Any]:
    """The classes and functions of a module by name, and as tf_keras registers them."""
    own = {name: each for name, each in vars(module).items() if callable(each) and not name.startswith("_")}
    return own | {f"research>{name}": each for name, each in own.items()}


def told(path: Path, weights: Path | None = None) -> tuple[Any, list[bytes] | str]:
    """The architecture without what tells where classes are, and the weights in order; or why they are refused."""
    document = configsplit.load(path, weights=weights, custom_objects=[PLUGINS])
    with document.opened() as opened:
        try:
            file = opened.weights
            assert file is not None
            groups = [group for name in document.model.by_name() for group in _group(file, name)]
            values = [file.read(f"{group}/{name}").tobytes() for group in groups for name in file.weight_names(group)]
        except ConfigSplitError as error:
            return plain(thaw(emit(document.model))), error.code
    return plain(thaw(emit(document.model))), values


def _group(file: Any, name: str) -> list[str]:
    group = f"{file.layout.container}/{name}" if file.layout.container else name
    return [group] if group in file.groups else []


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        left_out = ("module", "registered_name", "shared_object_id", "build_config", "build_input_shape")
        if value.get("class_name") == "function":
            return value["config"]  # a SavedModel names functions barely
        return {key: plain(each) for key, each in value.items() if key not in left_out}
    return [plain(each) for each in value] if isinstance(value, list) else value


def converted(path: Path, target: Path) -> list[str]:
    """The codes of what stands in the way; none where it is done."""
    made = configsplit.convert(configsplit.load(path, custom_objects=[PLUGINS]))
    if not made.refusals:
        made.save(target)
    return [each.code for each in made.refusals]


def drawn(model: Any) -> list[Any]:
    """Small whole numbers where indices may be wanted, and numbers between 0.1 and 1."""
    draw, found = np.random.default_rng(3), []
    for each in model.inputs:
        shape = [2, *(size or 4 for size in each.shape[1:])]
        values = draw.integers(0, 3, shape) if each.dtype.is_integer or each.dtype == tf.string else draw.uniform(0.1, 1, shape)
        found.append(tf.constant(values.astype(str)) if each.dtype == tf.string else tf.cast(values, each.dtype))
    return found


@pytest.mark.parametrize("its", whole_models())
def test_as_the_file_of_the_same_model(its: Path, tmp_path: Path) -> None:
    tf_keras.backend.clear_session()
    try:
        model = tf_keras.models.load_model(its, custom_objects=classes(plugin_tf_keras), compile=False)
        model.save(tmp_path / "again.h5")
        model.save(tmp_path / "ours", save_format="tf")
    except Exception as error:  # noqa: BLE001 - tf_keras has its own troubles with files of older releases
        pytest.skip(f"tf_keras does not load it, or saves it in no such form: {type(error).__name__}")
    (own, values), (same, wanted) = told(tmp_path / "ours"), told(tmp_path / "again.h5")
    assert own == same
    assert values == wanted
    given = drawn(model)
    _cut_everywhere(tmp_path)
    reasons = converted(tmp_path / "ours", tmp_path / "ours.keras")
    assert reasons == converted(tmp_path / "again.h5", tmp_path / "again.keras")
    if not reasons:
        _compare(model, tmp_path, given)


def _cut_everywhere(folder: Path) -> None:
    ours = configsplit.load(folder / "ours", custom_objects=[PLUGINS])
    its = configsplit.load(folder / "again.h5", custom_objects=[PLUGINS])
    for number, place in enumerate(configsplit.cuts(its).places[:40]):
        if place.at:
            parts = [configsplit.split(each, at=place.at).save(folder / f"{number}-{each.kind}") for each in (ours, its)]
            assert parts[0].proof == parts[1].proof is not None


def _compare(model: Any, folder: Path, given: list[Any]) -> None:
    """Keras 3 with what was converted, against the signature as TensorFlow loads it."""
    signature = tf.saved_model.load(str(folder / "ours")).signatures["serving_default"]
    names = [each.split(":")[0] for each in model.input_names]
    found = signature(**dict(zip(names, given, strict=True)))
    wanted = [found[name].numpy() for name in model.output_names]
    sys.path.insert(0, str(PLUGINS.parent))  # the classes import one another as plug-ins do
    custom = classes(import_module("plugin_keras")) | classes(import_module("converted_keras"))
    read = keras.models.load_model(folder / "ours.keras", custom_objects=custom, safe_mode=True)
    structure = getattr(read, "_inputs_struct", None)
    taken = given[0] if structure is None else keras.tree.pack_sequence_as(structure, given)
    flat = [np.asarray(each) for each in keras.tree.flatten(read(taken, training=False))]
    assert len(flat) == len(wanted)
    for mine, its in zip(flat, wanted, strict=True):
        np.testing.assert_allclose(mine, its, rtol=CLOSE, atol=CLOSE)
