"""Records are declared once: what is written is what can be read, and what the declaration does not know stays."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import configsplit
from configsplit.errors import DocumentError
from configsplit.records import manifest, provenance
from configsplit.records.manifest import FromInput, FromPart, Tensor, WiredTensor

MODEL = Path(__file__).resolve().parents[1] / "corpus" / "releases" / "keras-3.15.1" / "siamese.keras"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A manifest with an opened model."""
    out = tmp_path_factory.mktemp("out") / "parts"
    configsplit.split(MODEL, "encoder@1/enc_fc").save(out)
    return json.loads((out / "manifest.json").read_text())


def test_keys_of_later_releases_are_kept_wherever_they_stand(written: dict[str, Any]) -> None:
    later = {**written, "later": [1]}
    later["source"] = written["source"] | {"later": {"a": None}}
    first = written["parts"][0]
    given = [{**first["outputs"][0], "later": 2.50}, *first["outputs"][1:]]
    later["parts"] = [first | {"outputs": given, "later": "x"}, *written["parts"][1:]]
    read = manifest.from_text(json.dumps(later), "m")
    assert json.loads(manifest.to_text(read)) == later
    assert json.loads(manifest.to_text(read.but(warnings=("w",)))) == later | {"warnings": ["w"]}
    assert read != manifest.from_text(json.dumps(written), "m")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parts": [{"file": "../a"}]}, r"parts\.0\.file: String should match pattern"),
        ({"parts": [{"file": ".."}]}, r"parts\.0\.file: Value error, this is not the name of a file"),
        ({"configsplit": None}, r"configsplit: Input should be a valid string"),
        ({"inputs": [{"name": "x", "shape": [-1]}]}, r"inputs\.0\.shape\.0: Input should be greater than or equal to 0"),
        ({"outputs": [{"name": "x"}]}, r"outputs\.0\.from: Field required"),
        ({"manifest_version": 2}, r"manifest_version: Input should be 1"),
    ],
)
def test_what_is_no_record_is_refused_with_the_place(written: dict[str, Any], change: dict[str, Any], words: str) -> None:
    with pytest.raises(DocumentError, match=words) as caught:
        manifest.from_text(json.dumps(written | change), "m")
    assert caught.value.code == "manifest-invalid"


def test_a_digest_without_its_weights_is_refused(written: dict[str, Any]) -> None:
    half = written["parts"][0] | {"weights_sha256": "0" * 64}
    with pytest.raises(DocumentError, match=r"parts\.0: Value error, weights and their digest go together"):
        manifest.from_text(json.dumps(written | {"parts": [half]}), "m")


def test_a_source_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    configsplit.rename(MODEL, {"encoder": "e"}).save(tmp_path / "r.keras")
    record = json.loads((tmp_path / "r.keras.provenance.json").read_text())
    record["layers"][0]["source"] = 1
    with pytest.raises(DocumentError, match="comes from a source that is not listed"):
        provenance.from_text(json.dumps(record), "p")


def test_a_record_is_a_value() -> None:
    one = WiredTensor(name="x", shape=(None, 2), source=FromInput(input=0))
    same = pickle.loads(pickle.dumps(one))
    assert (one, hash(one), repr(one)) == (same, hash(same), repr(same))
    assert one != one.but(source=FromPart(part=0, output=0)) != Tensor(name="x", shape=(None, 2))
    assert one.plain() == {"name": "x", "shape": [None, 2], "dtype": None, "from": {"input": 0}}
    with pytest.raises(AttributeError, match="immutable"):
        one.name = "y"  # type: ignore[misc]
