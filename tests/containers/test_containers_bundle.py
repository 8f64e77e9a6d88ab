"""Tensor bundles and SavedModels that are damaged or hostile end in a coded error, soon and in little memory."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from support.bundle_files import Draft, Hand, Node, block, literal, message, number, snappy, table
from support.limits import limited

import configsplit
from configsplit.batches.find_models import find
from configsplit.batches.recipe import Models
from configsplit.containers.bundle.crc32c import crc32c
from configsplit.containers.bundle.table import unpack
from configsplit.containers.bundle.wire import Damaged
from configsplit.containers.source import open_source
from configsplit.errors import ConfigSplitError
from configsplit.runtime.examine import examine

pytestmark = pytest.mark.usefixtures("unleashed")

RESIDUAL = Path(__file__).parents[1] / "corpus" / "releases" / "tf-2.4" / "residual.h5"
SECONDS, MEMORY = 5, 300 << 20


def arrays(path: Path) -> dict[str, tuple[str, bytes]]:
    configsplit.load(path)
    with open_source(path) as opened:
        file = opened.weights
        assert file is not None
        prefix = f"{file.layout.container}/" if file.layout.container else ""
        return {
            name.removeprefix(prefix): (file.datasets[name].dtype, file.read(name).tobytes()) for name in sorted(file.datasets)
        }


def refusal(path: Path) -> ConfigSplitError:
    with limited(SECONDS, MEMORY), pytest.raises(ConfigSplitError) as caught:
        arrays(path)
    return caught.value


# ---------------------------------------------------------------- what is sound


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_checksums_are_those_of_rfc_3720(data: bytes, value: int) -> None:
    assert crc32c(data) == value


@pytest.mark.parametrize("size", [1 << 15, (1 << 15) + 1, 100_003, 1 << 20])
def test_checksums_of_much_are_those_of_its_pieces(size: int) -> None:
    """Much is computed by numpy, side by side; little byte by byte."""
    data, value = np.random.default_rng(1).bytes(size), 0
    for at in range(0, size, 1000):
        value = crc32c(data[at : at + 1000], value)
    assert crc32c(data) == value
    assert crc32c(data[500:], crc32c(data[:500])) == value


def test_snappy_is_unpacked() -> None:
    """Literals, copies of each width, and copies that reach into what they write."""
    far = np.random.default_rng(2).bytes(70_000)
    near, middle, back = [0b1_01 | 3 << 2, 5], [2 | 20 << 2, 3, 0], [3 | 9 << 2, 0x70, 0x11, 1, 0]
    packed, wanted = literal(far) + bytes([*near, *middle, *back]), far
    for length, offset in ((7, 5), (21, 3), (10, 0x11170)):
        for _ in range(length):
            wanted += wanted[-offset:][:1]
    assert unpack(memoryview(number(len(wanted)) + packed)) == wanted


def test_a_model_written_by_hand_is_read(tmp_path: Path) -> None:
    assert arrays(Hand(RESIDUAL).write(tmp_path / "ours")) == arrays(RESIDUAL)


def test_an_index_in_packed_blocks_is_read(tmp_path: Path) -> None:
    hand = Hand(RESIDUAL)
    folder = hand.write(tmp_path / "ours")
    rows = [*hand.draft.index().items()]
    plain = [dict(rows[:5]), dict(rows[5:])]
    packed = [block({}, kind=1, packed=snappy(block(each)[:-5])) for each in plain]
    (folder / "variables" / "variables.index").write_bytes(table(*packed))
    assert arrays(folder) == arrays(RESIDUAL)


# ---------------------------------------------------------------- what is hostile


def _entry(hand: Hand) -> dict[str, Any]:
    return hand.draft.entries["k0/.ATTRIBUTES/VARIABLE_VALUE"]


def _layer(hand: Hand, place: int = 1) -> int:
    return hand.nodes[0].keeps[f"layer-{place}"]


def _keep(hand: Hand, node: int, **kept: int) -> None:
    hand.nodes[node] = Node({**hand.nodes[node].keeps, **kept}, hand.nodes[node].array)


def _row(hand: Hand) -> int:
    return hand.nodes[_layer(hand)].keeps["variables"]


def _named(hand: Hand, name: str) -> None:
    weight = hand.nodes[_row(hand)].keeps["0"]
    assert hand.nodes[weight].array is not None
    hand.nodes[weight] = Node(array=(name, hand.nodes[weight].array[1]))


def _chain(hand: Hand, length: int) -> None:
    """Objects without end below a layer that lists no weights."""
    first = len(hand.nodes)
    hand.nodes += [Node({"0": first + step + 1, "1": first + step + 2}) for step in range(length)]
    hand.nodes += [Node(array=("a", "k0"))] * 2
    hand.nodes[_layer(hand)] = Node({"0": first, "1": first + 1})


HOSTILE: dict[str, Callable[[Hand], object]] = {
    "an offset beyond the file": lambda hand: _entry(hand).update(offset=1 << 40),
    "a size beyond the file": lambda hand: _entry(hand).update(size=1 << 40, shape=(1 << 38,)),
    "an offset of 64 bits": lambda hand: _entry(hand).update(offset=(1 << 64) - 8),
    "two arrays at one place": lambda hand: _entry(hand).update(offset=4),
    "fewer bytes than its shape": lambda hand: _entry(hand).update(size=4),
    "a negative size": lambda hand: _entry(hand).update(shape=((1 << 64) - 1,)),
    "many endless sizes": lambda hand: _entry(hand).update(shape=(1 << 40,) * 30),
    "very many sizes": lambda hand: _entry(hand).update(shape=(1,) * 100_000),
    "a type that nobody knows": lambda hand: _entry(hand).update(dtype=99),
    "texts as weights": lambda hand: _entry(hand).update(dtype=7),
    "another checksum": lambda hand: _entry(hand).update(crc=1),
    "a shard that there is not": lambda hand: _entry(hand).update(shard=7),
    "no shards": lambda hand: hand.draft.head.update({1: 0}),
    "endless shards": lambda hand: hand.draft.head.update({1: 1 << 40}),
    "another order of bytes": lambda hand: hand.draft.head.update({2: 1}),
    "a layer that is the model": lambda hand: _keep(hand, 0, **{"layer-1": 0}),
    "two layers of one name": lambda hand: hand.told[2][2].update(name=hand.told[3][2]["name"]),
    "a layer of no name": lambda hand: hand.told.pop(2),
    "a layer of another name": lambda hand: hand.told[2][2].update(name="nobody"),
    "a layer that names an object that there is not": lambda hand: _keep(hand, _layer(hand), variables=1 << 30),
    "a list that holds itself": lambda hand: _keep(hand, _row(hand), **{"0": _row(hand)}),
    "a weight that is no array": lambda hand: _keep(hand, _row(hand), **{"0": _layer(hand)}),
    "a weight too few among the trained ones": lambda hand: _keep(
        hand, _layer(hand), trainable_variables=hand.nodes[_layer(hand, 2)].keeps["variables"]
    ),
    "a weight without a name": lambda hand: _named(hand, ""),
    "an empty step in a name": lambda hand: _named(hand, "c1//kernel"),
    "objects without end": lambda hand: _chain(hand, 20_000),
    "a graph that is no text": lambda hand: hand.draft.add("_CHECKPOINTABLE_OBJECT_GRAPH", np.zeros(3, "float32")),
    "a graph of endless fields": lambda hand: hand.draft.add_text("_CHECKPOINTABLE_OBJECT_GRAPH", b"\x0a\x00" * 1_000_001),
    "a graph with an absurd length": lambda hand: hand.draft.add_text(
        "_CHECKPOINTABLE_OBJECT_GRAPH", b"\x0a" + number((1 << 64) - 1) + b"x"
    ),
    "a graph that does not end": lambda hand: hand.draft.add_text("_CHECKPOINTABLE_OBJECT_GRAPH", b"\x0a" + b"\xff" * 20),
    "an architecture that nests without end": lambda hand: hand.told.__setitem__(
        0, ("root", "_tf_keras_network", _nested(hand.told[0][2]))
    ),
}


def _nested(said: Any) -> Any:
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    return {**said, "config": {**said["config"], "deep": deep}}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_no_tensorflow_writes_is_refused(kind: str, tmp_path: Path) -> None:
    hand = Hand(RESIDUAL)
    HOSTILE[kind](hand)
    folder = hand.write(tmp_path / "ours")
    with pytest.raises(ConfigSplitError) as caught, limited(SECONDS, MEMORY):
        configsplit.split(configsplit.load(folder), at="bn1").save(tmp_path / "parts")
    assert caught.value.code in ("bundle-damaged", "json-too-deep", "weights-unclaimed", "weights-order-unknown"), caught.value
    assert not (tmp_path / "parts").exists()


def _claims(size: int) -> bytes:
    return block({}, kind=1, packed=number(size) + literal(b"x" * 100))


INDEXES: dict[str, Callable[[Draft], bytes]] = {
    "a block that claims gigabytes": lambda draft: table(_claims(1 << 40)),
    "a block that claims more than it gives": lambda draft: table(_claims(2000)),
    "a copy from before the beginning": lambda draft: table(block({}, kind=1, packed=number(9) + b"\x05\x09")),
    "a copy from nowhere": lambda draft: table(block({}, kind=1, packed=number(9) + b"\x00x\x05\x00")),
    "a block that is packed otherwise": lambda draft: table(block(draft.index(), kind=2)),
    "one block named a thousand times": lambda draft: _repeated(block(draft.index())),
    "keys that grow without end": lambda draft: table(block({}, packed=_growing())),
    "keys out of order": lambda draft: table(block(dict(reversed(draft.index().items())))),
    "an entry that is no message": lambda draft: table(block({**draft.index(), b"zz": b"\xff\xff"})),
    "a key that is no text": lambda draft: table(block({**draft.index(), b"zz\xff": message((1, 1))})),
    "no head": lambda draft: table(block({key: value for key, value in draft.index().items() if key})),
    "nothing": lambda draft: b"",
    "only a footer": lambda draft: table(block({}))[-48:],
}


def _repeated(data: bytes) -> bytes:
    place = number(0) + number(len(data) - 5)
    index = block({b"%05d" % count: place for count in range(1000)})
    handles = number(0) + number(0) + number(len(data)) + number(len(index) - 5)
    return data + index + handles.ljust(40, b"\0") + table(block({}))[-8:]


def _growing() -> bytes:
    """Every key is the one before it and a byte: a megabyte of file would be a terabyte of keys."""
    row, shared = [number(0) + number(1) + number(2) + b"a\x08\x01"], 1
    for _ in range(200_000):
        row.append(number(shared) + number(1) + number(0) + b"a")
        shared += 1
    return b"".join(row) + bytes(4) + (1).to_bytes(4, "little")


@pytest.mark.parametrize("kind", INDEXES)
def test_an_index_that_no_tensorflow_writes_is_refused(kind: str, tmp_path: Path) -> None:
    hand = Hand(RESIDUAL)
    folder = hand.write(tmp_path / "ours")
    (folder / "variables" / "variables.index").write_bytes(INDEXES[kind](hand.draft))
    assert refusal(folder).code == "bundle-damaged"


def test_damaged_snappy_never_escapes() -> None:
    chance, refused = Random(3), 0
    sound = snappy(b"abc" * 100) + bytes([2 | 20 << 2, 3, 0])
    for _ in range(2000):
        damaged = bytearray(sound[: chance.randrange(1, len(sound) + 1)])
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        try:
            assert len(unpack(memoryview(bytes(damaged)))) <= 22 * len(damaged)
        except Damaged:
            refused += 1
    assert refused > 1500


@pytest.mark.parametrize("name", ["variables/variables.index", "variables/variables.data-00000-of-00001", "keras_metadata.pb"])
def test_damage_ends_in_a_coded_error_or_changes_nothing_unseen(name: str, tmp_path: Path) -> None:
    """Truncated anywhere, or a bit turned: it is refused, or says what it said. What a bit changes in the architecture's own
    numbers and names nobody can see; weights have checksums."""
    folder = Hand(RESIDUAL).write(tmp_path / "ours")
    sound, chance, wanted = (folder / name).read_bytes(), Random(zlib.crc32(name.encode())), arrays(folder)
    refused = 0
    for attempt in range(120):
        damaged = bytearray(sound)
        damaged[chance.randrange(len(sound))] ^= 1 << chance.randrange(8)
        (folder / name).write_bytes(bytes(damaged if attempt % 2 else sound[: chance.randrange(len(sound))]))
        try:
            with limited(SECONDS, MEMORY), open_source(folder) as opened:
                configsplit.load(folder)
                opened.sha256()
                assert name == "keras_metadata.pb" or arrays(folder) == wanted
        except ConfigSplitError as error:
            refused += bool(error.code)
    assert refused > (40 if name == "keras_metadata.pb" else 110)


def test_a_shard_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    folder = Hand(RESIDUAL).write(tmp_path / "ours")
    shard = folder / "variables" / "variables.data-00000-of-00001"
    shard.unlink()
    incomplete = refusal(folder)
    assert (incomplete.code, incomplete.where) == ("file-missing", str(shard))
    assert "not complete" in str(incomplete)
    os.mkfifo(shard)
    assert refusal(folder).code == "file-kind"
    shard.unlink()
    shard.symlink_to(shard)
    assert refusal(folder).code == "io-failed"


def test_an_architecture_without_its_variables_is_cut_alone(tmp_path: Path) -> None:
    folder = Hand(RESIDUAL).write(tmp_path / "ours")
    shutil.rmtree(folder / "variables")
    saved = configsplit.split(configsplit.load(folder), at="bn1").save(tmp_path / "parts")
    assert [part.file for part in saved.manifest.parts] == ["part-0.json", "part-1.json"]


def test_a_batch_finds_it(tmp_path: Path) -> None:
    (tmp_path / "zoo").mkdir()
    Hand(RESIDUAL).write(tmp_path / "zoo" / "ours")
    found = find(str(tmp_path / "zoo"), Models())
    assert [(member.name, member.reason) for member in found.members] == [("ours", "a SavedModel of TensorFlow")]


def test_it_is_run_from_what_was_read_of_it(near_worker: None, tmp_path: Path) -> None:
    """The program in it, which is none here, would run with it."""
    folder = Hand(RESIDUAL).write(tmp_path / "ours")
    configsplit.split(configsplit.load(folder), at="bn1").save(tmp_path / "parts")
    assert configsplit.verify(tmp_path / "parts", numeric=True).numeric.passed
    same = configsplit.compare(RESIDUAL, folder)
    assert [each.identical for each in same.outputs] == [True]
    with pytest.raises(ConfigSplitError, match="as data") as caught:
        examine(folder)
    assert caught.value.code == "runtime-kind"


def test_its_size_is_that_of_its_files(tmp_path: Path) -> None:
    folder = Hand(RESIDUAL).write(tmp_path / "ours")
    files = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    (folder / "link").symlink_to(RESIDUAL.resolve())
    assert configsplit.inspect(configsplit.load(folder)).bytes == sum(files)
