"""Every kind of graph that Keras can express, one named test each: cut, proven, run in real Keras, the same bits.

What a careless tool gets wrong for the kind is looked at too, on the manifest: which tensors cross, what is shared, and where
layers came from. The files are what the releases themselves wrote; weights that a file lacks are made up, another for each
layer, so that any mix-up shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.frameworks import PLUGINS, FrameworkProcess, Original, process_for
from support.thinned import thinned

import configsplit
from configsplit.errors import ConfigSplitError
from configsplit.records.manifest import Manifest

CORPUS = Path(__file__).resolve().parents[1] / "corpus" / "releases"
K3, TFK = "keras-3.15.1", "tf_keras-2.21"


@dataclass(frozen=True)
class Kind:
    """A kind of graph: a file that has it, where to cut (several cuts with ``|``), and what must be true of the manifest."""

    name: str
    file: str
    at: str
    holds: Callable[[Manifest], bool]
    options: dict[str, Any] = field(default_factory=dict)


def crossing(manifest: Manifest, part: int = 1) -> list[str]:
    """Names of the tensors that a part takes from other parts."""
    return [item.name for item in manifest.parts[part].inputs if hasattr(item.source, "part")]


def originals(manifest: Manifest, part: int = 1) -> list[str]:
    return [item.name for item in manifest.parts[part].inputs if hasattr(item.source, "input")]


def given(manifest: Manifest, part: int = 0) -> list[str]:
    return [item.name for item in manifest.parts[part].outputs]


SHARED = [
    Kind(
        "siamese towers cut between two calls of the shared layer",
        f"{K3}/siamese.keras",
        "shared@0",
        lambda m: "shared" in m.shared_layers,
        {"boundary": "early"},
    ),
    Kind("all calls of a shared layer at once", f"{K3}/siamese.keras", "shared@*", lambda m: len(crossing(m)) == 2),
    Kind(
        "a layer called on its own output, cut between",
        f"{K3}/reuse_output.keras",
        "d@0",
        lambda m: m.shared_layers == ("d",) and m.parts[1].calls == {"d": (1,)},
    ),
    Kind("the same before Keras 3", f"{TFK}/reuse_output.h5", "d@0", lambda m: m.shared_layers == ("d",)),
    Kind(
        "creation, call and name order of layers differ",
        f"{K3}/order_mix.keras",
        "c_third",
        lambda m: "b_second" in m.shared_layers or len(crossing(m)) == 2,
    ),
]

NESTED = [
    Kind(
        "a cut beside a nested model that is called three times",
        f"{K3}/siamese.keras",
        "encoder@1",
        lambda m: "encoder" in m.shared_layers and not m.opened,
        {"boundary": "early"},
    ),
    Kind(
        "a cut inside one of three calls of a nested model",
        f"{K3}/siamese.keras",
        "encoder@1/enc_fc",
        lambda m: [step.calls for step in m.opened] == [(0, 1, 2)],
    ),
    Kind(
        "the same before Keras 3, where calls count from 1",
        f"{TFK}/siamese.h5",
        "encoder@1/enc_fc",
        lambda m: [step.calls for step in m.opened] == [(0, 1, 2)],
    ),
    Kind(
        "a functional model in a functional in a functional",
        f"{K3}/nested2.keras",
        "mid/inner/d0",
        lambda m: [step.layer for step in m.opened] == ["mid", "inner"] and m.parts[0].layers["d0"] == ("mid", "inner", "d0"),
    ),
    Kind(
        "a Sequential inside a functional model",
        f"{K3}/nested2.keras",
        "sq/sqd",
        lambda m: [step.layer for step in m.opened] == ["sq"],
    ),
    Kind(
        "nested models in the legacy layout, whose group is flat",
        f"{TFK}/nested2.h5",
        "mid/inner/d0",
        lambda m: len(m.opened) == 2,
    ),
    Kind(
        "a functional model inside a Sequential",
        f"{K3}/func_in_seq.json",
        "base/base_fc",
        lambda m: [step.layer for step in m.opened] == ["base"],
    ),
    Kind(
        "a nested model with two inputs and two outputs",
        f"{K3}/nested_multi_io.keras",
        "inner_mio@0:1",
        lambda m: not m.opened and "inner_mio" in m.shared_layers,
        {"boundary": "early"},
    ),
    Kind(
        "inside the second call of such a model",
        f"{K3}/nested_multi_io.keras",
        "inner_mio@1/ns",
        lambda m: [step.calls for step in m.opened] == [(0, 1)],
    ),
    Kind(
        "outputs of the whole that are calls of a nested model",
        f"{K3}/nested_out_ref.keras",
        "inner@0",
        lambda m: "inner" in m.shared_layers,
    ),
    Kind("a Sequential called on an output of its own", f"{K3}/shared_seq.keras", "sq@0", lambda m: "sq" in m.shared_layers),
    Kind(
        "a deferred Sequential, shared, before Keras 3",
        f"{TFK}/shared_seq_deferred.json",
        "sq@0",
        lambda m: "sq" in m.shared_layers,
    ),
    Kind(
        "two nested models with the same layer names, both opened",
        f"{K3}/dup_models.json",
        "e1/fc,e2/fc",
        lambda m: sorted(m.parts[0].layers.values()) == [("e1", "fc"), ("e2", "fc")],
    ),
    Kind(
        "a nested model called with training=False",
        f"{K3}/nested_training_false.json",
        "base/base_bn",
        lambda m: len(m.opened) == 1,
    ),
    Kind(
        "a partly frozen nested model in the legacy layout, opened",
        f"{TFK}/bn_chain_part.h5",
        "chain/bn1",
        lambda m: m.parts[0].layers["bn1"] == ("chain", "bn1"),
    ),
    Kind(
        "the same in the layout of Keras 3",
        f"{K3}/bn_chain_part.keras",
        "chain/f2",
        lambda m: m.parts[0].layers["f2"] == ("chain", "f2"),
    ),
    Kind("operations inside a nested model", f"{K3}/ops_nested.json", "inner_ops/multiply", lambda m: len(m.opened) == 1),
]

ENDS = [
    Kind("an output that is the boundary too", f"{K3}/mimo.keras", "s", lambda m: {"s", "o2"} <= set(given(m))),
    Kind(
        "an output that the head computes, all inputs in the head",
        f"{TFK}/mimo.h5",
        "s",
        lambda m: originals(m) == [] and len(m.outputs) == 3,
    ),
    Kind("dicts of inputs and outputs", f"{K3}/struct_dict.json", "add", lambda m: len(m.outputs) == 2),
    Kind(
        "nested structures of inputs and outputs",
        f"{K3}/struct_nested.keras",
        "ad",
        lambda m: len(m.outputs) == 4 and len(m.inputs) == 3,
    ),
    Kind("the same before Keras 3", f"{TFK}/struct_nested.h5", "ad", lambda m: len(m.outputs) == 4),
    Kind(
        "a model that is called with a dict, opened",
        f"{K3}/struct_nested.keras",
        "inner_dict/iad",
        lambda m: len(m.opened) == 1,
    ),
    Kind(
        "a fixed batch size and a stateful layer",
        f"{K3}/gru_variants.keras",
        "gru_after",
        lambda m: m.parts[1].inputs[0].shape == (2, 5, 4),
    ),
]

ARGUMENTS = [
    Kind(
        "tensors in keyword arguments, nested in dicts and lists",
        f"{K3}/kw_tensors.keras",
        "kw1",
        lambda m: originals(m) != [] and crossing(m) == ["kw1"],
    ),
    Kind(
        "the same before Keras 3, where nothing marks them",
        f"{TFK}/kw_tensors.h5",
        "kw1",
        lambda m: originals(m) != [] and crossing(m) == ["kw1"],
    ),
    Kind("attention with query, value, key and mask", f"{K3}/mha.json", "mha", lambda m: "v" in originals(m)),
    Kind("the same before Keras 3", f"{TFK}/mha.json", "mha", lambda m: "v" in originals(m)),
    Kind("positional arguments beyond the first", f"{K3}/pos_args.json", "t1", lambda m: crossing(m) == ["t1"]),
    Kind("numpy constants among the arguments of layers", f"{K3}/np_args.json", "t2", lambda m: crossing(m) == ["t2"]),
    Kind("numpy constants among the arguments of operations", f"{K3}/ops_const.json", "add", lambda m: crossing(m) == ["add"]),
]

MASKS = [
    Kind("a mask that is a tensor of the graph", f"{K3}/embed_mask_lstm.keras", "lstm", lambda m: not m.masks),
    Kind(
        "a mask that is no tensor, alive at the boundary",
        f"{TFK}/embed_mask_lstm.h5",
        "lstm",
        lambda m: bool(m.masks) and crossing(m) == ["lstm", "emb_mask"] and m.parts[1].inputs[1].dtype == "bool",
    ),
    Kind(
        "a mask right behind the layer that makes it",
        f"{TFK}/embed_mask_lstm.h5",
        "emb",
        lambda m: bool(m.masks) and crossing(m) == ["emb", "emb_mask"],
    ),
]

RECURRENT = [
    Kind(
        "a state handed to another layer",
        f"{K3}/rnn_state.keras",
        "encoder:1",
        lambda m: {"encoder_1", "encoder_2"} <= set(crossing(m)),
    ),
    Kind(
        "the same before Keras 3", f"{TFK}/rnn_state.h5", "encoder:1", lambda m: {"encoder_1", "encoder_2"} <= set(crossing(m))
    ),
    Kind("a bidirectional layer with states", f"{K3}/bi_state.json", "b1", lambda m: len(crossing(m)) == 5),
    Kind("stacked cells", f"{K3}/rnn_cells.json", "stack", lambda m: crossing(m) == ["stack"]),
    Kind("a convolutional LSTM", f"{K3}/conv_lstm.json", "cl", lambda m: crossing(m) == ["cl"]),
    Kind("one of two outputs, the other left in the head", f"{K3}/rnn_state.keras", "g:1", lambda m: len(m.parts) == 2),
]

OTHERS = [
    Kind(
        "a model inside TimeDistributed, kept whole", f"{K3}/wrappers.json", "td_model", lambda m: crossing(m) == ["td_model"]
    ),
    Kind("operations of Keras 3", f"{K3}/ops_basic.json", "true_divide", lambda m: len(crossing(m)) >= 1),
    Kind("functions of keras.ops, with several outputs", f"{K3}/ops_fn.json", "split:1", lambda m: len(crossing(m)) >= 1),
    Kind("operations before Keras 3", f"{TFK}/ops_basic.json", "tf.math.pow", lambda m: len(crossing(m)) >= 1),
    Kind("slices and other operations before Keras 3", f"{TFK}/ops_tf.json", "tf.reshape", lambda m: len(m.parts) == 2),
    Kind("mixed precision", f"{K3}/mixed.keras", "half", lambda m: m.parts[1].inputs[0].dtype == "float16"),
    Kind(
        "mixed precision, handed over wider",
        f"{K3}/mixed.keras",
        "half",
        lambda m: m.parts[1].inputs[0].dtype == "float32",
        {"boundary_dtype": "float32"},
    ),
    Kind(
        "the same before Keras 3",
        f"{TFK}/mixed.json",
        "half",
        lambda m: m.parts[1].inputs[0].dtype == "float32",
        {"boundary_dtype": "float32"},
    ),
    Kind("preprocessing layers with state", f"{K3}/preproc_num.json", "norm", lambda m: crossing(m) == ["norm"]),
    Kind("quantized layers", f"{K3}/quant8.keras", "qd", lambda m: crossing(m) == ["qd"]),
    Kind("sublayers in lists, dicts and tuples", f"{K3}/custom_block.keras", "blk", lambda m: crossing(m) == ["blk"]),
    Kind("a text layer with a vocabulary", f"{K3}/preproc_text.keras", "tv", lambda m: crossing(m) == ["tv"]),
    Kind("layers that store their weights in their own way", f"{K3}/own_store.keras", "os1", lambda m: crossing(m) == ["os1"]),
    Kind("grouped attention and spectral normalization", f"{K3}/gqa.keras", "gn", lambda m: crossing(m) == ["gn"]),
    Kind("a registered custom layer", f"{K3}/custom_registered.json", "d", lambda m: crossing(m) == ["d"]),
    Kind("random layers with seeds", f"{K3}/seeds.json", "gn", lambda m: crossing(m) == ["gn"]),
    Kind("automatic names that do not follow file order", f"{K3}/custom_names.json", "dense_7", lambda m: len(m.parts) == 2),
    Kind("layer names with slashes", f"{TFK}/slash_names.h5", "block1/fc", lambda m: not m.opened),
    Kind(
        "layer names with dots, spaces and accents",
        f"{K3}/dotted_names.json",
        "block1.fc 2 é",
        lambda m: crossing(m) == ["block1.fc 2 é"],
    ),
    Kind("a Sequential without a written input", "keras-2.3.1/seq_deferred.h5", "dense_1", lambda m: len(m.parts) == 2),
    Kind(
        "an operation whose name Keras gives by itself", "keras-3.6.0/mixed.json", "cast", lambda m: crossing(m) == ["cast_in"]
    ),
    Kind("three parts", f"{K3}/residual.keras", "c1|res", lambda m: len(m.parts) == 3),
    Kind("cuts that cross one another: a graph of parts", f"{K3}/mimo.keras", "xa|yb", lambda m: len(m.parts) == 3),
]

KINDS = [*SHARED, *NESTED, *ENDS, *ARGUMENTS, *MASKS, *RECURRENT, *OTHERS]


@pytest.mark.parametrize("kind", thinned(KINDS, 25), ids=lambda kind: kind.name)
def test_kind(kind: Kind, tmp_path: Path, processes: dict[str, FrameworkProcess]) -> None:
    source = CORPUS / kind.file
    document = configsplit.load(source, custom_objects=[PLUGINS])
    saved = configsplit.split(document, kind.at.split("|"), **kind.options).save(tmp_path / "parts")
    assert kind.holds(saved.manifest), saved.manifest
    recorded = source.with_name(f"{source.name.partition('.')[0]}.io.npz")
    original = Original(
        process_for(processes, document.dialect),
        source,
        tmp_path / "run",
        tensors=[item.plain() for item in saved.manifest.inputs],
        recorded=recorded if recorded.exists() else None,
    )
    assert original.differences(saved.directory, saved.manifest) == []


def test_a_layer_tied_into_two_containers_gets_its_weights_in_both(tmp_path: Path) -> None:
    """Keras saves such a layer once and cannot read the file back; the parts have what it saved, wherever the layer stands."""
    source = CORPUS / K3 / "tied.keras"
    saved = configsplit.split(configsplit.load(source), "s1", boundary="late").save(tmp_path / "parts")
    import keras

    with np.load(source.with_name("tied.io.npz")) as recorded:
        value, wanted = recorded["in_0"], recorded["out_0"]
    given: list[list[Any]] = []
    for part in saved.manifest.parts:
        taken = [value if hasattr(t.source, "input") else given[t.source.part][t.source.output] for t in part.inputs]
        outputs = keras.models.load_model(saved.directory / part.file)(taken[0] if len(taken) == 1 else taken)
        given.append([np.asarray(output) for output in keras.tree.flatten(outputs)])
    assert np.allclose(given[-1][0], wanted, atol=1e-6)


REFUSED = [
    ("inside one layer in TimeDistributed", f"{K3}/wrappers.json", "time_distributed/x", "reference-not-nested", "one layer"),
    ("a direction of Bidirectional", f"{K3}/wrappers.json", "bi/forward", "reference-not-nested", "opposite directions"),
    ("a cell of a recurrent layer", f"{K3}/rnn_cells.json", "stack/cell", "reference-not-nested", "one step"),
    ("inside SpectralNormalization", f"{K3}/gqa.keras", "sn/d", "reference-not-nested", "computed for it"),
    ("a mask where the release cannot carry it over", "keras-2.3.1/embed_mask_lstm.h5", "lstm", "cut-mask-lost", "2.3.1"),
    ("the only output", f"{K3}/residual.keras", "out", "cut-at-output", "last output"),
    ("an input", f"{K3}/residual.keras", "image", "cut-at-input", "input"),
    ("a shared layer without its call", f"{K3}/siamese.keras", "shared", "reference-ambiguous", "shared@1"),
    ("a graph in code", f"{K3}/subclassed.json", "d", "document-no-graph", "code"),
]


@pytest.mark.parametrize(("name", "file", "at", "code", "reason"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_is_refused_says_why_and_the_way_out(name: str, file: str, at: str, code: str, reason: str) -> None:
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.split(configsplit.load(CORPUS / file), at)
    assert caught.value.code == code
    assert reason in str(caught.value)
    assert caught.value.hint
