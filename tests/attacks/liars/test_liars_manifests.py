"""Parts that compute something else, with a manifest that claims what would justify it, every digest right: verify refuses."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

import configsplit
from configsplit.errors import ConfigSplitError, StoreError, VerificationError
from configsplit.verbs.verify import verify

Config = dict[str, Any]
LAYERS = ("a", "b", "c")


def dense(name: str, taken: str, **config: Any) -> Config:
    return {
        "class_name": "Dense",
        "config": {"name": name, "units": 4, "activation": "linear", "dtype": "float32", **config},
        "name": name,
        "inbound_nodes": [[[taken, 0, 0, {}]]],
    }


def start(name: str, shape: list[int | None], dtype: str = "float32") -> Config:
    config = {"name": name, "batch_input_shape": shape, "dtype": dtype, "sparse": False, "ragged": False}
    return {"class_name": "InputLayer", "config": config, "name": name, "inbound_nodes": []}


def functional(layers: list[Config], output: str, name: str = "m") -> Config:
    ends = {"input_layers": [[layers[0]["name"], 0, 0]], "output_layers": [[output, 0, 0]]}
    return {"name": name, "layers": layers, **ends}


def document(config: Config) -> Config:
    return {"class_name": "Functional", "config": config, "keras_version": "2.15.0", "backend": "tensorflow"}


def write_h5(path: Path, whole: Config, weights: dict[str, float], **attributes: str) -> None:
    """A legacy file with kernel and bias of each layer filled with one number."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(whole)
        made = {"keras_version": "2.15.0", "backend": "tensorflow", **attributes}
        for key, value in made.items():
            file.attrs[key] = value
        group = file.create_group("model_weights")
        names = [layer["name"] for layer in whole["config"]["layers"]]
        group.attrs["layer_names"] = [name.encode() for name in names]
        for key, value in made.items():
            group.attrs[key] = value
        for name in names:
            own = group.create_group(name)
            listed = [f"{name}/kernel:0", f"{name}/bias:0"] if name in weights else []
            own.attrs["weight_names"] = [each.encode() for each in listed]
            for each in listed:
                own[each] = [[weights[name]] * 4] * 4 if "kernel" in each else [weights[name]] * 4


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """``x -> a -> b -> c`` with weights of one shape everywhere, so that any mix-up fits, cut behind ``a``."""
    whole = document(functional([start("x", [None, 4]), dense("a", "x"), dense("b", "a"), dense("c", "b")], "c"))
    write_h5(tmp_path / "m.h5", whole, {name: float(number) for number, name in enumerate(LAYERS)})
    configsplit.split(configsplit.load(tmp_path / "m.h5"), "a").save(tmp_path / "parts")
    return tmp_path / "parts"


def lie(folder: Path, change: Callable[[Config], None]) -> None:
    """Change the manifest, and give every part the digest that it has by now."""
    place = folder / "manifest.json"
    manifest = json.loads(place.read_text())
    change(manifest)
    for part in manifest["parts"]:
        if (folder / part["file"]).is_file():
            part["sha256"] = hashlib.sha256((folder / part["file"]).read_bytes()).hexdigest()
    place.write_text(json.dumps(manifest))


def redocument(file: Path, change: Callable[[Config], None]) -> None:
    with h5py.File(file, "r+") as opened:
        found = json.loads(opened.attrs["model_config"])
        change(found)
        opened.attrs["model_config"] = json.dumps(found)


def nothing(manifest: Config) -> None:
    pass


def refused(folder: Path) -> str:
    with pytest.raises(ConfigSplitError) as error:
        verify(folder)
    return error.value.code


def test_the_truth_is_proven(parts: Path) -> None:
    lie(parts, nothing)
    assert verify(parts).proof.weights == 6


def test_swapped_weights_with_swapped_origins(parts: Path) -> None:
    with h5py.File(parts / "part-1.h5", "r+") as file:
        for each in ("kernel:0", "bias:0"):
            one, other = (file[f"model_weights/{name}/{name}/{each}"] for name in "bc")
            one[...], other[...] = other[...], one[...]
    lie(parts, lambda manifest: manifest["parts"][1].update(layers={"b": ["c"], "c": ["b"]}))
    assert refused(parts) == "verify-claim"
    with pytest.raises(VerificationError):
        configsplit.join(parts)


