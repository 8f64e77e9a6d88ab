"""Architectures in YAML, as Keras 1 and 2 and TF up to 2.5 wrote them: read as the JSON of the same model, or refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import configsplit
from configsplit.containers.source import open_source
from configsplit.errors import StoreError

FILES = Path(__file__).resolve().parents[1] / "corpus" / "releases"


READ = [
    "keras-1.0.8/residual",
    "keras-1.2.2/residual",
    "keras-2.0.0/siamese",
    "keras-2.2.4/seq_input_shape",
    "tf-1.15/residual",
]


@pytest.mark.parametrize("name", READ)
def test_it_is_the_model_that_the_release_wrote_as_json(name: str) -> None:
    with open_source(FILES / f"{name}.yaml") as source:
        assert source.kind == "yaml"
        assert json.loads(source.config_text) == json.loads((FILES / f"{name}.json").read_text())


def test_every_verb_takes_it(tmp_path: Path) -> None:
    model = FILES / "keras-2.2.4" / "seq_input_shape.yaml"
    document = configsplit.load(model)
    at = document.model.layers[-2].name
    saved = configsplit.split(document, at).save(tmp_path / "parts")
    assert {part.file for part in saved.manifest.parts} == {"part-0.json", "part-1.json"}
    assert configsplit.verify(tmp_path / "parts").proof == saved.proof
    assert configsplit.validate(model).valid
    assert configsplit.convert(model).save(tmp_path / "new.json").path.is_file()
    assert configsplit.extract(document, to=at).save(tmp_path / "head.json").path.is_file()
    assert configsplit.inspect(document).parameters


def test_weights_may_stand_beside_it(tmp_path: Path) -> None:
    folder = FILES / "keras-1.2.2"
    document = configsplit.load(folder / "residual.yaml", weights=folder / "residual.h5")
    made = configsplit.convert(document).save(tmp_path / "new.keras")
    assert made.weights == configsplit.convert(folder / "residual.h5").save(tmp_path / "other.keras").weights


HOSTILE = {
    "a call of Python": "backend: !!python/object/apply:os.system ['touch FILE']\nclass_name: Model\n",
    "an object of Python": "class_name: Model\nconfig: !!python/object:pathlib.Path {}\n",
    "a name of Python": "class_name: !!python/name:os.system\nconfig: {}\n",
    "a number of numpy that is none": "class_name: !!python/object/apply:numpy.core.multiarray.scalar [1, 2]\n",
    "a number of too few bytes": "class_name: !!python/object/apply:numpy.core.multiarray.scalar\n"
    "- !!python/object/apply:numpy.dtype\n  args: [i8]\n  state: [3, '<']\n- !!binary AAA=\n",
    "aliases that grow": "class_name: Model\na: &a [1,1,1,1,1,1,1,1,1,1]\n"
    + "".join(f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)),
    "an alias inside of itself": "class_name: Model\nconfig: &c [*c]\n",
    "a key that stands twice": "class_name: Model\nclass_name: Sequential\n",
    "a date": "class_name: Model\nconfig: 2001-01-01\n",
    "bytes": "class_name: Model\nconfig: !!binary AAAA\n",
    "brackets without end": f"class_name: Model\nconfig: {'[' * 5000}\n",
    "no YAML": "class_name: Model\n\tconfig: [\n",
    "too much text": f"class_name: Model\nconfig: {'x' * (5 << 20)}\n",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_nothing_in_it_is_run_and_nothing_grows(kind: str, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(HOSTILE[kind].replace("FILE", str(tmp_path / "made")))
    with pytest.raises(StoreError) as caught:
        open_source(tmp_path / "m.yaml")
    assert caught.value.code == "yaml-damaged"
    assert not (tmp_path / "made").exists()


def test_without_pyyaml_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(StoreError) as caught:
        open_source(FILES / f"{READ[0]}.yaml")
    assert (caught.value.code, "pyyaml" in (caught.value.hint or "")) == ("yaml-missing", True)


def test_other_yaml_is_none_of_a_model(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("services:\n  web: {image: nginx}\n")
    with pytest.raises(StoreError) as caught:
        open_source(tmp_path / "m.yaml")
    assert caught.value.code == "not-a-model"
