"""Every release, every kind of file it writes: read, written back, inspected, validated, cut with weights, proven, run."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from support.corpus import CorpusFile, files, releases
from support.frameworks import PLUGINS, FrameworkProcess, Original, process_for
from support.matrix import inputs_of
from support.places import inside
from support.thinned import in_turn, thinned

import configsplit
from configsplit.containers.source import open_source
from configsplit.dialects import emit
from configsplit.graph.json import thaw

RELEASES = sorted(path.name for path in releases().iterdir() if path.is_dir())
MODELS = ("siamese", "residual", "nested2", "conv_seq_th", "conv_zoo", "stateful_lstm", "seq_input_shape")
"""A shared nested model, branches, nesting in nesting, Theano's kernels, the convolutions and gates of Keras 1, a chain."""


def chosen(release: str) -> list[CorpusFile]:
    return [file for file in files(release) if file.path.name.partition(".")[0].removesuffix("_dir") in MODELS]


def generation(release: str) -> str:
    return f"keras{release[6]}" if release.startswith("keras-") else "keras2"


def kinds(release: str) -> list[list[tuple[str, CorpusFile]]]:
    """The files of a release, those of a kind together."""
    found: dict[tuple[str, str], list[tuple[str, CorpusFile]]] = defaultdict(list)
    for file in chosen(release):
        found[file.path.suffix, "" if file.weights is None else file.weights.suffix].append((release, file))
    return list(found.values())


@pytest.mark.parametrize(
    ("release", "file"),
    in_turn(kind for release in RELEASES for kind in kinds(release)),
    ids=lambda each: getattr(each, "title", each),
)
def test_every_kind_of_file_is_cut_and_stays_what_it_is(release: str, file: CorpusFile, tmp_path: Path) -> None:
    document = configsplit.load(file.path, weights=file.weights, custom_objects=[PLUGINS])
    assert document.dialect == generation(release)
    with open_source(file.path) as source:
        assert json.dumps(thaw(emit(document.model))) == json.dumps(json.loads(source.config_text))
    assert configsplit.inspect(document).dialect == document.dialect
    assert configsplit.validate(file.path).valid
    saved = configsplit.split(document, middle(document)).save(tmp_path)
    assert saved.proof is not None
    assert (saved.proof.weights > 0) == (file.weights is not None or document.kind != "json")
    for part in saved.manifest.parts:
        made = tmp_path / part.file
        assert configsplit.load(made).dialect == document.dialect
        assert configsplit.validate(made).violations == (), part.file
        assert made.suffix == (".keras" if document.kind == "dir" else f".{document.kind}")


def middle(document: configsplit.Document) -> str:
    """A place in the middle of the model."""
    places = inside(document.model)
    return places[len(places) // 2]


@pytest.mark.parametrize("release", RELEASES)
def test_the_releases_have_what_the_tests_stand_on(release: str) -> None:
    assert any(file.weights is not None or file.path.suffix != ".json" for file in chosen(release)) or release == "tf-1.15"


RUN = [
    *(
        ("siamese.h5", release, "encoder@0")
        for release in ("keras-2.0.0", "keras-2.3.1", "tf-1.13", "tf-2.0", "tf-2.8", "tf-2.15")
    ),
    *(("residual.keras", release, "c2@0") for release in ("tf-2.0", "tf-2.12", "tf-2.15", "tf_keras-2.21")),
    *(("residual_dir", release, "c2@0") for release in ("keras-3.6.0", "keras-3.15.1")),
    *(("siamese.keras", release, "encoder@0") for release in ("tf_keras-2.21", "keras-3.0.5", "keras-3.10.0")),
]
"""What Keras 3 and tf_keras of today can run. Not among them: Keras 1, and archives of TF 2.12, which tf_keras cannot load."""


@pytest.mark.parametrize(("name", "release", "place"), thinned(RUN, 9))
def test_parts_compute_what_the_release_recorded(
    name: str, release: str, place: str, processes: dict[str, FrameworkProcess], tmp_path: Path
) -> None:
    path = releases() / release / name
    recorded = path.with_name(f"{path.name.partition('.')[0].removesuffix('_dir')}.io.npz")
    document = configsplit.load(path)
    process = process_for(processes, document.dialect)
    original = Original(process, path, tmp_path / "run", tensors=inputs_of(document), recorded=recorded)
    saved = configsplit.split(document, place).save(tmp_path / "parts")
    assert original.differences(saved.directory, saved.manifest) == []
    with np.load(recorded) as file:
        for number, output in enumerate(original.outputs):
            np.testing.assert_allclose(output.values, file[f"out_{number}"], rtol=1e-5, atol=1e-6)