def test_an_origin_that_does_not_exist(parts: Path) -> None:
    with h5py.File(parts / "part-1.h5", "r+") as file:
        file["model_weights/b/b/kernel:0"][...] = 9
    lie(parts, lambda manifest: manifest["parts"][1].update(layers={"b": ["nowhere"]}))
    assert refused(parts) == "verify-claim"


def test_an_input_of_a_narrower_dtype(parts: Path) -> None:
    def narrow(found: Config) -> None:
        found["config"]["layers"][0]["config"]["dtype"] = "float16"

    redocument(parts / "part-1.h5", narrow)
    lie(parts, nothing)
    assert refused(parts) == "verify-wiring"


def test_a_backend_by_which_keras_turns_kernels_around(parts: Path) -> None:
    with h5py.File(parts / "part-1.h5", "r+") as file:
        file.attrs["backend"] = "theano"
    lie(parts, nothing)
    assert refused(parts) == "verify-weights"


def test_a_class_of_somebodys_own(parts: Path) -> None:
    redocument(parts / "part-1.h5", lambda found: found.update(registered_name="evil>Model", module="evil"))
    lie(parts, nothing)
    assert refused(parts) == "verify-graph"


CASTED = [
    {"tensor": ["a", 0, 0], "dtype": "float16", "takers": [[["b", 0]]]},
    {"tensor": ["a", 0, 0], "dtype": "int32", "takers": [[["b", 0]]]},
    {"tensor": ["no", 0, 0], "dtype": "float64", "takers": [[["b", 0]]]},
]


@pytest.mark.parametrize("cast", CASTED, ids=lambda cast: f"{cast['tensor'][0]}-{cast['dtype']}")
def test_casts_that_round(parts: Path, cast: Config) -> None:
    """The parts hold exactly what such a cast would put in."""

    def operation(name: str, taken: str, dtype: str) -> Config:
        config = {"name": name, "trainable": True, "dtype": "float32", "function": "cast"}
        node = [taken, 0, 0, {"dtype": dtype, "name": None}]
        return {"class_name": "TFOpLambda", "config": config, "name": name, "inbound_nodes": [node]}

    def near(found: Config) -> None:
        found["config"]["layers"].append(operation(f"a_{cast['dtype']}", "a", cast["dtype"]))
        found["config"]["output_layers"] = [[f"a_{cast['dtype']}", 0, 0]]

    redocument(parts / "part-0.h5", near)
    lie(parts, lambda manifest: manifest.update(casts=[cast]))
    assert refused(parts) == "verify-claim"


OPENED = [
    {"layer": "nowhere", "calls": [0]},
    {"layer": "a", "calls": [0]},
    {"layer": "a", "calls": [7]},
    {"layer": "a", "calls": [0], "pieces": ["p"], "cuts": [[["q", 0, 0]]], "inside": []},
]


@pytest.mark.parametrize("opening", OPENED, ids=str)
def test_openings_of_what_is_not_there(parts: Path, opening: Config) -> None:
    lie(parts, lambda manifest: manifest.update(opened=[opening]))
    assert refused(parts) == "verify-claim"


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    """``x -> pre -> inner(float16: d)``: opening the inner model without its cast is another computation."""
    inner = functional([start("j", [None, 4], "float16"), dense("d", "j"), dense("e", "d")], "e", "inner")
    layer = {"class_name": "Functional", "config": inner, "name": "inner", "inbound_nodes": [[["pre", 0, 0, {}]]]}
    whole = functional([start("x", [None, 4]), dense("pre", "x"), layer], "inner")
    whole["output_layers"] = [["inner", 1, 0]]
    (tmp_path / "m.json").write_text(json.dumps(document(whole)))
    configsplit.split(configsplit.load(tmp_path / "m.json"), "inner/d").save(tmp_path / "parts")
    return tmp_path / "parts"


def without_cast(folder: Path) -> None:
    for number in (0, 1):
        file = folder / f"part-{number}.json"
        found = json.loads(file.read_text())
        layers = found["config"]["layers"]
        if any(layer["class_name"] == "TFOpLambda" for layer in layers):
            found["config"]["layers"] = [layer for layer in layers if layer["class_name"] != "TFOpLambda"]
            file.write_text(json.dumps(found).replace('"pre_float16"', '"pre"'))


def test_an_opening_without_its_cast(nested: Path) -> None:
    lie(nested, nothing)
    assert verify(nested).proof.layers == 5
    without_cast(nested)
    lie(nested, nothing)
    assert refused(nested) == "verify-graph"


