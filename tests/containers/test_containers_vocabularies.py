"""Vocabularies that a SavedModel keeps in tables, in files and with weights of their words, carried as Keras takes them."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

import configsplit
from configsplit.errors import StoreError
from configsplit.graph.model import walk

pytestmark = pytest.mark.usefixtures("unleashed")

WORDS = "apple\r\nbanana\n\u00fc\nLine\u2028two\n pear \n"
NUMBERS = "5\n-7\n +12\n"
GIVEN: dict[str, Any] = {
    "string": [["apple"], ["banana"], ["\u00fc"], ["Line\u2028two"], [" pear "], ["b"], ["a"], ["nobody"], [""], ["[UNK]"]],
    "int64": [[5], [-7], [12], [0], [1], [2], [3], [4], [-1], [99]],
}
Make = Callable[[Path], Any]


def words(**options: Any) -> Make:
    return lambda folder: layers.StringLookup(name="look", vocabulary=str(folder / "words.txt"), **options)


def numbers(**options: Any) -> Make:
    return lambda folder: layers.IntegerLookup(name="look", vocabulary=str(folder / "numbers.txt"), **options)


def texts(**options: Any) -> Make:
    def made(folder: Path) -> Any:
        return layers.TextVectorization(
            name="look", standardize=None, split=None, vocabulary=str(folder / "words.txt"), **options
        )

    return made


def counted(class_name: str, data: Any, **options: Any) -> Make:
    def made(folder: Path) -> Any:
        layer = getattr(layers, class_name)(name="look", **options)
        layer.adapt(np.array(data))
        return layer

    return made


STRINGS, IDS = [["a"], ["b"], ["b"], ["apple"]], [[5], [-7], [-7], [3]]
WEIGHED: dict[str, Any] = {"output_mode": "tf_idf"}
CASES: dict[str, tuple[str, Make]] = {
    "words of a file": ("string", words()),
    "a mask, several unknown": ("string", words(num_oov_indices=3, mask_token="")),
    "encoded": ("string", words(output_mode="multi_hot", num_oov_indices=2)),
    "numbers of a file": ("int64", numbers()),
    "numbers, a mask": ("int64", numbers(mask_token=0, num_oov_indices=2)),
    "texts of a file": ("string", texts()),
    "texts, counted": ("string", texts(output_mode="count")),
    "inverted, of a file": ("int64", words(invert=True)),
    "inverted, a mask": ("int64", words(invert=True, mask_token="-")),
    "inverted": ("int64", counted("StringLookup", STRINGS, invert=True)),
    "inverted numbers": ("int64", counted("IntegerLookup", IDS, invert=True)),
    "weighed words": ("string", counted("StringLookup", STRINGS, num_oov_indices=2, **WEIGHED)),
    "weighed, padded": ("string", counted("StringLookup", STRINGS, max_tokens=9, pad_to_max_tokens=True, **WEIGHED)),
    "weighed, none unknown": ("string", counted("StringLookup", STRINGS, num_oov_indices=1, mask_token="a", **WEIGHED)),
    "weighed numbers": ("int64", counted("IntegerLookup", IDS, **WEIGHED)),
    "weighed texts": ("string", counted("TextVectorization", ["a b", "b apple", "b"], **WEIGHED)),
    "weights that were given": (
        "string",
        lambda folder: layers.StringLookup(name="look", vocabulary=["a", "b"], idf_weights=[0.5, 0.25], **WEIGHED),
    ),
}


def files(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "words.txt").write_bytes(WORDS.encode())
    (folder / "numbers.txt").write_bytes(NUMBERS.encode())
    return folder


def model_of(name: str, folder: Path) -> Any:
    """A layer, and behind it what is cut away."""
    dtype, make = CASES[name]
    x = tf_keras.Input((1,), dtype=dtype, name="x")
    y = make(files(folder))(x)
    return tf_keras.Model(
        x, y if y.dtype == tf.string else layers.Rescaling(2.0, name="twice")(tf.cast(y, "float32")), name="model"
    )


def saved(name: str, folder: Path, *, traces: bool = True) -> Path:
    """A SavedModel, of which nothing is left of the files that it was made from."""
    model_of(name, folder / "files").save(folder / "saved", save_format="tf", save_traces=traces)
    shutil.rmtree(folder / "files")
    return folder / "saved"


def run(model: Any, dtype: str) -> Any:
    return np.asarray(model(tf.constant(GIVEN[dtype], dtype)))


@pytest.mark.in_turn("traces")
@pytest.mark.in_turn("traces")
@pytest.mark.parametrize("traces", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_parts_and_conversion_look_up_the_same(name: str, traces: bool, tmp_path: Path) -> None:
    """Held against TensorFlow's own load of the SavedModel."""
    dtype, source = CASES[name][0], saved(name, tmp_path, traces=traces)
    wanted = run(tf_keras.models.load_model(source), dtype)
    assert len({str(row) for row in wanted.tolist()}) > 2
    if wanted.dtype != object:
        done = configsplit.split(source, at="look").save(tmp_path / "parts")
        assert done.proof is not None
        assert configsplit.verify(tmp_path / "parts").proof == done.proof
        given: Any = tf.constant(GIVEN[dtype], dtype)
        for part in ("part-0.h5", "part-1.h5"):
            given = tf_keras.models.load_model(tmp_path / "parts" / part, compile=False)(given)
        assert np.asarray(given).tobytes() == wanted.tobytes()
    configsplit.convert(source).save(tmp_path / "new.keras")
    found = run(keras.models.load_model(tmp_path / "new.keras"), dtype)
    assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_files_of_words_lie_in_archives_too(kind: str, tmp_path: Path) -> None:
    source = saved("words of a file", tmp_path)
    wanted = run(tf_keras.models.load_model(source), "string")
    packed = tmp_path / f"packed.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(source.rglob("*")):
                if file.is_file():
                    archive.write(file, file.relative_to(tmp_path))
    else:
        with tarfile.open(packed, "w:gz") as packing:
            packing.add(source, "saved")
    configsplit.convert(packed).save(tmp_path / "new.keras")
    assert run(keras.models.load_model(tmp_path / "new.keras"), "string").tolist() == wanted.tolist()


