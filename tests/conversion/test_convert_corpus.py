"""Real files of each release and each hard rule: converted, loaded by Keras 3, the recorded outputs again."""

from __future__ import annotations

import pytest
from support.conversion import Bench, Outcome, try_old_file
from support.conversion_files import HERE, OldFile
from support.corpus import releases
from support.thinned import thinned

FROM_RELEASES = (
    "keras-1.2.2/nested2.weights_only.h5",
    "keras-1.2.2/siamese.h5",
    "keras-2.0.9/slash_names.h5",
    "keras-2.3.1/bn_chain_part.h5",
    "keras-2.3.1/embed_mask_lstm.h5",
    "keras-2.3.1/nested_multi_io.h5",
    "keras-2.3.1/rnn_state.h5",
    "keras-2.3.1/seq_deferred.h5",
    "tf-1.13/residual.h5",
    "tf-2.4/kw_tensors.h5",
    "tf-2.4/struct_nested.h5",
    "tf-2.12/siamese.weights.h5",
    "tf-2.13/preproc_text.keras",
    "tf-2.13/slash_names.keras",
    "tf_keras-2.21/custom_block.keras",
    "tf_keras-2.21/gru_variants.h5",
)
"""Files that other tests use too; weights alone go with the architecture beside them."""


def chosen() -> list[OldFile]:
    files = [releases() / name for name in FROM_RELEASES]
    files += sorted(path for path in HERE.rglob("*") if path.suffix in (".h5", ".keras"))
    found = []
    for path in files:
        stem = path.name.partition(".")[0]
        recorded = path.with_name(f"{stem}.io.npz")
        apart = path.name.endswith((".weights.h5", ".weights_only.h5"))
        architecture = path.with_name(f"{stem}.json") if apart else path
        found.append(OldFile(architecture, path if apart else None, recorded if recorded.exists() else None))
    return found


@pytest.mark.parametrize("file", thinned(chosen(), 24), ids=lambda file: f"{file.path.parent.name}-{file.title}")
def test_an_old_file_computes_in_keras_3_what_it_computed(file: OldFile, bench: Bench) -> None:
    outcome = Outcome(file.path.parent.name)
    try_old_file(file, bench, outcome, cuts=False, others=False)
    assert outcome.failures == []
    if file.lost():
        assert outcome.refused
    else:
        assert (outcome.converted, outcome.loaded) == (1, 1)
        assert outcome.equal == outcome.compared == (file.recorded is not None)
