"""The committed schemas are those of the code; every document satisfies that of its own generation and no other."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from support.corpus import releases
from support.plugins import LAYERS

import configsplit
from configsplit.cli.main import cli
from configsplit.containers.source import open_source
from configsplit.dialects.schema.architectures import Keras1Document, Keras2Document, Keras3Document
from configsplit.records.manifest import from_text, to_text
from configsplit.verbs.schemas import DOCUMENTS, text

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
DIALECTS = ("keras1", "keras2", "keras3")
WIRE = {"keras1": Keras1Document, "keras2": Keras2Document, "keras3": Keras3Document}
WEIGHTS = (".weights.h5", ".weights_only.h5", ".weights.json")

NOT_TOLD = {
    "tf-2.12/subclassed.v3.keras",
    "tf-2.13/subclassed.keras",
    "tf-2.15/subclassed.keras",
    "tf_keras-2.21/subclassed.keras",
}
"""Archives of models whose graph is in code, by TF 2.12 to 2.15 and tf_keras: character for character what Keras 3 writes."""


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    published = json.loads(resources.files("configsplit.schemas").joinpath(f"{name}.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(published)
    return jsonschema.Draft202012Validator(published)


def generation(release: str) -> str:
    """The dialect of what a release writes."""
    return f"keras{release[6]}" if release.startswith("keras-") else "keras2"


def models(release: str) -> list[Path]:
    """Every file of a release that holds an architecture."""
    others = ("index.json", *WEIGHTS, ".npz", ".yaml", ".savedmodel")
    return [path for path in sorted((releases() / release).iterdir()) if not path.name.endswith(others)]


def document(path: Path) -> Any:
    with open_source(path) as source:
        return json.loads(source.config_text)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_published_schema_is_that_of_the_code(name: str) -> None:
    published = resources.files("configsplit.schemas").joinpath(f"{name}.schema.json").read_text("utf-8")
    assert published == text(name), "run: python -m configsplit.verbs.schemas schemas"


@pytest.mark.parametrize("release", sorted(path.name for path in releases().iterdir() if path.is_dir()))
def test_every_document_satisfies_the_schema_of_its_generation_and_no_other(release: str) -> None:
    seen: dict[str, list[str]] = {}
    for path in models(release):
        value = document(path)
        key = json.dumps(value, sort_keys=True)
        if key not in seen:
            seen[key] = [name for name in DIALECTS if validator(name).is_valid(value)]
        wanted = "keras3" if f"{release}/{path.name}" in NOT_TOLD else generation(release)
        assert seen[key] == [wanted], path
    assert seen


@pytest.mark.parametrize("release", sorted(path.name for path in releases().iterdir() if path.is_dir()))
def test_the_pydantic_documents_say_what_their_schemas_say(release: str) -> None:
    for path in models(release)[::3]:
        value = document(path)
        for name, wire in WIRE.items():
            try:
                wire.model_validate(value)
                agrees = validator(name).is_valid(value)
            except ValueError:
                agrees = not validator(name).is_valid(value)
            assert agrees, (path, name)


def test_the_seed_satisfies_keras_2_alone() -> None:
    value = document(CORPUS / "seed" / "resnet152_scale_keras2.0.9.json")
    assert [name for name in DIALECTS if validator(name).is_valid(value)] == ["keras2"]


def test_the_corpus_has_every_generation() -> None:
    found = Counter(generation(path.name) for path in releases().iterdir() if path.is_dir())
    assert found["keras1"] >= 2
    assert found["keras2"] >= 10
    assert found["keras3"] >= 4


@pytest.mark.parametrize(
    ("file", "at", "options", "told"),
    [
        ("keras-3.15.1/siamese.keras", "encoder@1/enc_fc", {}, ("opened",)),
        ("tf-2.4/embed_mask_lstm.h5", "emb", {}, ("masks",)),
        ("keras-3.15.1/mixed.keras", "half", {"boundary_dtype": "float32"}, ("casts",)),
        ("keras-3.15.1/residual.keras", ["c1", "bn1"], {}, ("parts",)),
    ],
)
def test_a_manifest_satisfies_its_schema(
    file: str, at: str | list[str], options: dict[str, Any], told: tuple[str, ...], tmp_path: Path
) -> None:
    """What is written is not checked on the way: it is what is read."""
    saved = configsplit.split(CORPUS / "releases" / file, at, **options).save(tmp_path / "out")
    written = (tmp_path / "out" / "manifest.json").read_text()
    read = from_text(written, "manifest.json")
    assert (read.but(frame={}), to_text(read)) == (saved.manifest.but(frame={}), written)
    assert all(getattr(read, name) for name in told)
    manifest = json.loads(written)
    assert not list(validator("manifest").iter_errors(manifest))
    del manifest["parts"][0]["sha256"]
    assert list(validator("manifest").iter_errors(manifest))


def test_a_provenance_record_satisfies_its_schema(tmp_path: Path) -> None:
    source = CORPUS / "releases" / "keras-3.15.1" / "residual.keras"
    configsplit.rename(configsplit.load(source), {"out": "end"}).save(tmp_path / "r.keras")
    record = json.loads((tmp_path / "r.keras.provenance.json").read_text())
    assert not list(validator("provenance").iter_errors(record))
    record["layers"][0]["source"] = -1
    assert list(validator("provenance").iter_errors(record))


def test_the_list_of_plug_ins_satisfies_its_schema() -> None:
    plugins = Path(__file__).resolve().parents[1] / "support" / "plugins.py"
    printed = json.loads(CliRunner().invoke(cli, ["plugins", "--json", "--custom-objects", str(plugins)]).stdout)
    assert len(printed["plugins"]) >= len(LAYERS)
    assert not list(validator("plugins").iter_errors(printed))
    printed["plugins"][0]["mask"] = "perhaps"
    assert list(validator("plugins").iter_errors(printed))