def tower(name: str, vocabulary: str) -> Any:
    x = tf_keras.Input((1,), dtype="string", name="x")
    return tf_keras.Model(x, layers.StringLookup(name="look", vocabulary=vocabulary)(x), name=name)


def test_layers_of_one_name_in_two_models_keep_their_own_words(tmp_path: Path) -> None:
    files(tmp_path)
    (tmp_path / "others.txt").write_text("banana\nkiwi\napple\n")
    x = tf_keras.Input((1,), dtype="string", name="given")
    left, right = tower("left", str(tmp_path / "words.txt")), tower("right", str(tmp_path / "others.txt"))
    tf_keras.Model(x, [left(x), right(x)], name="both").save(tmp_path / "saved", save_format="tf")
    told = {"/".join(path): layer.config.get("vocabulary") for path, layer in walk(configsplit.load(tmp_path / "saved").model)}
    assert told["left/look"][:2] == ("apple", "banana")
    assert told["right/look"] == ("banana", "kiwi", "apple")


def test_a_file_that_begins_with_the_special_words_is_read_as_tensorflow_reads_it(tmp_path: Path) -> None:
    """It takes them for words like others; Keras would leave them out of a list."""
    (tmp_path / "list.txt").write_text("[UNK]\na\nb\n")
    tower("model", str(tmp_path / "list.txt")).save(tmp_path / "saved", save_format="tf")
    wanted = run(tf_keras.models.load_model(tmp_path / "saved"), "string")
    assert wanted[5:7].tolist() == [[3], [2]]
    configsplit.convert(tmp_path / "saved").save(tmp_path / "new.keras")
    assert run(keras.models.load_model(tmp_path / "new.keras"), "string").tolist() == wanted.tolist()


def test_a_file_with_the_mask_among_its_words_is_refused(tmp_path: Path) -> None:
    x = tf_keras.Input((1,), dtype="string", name="x")
    look = layers.StringLookup(name="look", mask_token="apple", vocabulary=str(files(tmp_path) / "words.txt"))
    tf_keras.Model(x, look(x)).save(tmp_path / "saved", save_format="tf")
    assert refused(tmp_path / "saved") == "saved-model-vocabulary"


def refused(source: Path) -> str:
    with pytest.raises(StoreError) as caught:
        configsplit.convert(source).save(source.with_name("never.keras"))
    return caught.value.code


def test_a_file_that_is_missing_a_link_or_elsewhere_is_refused(tmp_path: Path) -> None:
    source = saved("words of a file", tmp_path)
    program, asset = source / "saved_model.pb", source / "assets" / "words.txt"
    sound = program.read_bytes()
    for name in (b"../ab.txt", b"..\\ab.txt", b"/tmp/a.tx", b"assets/a."):
        (tmp_path / "ab.txt").write_text(WORDS)
        program.write_bytes(sound.replace(b"words.txt", name))
        assert refused(source) == "bundle-damaged"
    program.write_bytes(sound)
    asset.rename(tmp_path / "words.txt")
    assert refused(source) == "file-missing"
    asset.symlink_to(tmp_path / "words.txt")
    assert refused(source) == "asset-link"
    asset.unlink()
    asset.parent.rmdir()
    asset.parent.symlink_to(tmp_path)
    assert refused(source) == "asset-link"
    asset.parent.unlink()
    asset.mkdir(parents=True)
    assert refused(source) == "file-kind"