def test_a_shape_that_would_make_the_cast_needless(nested: Path) -> None:
    without_cast(nested)
    said = {"tensor": ["pre", 0, 0], "shape": [None, 4], "dtype": "float16"}
    lie(nested, lambda manifest: manifest.update(shapes=[said]))
    assert refused(nested) == "verify-claim"


# ---------------------------------------------------------------- masks


@pytest.fixture
def masked(tmp_path: Path) -> Path:
    """Embedding with a mask -> LSTM that uses it, as TF 2.15 writes it: nothing in the document tells of the mask."""
    embedding = {
        "class_name": "Embedding",
        "config": {"name": "emb", "input_dim": 9, "output_dim": 4, "mask_zero": True, "dtype": "float32"},
        "name": "emb",
        "inbound_nodes": [[["x", 0, 0, {}]]],
    }
    lstm = dense("lstm", "emb") | {"class_name": "LSTM"}
    whole = functional([start("x", [None, 5], "int32"), embedding, lstm], "lstm")
    (tmp_path / "m.json").write_text(json.dumps(document(whole)))
    configsplit.split(configsplit.load(tmp_path / "m.json"), "emb").save(tmp_path / "parts")
    return tmp_path / "parts"


def test_a_mask_that_does_not_cross(masked: Path) -> None:
    """The graph of the parts is the original's to the letter; the mask is what is lost."""
    whole = json.loads((masked.parent / "m.json").read_text())
    x, emb, lstm = whole["config"]["layers"]
    (masked / "part-0.json").write_text(json.dumps(document(functional([x, emb], "emb"))))
    (masked / "part-1.json").write_text(json.dumps(document(functional([start("emb", [None, 5, 4]), lstm], "lstm"))))

    def claim(manifest: Config) -> None:
        manifest["masks"] = []
        for part, name, source in zip(manifest["parts"], ("x", "emb"), ({"input": 0}, {"part": 0, "output": 0}), strict=True):
            part["inputs"] = [{"name": name, "from": source}]
            part["outputs"] = [{"name": {"x": "emb", "emb": "lstm"}[name], "tensor": "t"}]
            part["calls"] = part["layers"] = {}
        manifest["outputs"][0]["from"] = {"part": 1, "output": 0}

    lie(masked, claim)
    assert refused(masked) == "verify-masks"


@pytest.mark.parametrize("masks", [["nope", 0, 0], ["d", 0, 0], ["x", 0, 0]])
def test_handovers_of_masks_that_nothing_justifies(masks: list[Any], tmp_path: Path) -> None:
    files = Path(__file__).parent / "files"
    configsplit.split(configsplit.load(files / "k3_2_4f4248e9.keras"), "d").save(tmp_path / "parts")
    lie(tmp_path / "parts", lambda manifest: manifest.update(masks=[{"tensor": masks, "takers": [[["d", 0]]]}]))
    with pytest.raises(VerificationError) as error:
        verify(tmp_path / "parts", source=files / "k3_2_4f4248e9.keras")
    assert error.value.code == "verify-claim"


# ---------------------------------------------------------------- what the names lead to


NAMES = ["..", ".", "../m.h5", "/etc/passwd", "a/../../m.h5", "part\x00", ""]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("run", [verify, configsplit.join], ids=["verify", "join"])
def test_names_that_lead_out_of_the_folder(parts: Path, name: str, run: Callable[[Path], Any]) -> None:
    lie(parts, lambda manifest: manifest["parts"][1].update(file=name))
    with pytest.raises(ConfigSplitError) as error:
        run(parts)
    assert error.value.code == "manifest-invalid"


@pytest.mark.parametrize(
    "change", [{"path": "/etc/passwd"}, {"file": "../../m.h5"}, {"file": "/dev/zero"}, {"weights": "/dev/zero"}]
)
def test_an_original_somewhere_else(parts: Path, change: Config) -> None:
    lie(parts, lambda manifest: manifest["source"].update(change))
    assert refused(parts) == "manifest-invalid"


def link(place: Path) -> None:
    target = place.rename(place.with_suffix(".moved"))
    place.symlink_to(target)


