"""`join` undoes `split` in files: the same document up to the order of layers, the same names, every weight bit for bit."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import files, is_whole, title
from hypothesis import given
from hypothesis import strategies as st
from support.frameworks import PLUGINS
from support.thinned import examples, thinned
from surgery_making import document
from test_random_numeric import places, run, run_parts

import configsplit
from configsplit.containers.source import open_source
from configsplit.errors import ConfigSplitError, CutError, WeightsError
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import framework
from configsplit.testing import models

STATE = ("optimizer", "metrics", "optimizer_weights")
TIED = "tied.keras"
"""One layer in two places, which Keras stores once and cannot load again: the parts, and what they join to, have it twice."""
TRIES = 12
"""So many places are tried before a file counts as one that cannot be cut."""

NEVER_CUT = {
    "conversion/keras-1.2.2/embed_mask_lstm.h5",
    "conversion/keras-1.2.2/seq_merge.h5",
    "conversion/keras-2.0.0/embed_mask_lstm.h5",
    "conversion/keras-2.2.4/seq_input.h5",
    "conversion/tf-2.15/nested_containers.keras",
    "keras-2.3.1/embed_mask_lstm.h5",
    "keras-2.3.1/training_arg.h5",
}
"""Files in which every cut is refused."""

CORPUS = Path(__file__).resolve().parents[1] / "corpus" / "releases"


def in_any_order(value: Any) -> Any:
    """A document with the layers of each model sorted by name."""
    if isinstance(value, dict):
        return {key: _sorted(item) if key == "layers" else in_any_order(item) for key, item in value.items()}
    return [in_any_order(item) for item in value] if isinstance(value, list) else value


def _sorted(layers: Any) -> Any:
    if not isinstance(layers, list):
        return in_any_order(layers)
    return sorted(map(in_any_order, layers), key=lambda layer: json.dumps([layer.get("name"), layer["config"]]))


def chosen(path: Path) -> list[list[str]]:
    """Tensors of the surface and tensors inside nested models, each in an order by chance, the same one every time."""
    found = places(configsplit.load(path, custom_objects=[PLUGINS]).model)
    chance = random.Random(title(path))
    inside = [place for place in found if "/" in place]
    return [chance.sample(kind, min(TRIES, len(kind))) for kind in (found, inside)]


@pytest.mark.parametrize("path", thinned([path for path in files() if is_whole(path)], 15), ids=title)
def test_a_corpus_file_comes_back(path: Path, tmp_path: Path) -> None:
    """Two cuts of the surface and two inside nested models, of those that are not refused."""
    whole = configsplit.load(path, custom_objects=[PLUGINS])
    done = [0, 0]
    for kind, tensors in enumerate(chosen(path)):
        for number, at in enumerate(tensors):
            if done[kind] < 2:
                done[kind] += comes_back(path, whole, at, tmp_path / f"{kind}-{number}")
    assert (sum(done) == 0) == (title(path) in NEVER_CUT)


def comes_back(path: Path, whole: Any, at: str, folder: Path) -> bool:
    """Whether the file can be cut there; if so, what was cut is joined and compared."""
    try:
        configsplit.split(whole, at).save(folder / "parts")
    except ConfigSplitError as error:
        assert error.code.startswith(("cut-", "weights-", "shape-"))  # noqa: PT017 - refused to be cut, not to be joined
        return False
    out = folder / f"joined{'.h5' if whole.kind == 'h5' else '.keras'}"
    configsplit.join(folder / "parts", custom_objects=[PLUGINS]).save(out)
    check_same(path, out)
    return True


def check_same(path: Path, out: Path) -> None:
    with open_source(path) as before, open_source(out) as after:
        assert in_any_order(json.loads(after.config_text)) == in_any_order(json.loads(before.config_text))
        old, new = before.weights, after.weights
        assert old is not None
        assert new is not None
        names = {name for name in old.datasets if name.split("/")[0] not in STATE}
        assert set(new.datasets) == names or path.name == TIED
        assert set(new.datasets) >= names
        assert [name for name in names if not old.same(name, new, name)] == []
        for layer in old.layer_names:
            group = f"{old.layout.container}/{layer}".lstrip("/")
            assert new.weight_names(group) == old.weight_names(group)


@pytest.mark.parametrize("dialect", ["keras2", "keras3"])
@examples(40)
@given(data=st.data())
def test_a_random_model_comes_back(dialect: str, data: st.DataObject) -> None:
    model = data.draw(models(dialect, masks=False))  # type: ignore[arg-type]
    at = [data.draw(st.sampled_from(places(model))) for _ in range(data.draw(st.integers(1, 2)))]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        whole = document(model, folder)
        try:
            configsplit.split(whole, at).save(folder / "parts")
        except CutError:
            return
        out = configsplit.join(folder / "parts").save(folder / "joined.json").path
        before, after = (json.loads(path.read_text("utf-8")) for path in (whole.path, out))
        assert in_any_order(after) == in_any_order(before)


def siamese(folder: Path) -> Path:
    """Parts that share an encoder."""
    whole = configsplit.load(CORPUS / "keras-3.15.1" / "siamese.keras")
    shared = next(layer.name for layer in whole.model.layers if len(layer.calls) > 1)
    saved = configsplit.split(whole, f"{shared}@0").save(folder / "parts")
    assert saved.manifest.shared_layers
    return saved.directory


def trained(path: Path) -> None:
    """As if the part had been trained: other weights in the same file."""
    works = framework("keras")
    live = load(path, framework=works, classes={})
    live.set_weights([value + 1 for value in live.get_weights()])
    live.save(path)


def test_parts_that_were_trained_are_joined_as_they_are(tmp_path: Path) -> None:
    whole = configsplit.load(CORPUS / "keras-3.15.1" / "residual.keras")
    saved = configsplit.split(whole, "res").save(tmp_path / "parts")
    trained(saved.directory / "part-1.keras")
    out = configsplit.join(saved.directory).save(tmp_path / "out.keras").path
    works = framework("keras")
    images = [np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype("float32")]
    in_parts = run_parts(saved.directory, saved.manifest, images, works)
    joined = run(load(out, framework=works, classes={}), images, works)
    assert [value.tobytes() for value in joined] == [value.tobytes() for value in in_parts]


def test_a_shared_layer_that_was_trained_in_one_part_only_is_refused(tmp_path: Path) -> None:
    parts = siamese(tmp_path)
    configsplit.join(parts).save(tmp_path / "before.keras")
    trained(parts / "part-0.keras")
    with pytest.raises(WeightsError) as caught:
        configsplit.join(parts).save(tmp_path / "after.keras")
    assert caught.value.code == "join-weights-differ"
    assert not (tmp_path / "after.keras").exists()


def test_masks_and_casts_that_a_cut_put_in_are_gone_again(tmp_path: Path) -> None:
    masked = configsplit.load(CORPUS / "tf-2.15" / "embed_mask_lstm.json")
    saved = configsplit.split(masked, "lstm").save(tmp_path / "masks")
    assert saved.manifest.masks
    half = configsplit.load(CORPUS / "keras-3.15.1" / "mixed.keras")
    place = next(ref.layer for ref, spec in half.infer().specs.items() if spec.dtype in ("float16", "bfloat16"))
    cast = configsplit.split(half, place, boundary_dtype="float32").save(tmp_path / "casts")
    assert cast.manifest.casts
    for whole, folder, suffix in ((masked, "masks", "json"), (half, "casts", "keras")):
        out = configsplit.join(tmp_path / folder).save(tmp_path / f"{folder}.{suffix}").path
        with open_source(whole.path) as before, open_source(out) as after:
            assert in_any_order(json.loads(after.config_text)) == in_any_order(json.loads(before.config_text))