@pytest.mark.parametrize("text", [b"", b"\n", b"a\n\nb", b"\xff\nb", b"a\nb\na\n", b"a\nb", b"a\x00\nb\nc\nd\ne\n"])
def test_a_file_of_other_words_is_refused(text: bytes, tmp_path: Path) -> None:
    source = saved("words of a file", tmp_path)
    (source / "assets" / "words.txt").write_bytes(text)
    assert refused(source) in ("saved-model-vocabulary", "bundle-damaged")


def test_a_file_that_was_changed_after_a_cut_is_noticed(tmp_path: Path) -> None:
    source = saved("words of a file", tmp_path)
    configsplit.split(source, at="look").save(tmp_path / "parts")
    (source / "assets" / "words.txt").write_bytes(WORDS.replace("apple", "pearl").encode())
    with pytest.raises(configsplit.ConfigSplitError) as caught:
        configsplit.verify(tmp_path / "parts")
    assert caught.value.code == "verify-changed-file"


def test_a_vocabulary_that_old_releases_do_not_even_mention_is_not_lost_silently(tmp_path: Path) -> None:
    """TensorFlow 2.3 to 2.5 have a table in the bundle, of which nothing stands in the config."""
    source = saved("words of a file", tmp_path)
    metadata = source / "keras_metadata.pb"
    data = metadata.read_bytes()
    for key in (b'"vocabulary": null', b'"vocabulary_size": 6'):
        assert key in data
        data = data.replace(key, key.replace(b"vocab", b"other"))
    at = data.index(b'"vocabulary": "')
    metadata.write_bytes(data[:at] + data[at:].replace(b'"vocabulary": "', b'"otherthing": "', 1))
    (source / "saved_model.pb").unlink()
    assert refused(source) == "saved-model-vocabulary"


@pytest.mark.in_turn("suffix")
@pytest.mark.in_turn("suffix")
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("weigh")])
def test_weights_of_words_go_along_from_files_of_keras_2(name: str, suffix: str, tmp_path: Path) -> None:
    dtype = CASES[name][0]
    configsplit.split(saved(name, tmp_path), at="look").save(tmp_path / "parts")
    source = tmp_path / f"source{suffix}"
    given = tf_keras.models.load_model(tmp_path / "parts" / "part-0.h5", compile=False)
    given.save(source)
    wanted = run(given, dtype)
    configsplit.extract(source, to="look").save(tmp_path / f"again{suffix}")
    again = tf_keras.models.load_model(tmp_path / f"again{suffix}", compile=False)
    assert run(again, dtype).tobytes() == wanted.tobytes()
    configsplit.convert(source).save(tmp_path / "new.keras")
    assert run(keras.models.load_model(tmp_path / "new.keras"), dtype).tolist() == wanted.tolist()


def weighed(kind: str, *, given: bool) -> Any:
    x = keras.Input((1,), dtype="string", name="x")
    options: dict[str, Any] = {"vocabulary": ["a", "b"], "idf_weights": [0.5, 0.25]} if given else {}
    look = getattr(keras.layers, kind)(name="look", output_mode="tf_idf", **options)
    if not given:
        look.adapt(np.array([["a b"], ["b"], ["b"]]))
    y = keras.Model(x, look(x), name="inner")(x)
    return keras.Model(x, keras.layers.Rescaling(2.0, name="twice")(y), name="model")


@pytest.mark.in_turn("given")
@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("kind", ["StringLookup", "TextVectorization"])
def test_weights_of_words_go_along_from_files_of_keras_3(kind: str, given: bool, tmp_path: Path) -> None:
    model = weighed(kind, given=given)
    wanted, source = run(model, "string"), tmp_path / "source.keras"
    model.save(source)
    configsplit.split(source, at="inner").save(tmp_path / "parts")
    found: Any = tf.constant(GIVEN["string"])
    for part in ("part-0.keras", "part-1.keras"):
        found = keras.models.load_model(tmp_path / "parts" / part)(found)
    assert np.asarray(found).tobytes() == wanted.tobytes()
    configsplit.convert(source, to="keras2").save(tmp_path / "old.h5")
    assert run(tf_keras.models.load_model(tmp_path / "old.h5"), "string").tolist() == wanted.tolist()
    if not given:
        assert refused_as_h5(source, tmp_path) == "layout-assets"
        return
    configsplit.convert(source).save(tmp_path / "new.h5")
    assert run(keras.models.load_model(tmp_path / "new.h5"), "string").tobytes() == wanted.tobytes()
    with pytest.raises(StoreError, match="lie in no array") as caught:
        configsplit.convert(tmp_path / "new.h5").save(tmp_path / "back.keras")
    assert caught.value.code == "layout-assets"


def refused_as_h5(source: Path, folder: Path) -> str:
    with pytest.raises(StoreError) as caught:
        configsplit.convert(source).save(folder / "new.h5")
    return caught.value.code