def pipe(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def device(place: Path) -> None:
    place.unlink()
    place.symlink_to("/dev/zero")


def folder(place: Path) -> None:
    place.unlink()
    place.mkdir()


@pytest.mark.parametrize("turn", [link, pipe, device, folder])
@pytest.mark.parametrize("name", ["part-0.h5", "part-1.h5", "manifest.json"])
@pytest.mark.parametrize("run", [verify, configsplit.join], ids=["verify", "join"])
def test_nothing_is_followed_or_waited_for(
    parts: Path, turn: Callable[[Path], None], name: str, run: Callable[[Path], Any]
) -> None:
    turn(parts / name)
    with pytest.raises(ConfigSplitError) as error:
        run(parts)
    assert error.value.code in {"file-kind", "manifest-missing", "not-a-model"}


def test_a_vocabulary_that_was_changed(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    i = keras.Input((1,), dtype="string")
    words = keras.layers.StringLookup(output_mode="one_hot", name="words")
    words.adapt([["red"], ["blue"]])
    x = words(i)
    keras.Model(i, keras.layers.Dense(2, name="d")(x)).save(tmp_path / "m.keras")
    configsplit.split(configsplit.load(tmp_path / "m.keras"), "words").save(tmp_path / "parts")
    assert verify(tmp_path / "parts").proof.parts == 2
    file = tmp_path / "parts" / "part-0.keras"
    with zipfile.ZipFile(file) as old:
        members = {name: old.read(name) for name in old.namelist()}
    (name,) = (name for name in members if name.startswith("assets/"))
    members[name] = members[name].replace(b"red", b"dog")
    with zipfile.ZipFile(file, "w") as new:
        for each, content in members.items():
            new.writestr(each, content)
    lie(tmp_path / "parts", nothing)
    assert refused(tmp_path / "parts") == "verify-weights"


# ---------------------------------------------------------------- swapped while it is read


POINTS = ["reading", "_check_digests", "prove"]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("victim", ["m.h5", "parts/part-0.h5", "parts/part-1.h5"])
@pytest.mark.parametrize("back", [False, True], ids=["swapped", "swapped-and-back"])
def test_a_file_that_is_swapped_while_it_is_verified(
    parts: Path, monkeypatch: Any, point: str, victim: str, back: bool
) -> None:
    """Another file under the same name, of the same size and time of writing, at each step."""
    from configsplit.verbs import verify as verifying

    place = parts.parent / victim
    spare = place.with_suffix(".spare")
    spare.write_bytes(place.read_bytes())
    os.utime(spare, ns=(place.stat().st_atime_ns, place.stat().st_mtime_ns))
    real = getattr(verifying, point)

    def swapped(*args: Any, **kwargs: Any) -> Any:
        kept = place.with_suffix(".kept")
        place.rename(kept)
        spare.rename(place)
        try:
            return real(*args, **kwargs)
        finally:
            if back:
                place.rename(spare)
                kept.rename(place)

    monkeypatch.setattr(verifying, point, swapped)
    with pytest.raises((VerificationError, StoreError)) as error:
        verify(parts)
    assert error.value.code in {"verify-changed-file", "source-changed"}


STEPS = ["open_source", "_plan", "_write_parts", "check_shapes", "_begin_proof", "prepare_text"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("back", [False, True], ids=["swapped", "swapped-and-back"])
def test_a_file_that_is_swapped_while_it_is_cut(parts: Path, tmp_path: Path, monkeypatch: Any, step: str, back: bool) -> None:
    """Other weights, and where the file is opened anew another activation, under the same name: nothing is written."""
    from configsplit.models import document as reading
    from configsplit.saving import parts as saving

    home = reading if step == "open_source" else saving
    place, spare = tmp_path / "m.h5", tmp_path / "spare.h5"
    whole = document(
        functional([start("x", [None, 4]), dense("a", "x", activation="relu"), dense("b", "a"), dense("c", "b")], "c")
    )
    write_h5(spare, whole, dict.fromkeys(LAYERS, 7.0))
    cut = configsplit.split(configsplit.load(place), "a")
    real = getattr(home, step)

    def swapped(*args: Any, **kwargs: Any) -> Any:
        if spare.exists():
            place.rename(tmp_path / "kept.h5")
            spare.rename(place)
        made = real(*args, **kwargs)
        if back and (tmp_path / "kept.h5").exists():
            place.rename(tmp_path / "gone.h5")
            (tmp_path / "kept.h5").rename(place)
        return made

    monkeypatch.setattr(home, step, swapped)
    with pytest.raises(StoreError) as error:
        cut.save(tmp_path / "again")
    assert error.value.code == "source-changed"
    assert not (tmp_path / "again").exists()
