"""What models are fed with: the user's own arrays, and bounds of what is drawn."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configsplit.containers import npz as reading
from configsplit.containers.npz import read_arrays
from configsplit.errors import StoreError, VerificationError
from configsplit.runtime.feeding import Feed, choices, given_inputs, read_ranges
from configsplit.runtime.input_uses import Reach
from configsplit.runtime.inputs import Hints

IDS = {"name": "ids", "shape": [None, None], "dtype": "int32"}
IMAGE = {"name": "image", "shape": [None, 2, 3], "dtype": "float32"}
FLAG = {"name": "flag", "shape": [None, 1], "dtype": "bool"}
WORDS = {"name": "words", "shape": [None], "dtype": "string"}


def saved(folder: Path, *arrays: Any, **named: Any) -> Path:
    np.savez(folder / "given.npz", *arrays, **named)
    return folder / "given.npz"


def test_arrays_go_by_name_or_by_position(tmp_path: Path) -> None:
    ids, image = np.array([[1, 2], [3, 4]]), np.arange(12.0).reshape(2, 2, 3)
    for path in (saved(tmp_path, image=image, ids=ids), saved(tmp_path, ids, image)):
        found = given_inputs(path, [IDS, IMAGE])
        assert [(each.dtype, each.values.dtype.name) for each in found] == [("int32", "int32"), ("float32", "float32")]
        assert np.array_equal(found[0].values, ids)
        assert np.array_equal(found[1].values, image)


def test_arrays_in_the_order_of_fortran_and_of_the_other_byte_order(tmp_path: Path) -> None:
    image = np.arange(12.0).reshape(2, 2, 3)
    for given in (np.asfortranarray(image), image.astype(">f8"), image.astype("<f4")[:, ::1]):
        assert np.array_equal(given_inputs(saved(tmp_path, image=given), [IMAGE])[0].values, image)


def test_texts_booleans_and_half_precision(tmp_path: Path) -> None:
    half = {"name": "half", "shape": [None, 2], "dtype": "bfloat16"}
    path = saved(tmp_path, np.array(["ä", "b"]), np.array([[True], [False]]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    words, flag, numbers = given_inputs(path, [WORDS, FLAG, half])
    assert (words.dtype, words.values.tolist()) == ("string", ["ä".encode(), b"b"])
    assert (flag.dtype, flag.values.tolist()) == ("bool", [[True], [False]])
    assert (numbers.dtype, numbers.values.tolist()) == ("bfloat16", [[0x3F80, 0x4000], [0x4040, 0x4080]])


@pytest.mark.parametrize(
    ("specs", "arrays", "said"),
    [
        ([IDS], {"idz": np.zeros((1, 2), int)}, "'idz'"),
        ([IDS, IMAGE], {"ids": np.zeros((1, 2), int)}, "'image'"),
        ([IDS], {"ids": np.zeros((1, 2), int), "more": np.zeros(1)}, "'more'"),
        ([IMAGE], {"image": np.zeros((2, 3, 3))}, "(2, 3, 3)"),
        ([IMAGE], {"image": np.zeros((2, 3))}, "(2, 3)"),
        ([IDS], {"ids": np.array([[0.5]])}, "float64"),
        ([IDS], {"ids": np.array([[1 << 40]])}, "int64"),
        ([IDS], {"ids": np.array([["a"]])}, "<U1"),
        ([IDS], {"ids": np.array([[True]])}, "bool"),
        ([FLAG], {"flag": np.array([[1]])}, "int64"),
        ([WORDS], {"words": np.array([1])}, "int64"),
        ([IMAGE], {"image": np.full((1, 2, 3), 1e300)}, "float64"),
        ([IMAGE], {"image": np.zeros((1, 2, 3), complex) + 1j}, "complex128"),
        ([IDS, FLAG], {"ids": np.zeros((2, 2), int), "flag": np.zeros((3, 1), bool)}, "'ids' 2, 'flag' 3"),
    ],
)
def test_arrays_that_do_not_fit(specs: list[Any], arrays: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(VerificationError) as caught:
        given_inputs(saved(tmp_path, **arrays), specs)
    assert caught.value.code == "inputs-unfit"
    assert said in caught.value.message


def test_no_pickle_is_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    with pytest.raises(StoreError) as caught:
        read_arrays(saved(tmp_path, ids=np.array([Bomb()], dtype=object)))
    assert (caught.value.code, "Python objects" in caught.value.message) == ("inputs-not-npz", True)
    assert not (tmp_path / "ran").exists()


def zipped(folder: Path, data: bytes, name: str = "ids.npy") -> Path:
    with zipfile.ZipFile(folder / "z.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return folder / "z.npz"


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no array",
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,)}\n"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}\n") + bytes(8),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}\n") + bytes(9),
        header("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}\n") + bytes(8),
        header("{'descr': '<f8', 'fortran_order': False}\n") + bytes(8),
        header("__import__('os').abort()\n"),
        b"\x93NUMPY\x07\x00" + bytes(40),
    ],
)
def test_damaged_and_hostile_arrays(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        read_arrays(zipped(tmp_path, data))
    assert caught.value.code == "inputs-not-npz"


def test_what_is_no_archive_and_what_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text.npz").write_text("hello")
    for path in (tmp_path / "text.npz", tmp_path):
        with pytest.raises(StoreError) as caught:
            read_arrays(path)
        assert caught.value.code == "inputs-not-npz"
    stream = io.BytesIO()
    np.save(stream, np.zeros(1 << 26, np.uint8))
    with pytest.raises(StoreError) as caught:
        read_arrays(zipped(tmp_path, stream.getvalue() + bytes(1 << 24)))
    assert caught.value.code == "archive-bomb"
    monkeypatch.setattr(reading, "MAX_BYTES", 1000)
    with pytest.raises(StoreError) as caught:
        read_arrays(saved(tmp_path, ids=np.zeros(1000)))
    assert caught.value.code == "inputs-too-large"


def drawn(spec: dict[str, Any], *ranges: str, **reach: Any) -> Any:
    feed = Feed(samples=50, ranges=ranges, free_dimension=20)
    return choices([spec], Hints(reached=(Reach(**reach),)), feed)[0][0].values


def test_numbers_are_drawn_within_their_bounds() -> None:
    values = drawn(IMAGE, "image=10,20")
    assert (values.min() >= 10, values.max() <= 20, len(np.unique(values)) > 100) == (True, True, True)
    ids = drawn(IDS, "2,4", limit=9, zeros=True)
    assert set(ids.ravel()) == {2, 3, 4}  # 0, which is padding, is not asked for
    assert set(drawn(IDS, "0,4", limit=9, zeros=True).ravel()) == {0, 1, 2, 3, 4}
    assert set(drawn(IDS, "0,4", "ids=7,7", limit=9).ravel()) == {7}


def test_a_range_for_all_leaves_words_and_booleans_alone() -> None:
    specs = [WORDS, FLAG, IMAGE]
    assert read_ranges(["0,1"], specs, Hints()) == {2: (0.0, 1.0)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ids", "gives no range"),
        ("ids=1", "gives no range"),
        ("ids=2,1", "gives no range"),
        ("ids=0,inf", "gives no range"),
        ("ids=nan,1", "gives no range"),
        ("idz=0,1", "no input 'idz'"),
        ("ids=0,9", "knows 0 to 8"),
        ("ids=-1,3", "knows 0 to 8"),
        ("ids=0.2,0.8", "no whole number"),
        ("words=0,1", "takes no numbers"),
        ("flag=0,1", "takes no numbers"),
        ("small=0,300", "more than uint8 holds"),
        ("half=0,1e9", "more than float16 holds"),
    ],
)
def test_ranges_that_mean_nothing(text: str, said: str) -> None:
    small, half = (
        {"name": name, "shape": [None, 2], "dtype": dtype} for name, dtype in (("small", "uint8"), ("half", "float16"))
    )
    with pytest.raises(VerificationError) as caught:
        read_ranges([text], [IDS, WORDS, FLAG, small, half], Hints(reached=(Reach(limit=9, certain=9),)))
    assert (caught.value.code, said in caught.value.message) == ("input-range", True)


def test_open_sizes_are_tried_one_after_another() -> None:
    found = choices([IDS], Hints(reached=(Reach(limit=9),)), Feed())
    assert [each[0].values.shape for each in found][:4] == [(4, 7), (4, 5), (4, 3), (4, 2)]
    assert len(choices([IMAGE], Hints(), Feed())) == 1


def test_small_ids_come_last() -> None:
    """For a model that adds an offset to what it looks up."""
    fixed = IDS | {"shape": [None, 40]}
    found = [each[0].values for each in choices([fixed], Hints(reached=(Reach(limit=9),)), Feed())]
    assert [values.max() for values in found] == [8, 1]
    within = [each[0].values for each in choices([fixed], Hints(), Feed(ranges=("3,4",)))]
    assert [(values.min(), values.max()) for values in within] == [(3, 4), (3, 4)]
