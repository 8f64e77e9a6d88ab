"""The committed schemas are those of the code, and real documents and manifests satisfy them."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

import configsplit
from configsplit.documents.schemas import DOCUMENTS, text
from configsplit.errors import DocumentError

RELEASES = Path(__file__).resolve().parents[1] / "corpus" / "releases"


def validator(name: str) -> jsonschema.Draft202012Validator:
    published = json.loads(resources.files("configsplit.schemas").joinpath(f"{name}.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(published)
    return jsonschema.Draft202012Validator(published)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_published_schema_is_that_of_the_code(name: str) -> None:
    published = resources.files("configsplit.schemas").joinpath(f"{name}.schema.json").read_text("utf-8")
    assert published == text(name), "run: python -m configsplit.documents.schemas schemas"


@pytest.mark.parametrize("release", sorted(path.name for path in RELEASES.iterdir()))
def test_every_document_of_a_release_satisfies_its_own_schema(release: str) -> None:
    checked = 0
    for path in sorted((RELEASES / release).glob("*.json")):
        if path.name == "index.json" or path.name.endswith(".weights.json"):
            continue
        try:
            document = configsplit.load(path)
        except DocumentError as error:
            assert error.code in ("document-no-graph", "document-unresolved")  # noqa: PT017 - what the release itself lost
            continue
        errors = list(validator(document.dialect).iter_errors(json.loads(path.read_text())))
        assert not errors, (path, errors[0].message)
        checked += 1
    assert checked or not list((RELEASES / release).glob("*.json"))


def test_a_document_of_keras_3_does_not_satisfy_the_schema_of_keras_2() -> None:
    document = json.loads((RELEASES / "keras-3.15.1" / "siamese.json").read_text())
    assert not list(validator("keras3").iter_errors(document))
    older = json.loads((RELEASES / "tf_keras-2.21" / "siamese.json").read_text())
    assert list(validator("keras3").iter_errors(older))


def test_a_manifest_satisfies_its_schema(tmp_path: Path) -> None:
    source = RELEASES / "keras-3.15.1" / "siamese.keras"
    configsplit.split(configsplit.load(source), "encoder@1/enc_fc").save(tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert not list(validator("manifest").iter_errors(manifest))
    del manifest["parts"][0]["sha256"]
    assert list(validator("manifest").iter_errors(manifest))
