"""Masks that nothing in a document shows, cut between the layer that makes one and whatever heeds it.

Every model is made and run in real Keras, the parts with nothing but numpy arrays, on inputs with padding: at the end, at the
beginning, in the middle, a whole row, none. Custom classes are of the kinds that nobody declares.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.made import cut_and_run, fill, inputs_for
from support.thinned import thinned

import configsplit
from configsplit.catalog.facts import CallFacts, LayerFacts
from configsplit.errors import CutError, VerificationError
from configsplit.graph.model import TensorSpec
from configsplit.runtime.frameworks import framework

K3, K2 = framework("keras"), framework("tf_keras")
FILES = Path(__file__).resolve().parents[1] / "corpus" / "masks"


def padded(model: Any) -> list[Any]:
    made = [np.concatenate([values] * 3)[:5] for values in inputs_for(model, free=6)]
    for values in made:
        values[0, 2:], values[1, :1], values[2, 1:3], values[3] = 0, 0, 0, 0
    return made


def classes(works: Any) -> dict[str, type]:
    """Custom classes that use, pass on and turn masks, in either framework."""
    layers, module = works.module.layers, works.module
    numbers = module.ops if hasattr(module, "ops") else module.backend

    class MaskedMean(layers.Layer):  # type: ignore[name-defined, misc]
        supports_masking = True

        def call(self, x: Any, mask: Any = None) -> Any:
            if mask is None:
                return numbers.mean(x, axis=1)
            counted = numbers.expand_dims(numbers.cast(mask, x.dtype), -1)
            return numbers.sum(x * counted, axis=1) / (numbers.sum(counted, axis=1) + 1e-3)

        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            return None

        def compute_output_shape(self, shape: Any) -> Any:
            return (shape[0], shape[2])

    class Zeroed(layers.Layer):  # type: ignore[name-defined, misc]
        supports_masking = True

        def call(self, x: Any, mask: Any = None) -> Any:
            return x if mask is None else x * numbers.expand_dims(numbers.cast(mask, x.dtype), -1)

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    for made in (MaskedMean, Zeroed):
        if works is K3:
            made.__init__ = lambda self, **kwargs: _start(self, layers, kwargs)  # type: ignore[method-assign]
    return {"MaskedMean": MaskedMean, "Zeroed": Zeroed}


def _start(self: Any, layers: Any, kwargs: dict[str, Any]) -> None:
    layers.Layer.__init__(self, **kwargs)
    self.supports_masking = True


CLASSES = {works.name: classes(works) for works in (K3, K2)}
Make = Callable[[Any, dict[str, type]], Any]


def ids(k: Any) -> Any:
    return k.Input((6,), dtype="int32", name="ids")


def embedded(k: Any, x: Any) -> Any:
    return k.layers.Embedding(9, 4, mask_zero=True, name="emb")(x)


def finished(k: Any, x: Any, y: Any) -> Any:
    return k.Model(x, k.layers.Dense(2, name="o")(y))


def sequential(k: Any, mine: Any) -> Any:
    emb = k.layers.Embedding(9, 4, mask_zero=True, name="emb")
    return k.Sequential([ids(k), emb, k.layers.Dropout(0.1, name="drop"), k.layers.LSTM(3, name="l"), k.layers.Dense(2)])


def masking(k: Any, mine: Any) -> Any:
    first = k.layers.Masking(0.0, name="mk")
    return k.Sequential([k.Input((6, 3)), first, k.layers.GRU(3, return_sequences=True, name="g"), k.layers.LSTM(2, name="l")])


def sequential_of_mine(k: Any, mine: Any) -> Any:
    emb = k.layers.Embedding(9, 4, mask_zero=True, name="emb")
    return k.Sequential([ids(k), emb, mine["Zeroed"](name="z"), mine["MaskedMean"](name="mean"), k.layers.Dense(2)])


def custom(k: Any, mine: Any) -> Any:
    x = ids(k)
    dropped = k.layers.Dropout(0.1, name="drop")(embedded(k, x))
    return finished(k, x, mine["MaskedMean"](name="mean")(dropped))


def attention(k: Any, mine: Any) -> Any:
    """Keras 3 writes nothing of masks into calls that take several tensors."""
    x = ids(k)
    dense = k.layers.Dense(4, name="d")(embedded(k, x))
    heads = k.layers.MultiHeadAttention(2, 3, name="mha")(dense, dense)
    return finished(k, x, k.layers.AdditiveAttention(name="add")([heads, dense]))


def products(k: Any, mine: Any) -> Any:
    """Merging layers of Keras 3 compute with masks."""
    x = ids(k)
    one = embedded(k, x)
    two = k.layers.Dense(4, name="d")(one)
    merged = k.layers.Maximum(name="m")([k.layers.Multiply(name="p")([one, two]), two])
    return finished(k, x, k.layers.GlobalMaxPooling1D()(merged))


def out_of_nested(k: Any, mine: Any) -> Any:
    inner_x = k.Input((6,), dtype="int32", name="inner_ids")
    inner = k.Model(inner_x, k.layers.Dense(4, name="id")(embedded(k, inner_x)), name="inner")
    x = ids(k)
    return finished(k, x, k.layers.SimpleRNN(3, name="l")(inner(x)))


def into_nested(k: Any, mine: Any) -> Any:
    inner_x = k.Input((6, 4), name="inner_x")
    inner = k.Model(inner_x, k.layers.SimpleRNN(3, name="il")(k.layers.Dense(4, name="id")(inner_x)), name="inner")
    x = ids(k)
    return finished(k, x, inner(embedded(k, x)))


def nested_of_another_dtype(k: Any, mine: Any) -> Any:
    inner_x = k.Input((6, 4), dtype="float64", name="inner_x")
    inner = k.Model(inner_x, k.layers.SimpleRNN(3, name="il")(k.layers.Dense(4, name="id")(inner_x)), name="inner")
    x = ids(k)
    return finished(k, x, inner(embedded(k, x)))


def both_ways(k: Any, mine: Any) -> Any:
    x = ids(k)
    wrapped = k.layers.GRU(3, return_sequences=True)
    return finished(k, x, k.layers.GlobalAveragePooling1D()(k.layers.Bidirectional(wrapped, name="bi")(embedded(k, x))))


def into_wrapped(k: Any, mine: Any) -> Any:
    """A nested model combines masks, and a wrapped one hands them on to its last layer."""
    inner_x = k.Input((3, 4, 4), name="inner_x")
    inner = k.Model(inner_x, k.layers.Average(name="same")([inner_x, inner_x]), name="inner")
    steps = k.Sequential([k.Input((4, 4)), k.layers.BatchNormalization(), k.layers.SimpleRNN(3)], name="steps")
    x = k.Input((3, 4), dtype="int32", name="ids")
    return finished(k, x, k.layers.TimeDistributed(steps, name="each")(inner(embedded(k, x))))


def untied_inside(k: Any, mine: Any) -> Any:
    """Attention inside a nested model of Keras 3 takes the mask off the tensor outside, which is the same one."""
    inner_x = k.Input((6, 4), name="inner_x")
    inner = k.Model(inner_x, k.layers.MultiHeadAttention(1, 4, name="mha")(inner_x, inner_x), name="inner")
    x = ids(k)
    one = embedded(k, x)
    return finished(k, x, k.layers.SimpleRNN(3, name="l")(k.layers.Subtract(name="s")([one, inner(one)])))


def grouped(k: Any, mine: Any) -> Any:
    """Grouped attention leaves masks where they are."""
    x = ids(k)
    one = embedded(k, x)
    heads = k.layers.GroupQueryAttention(2, 2, 1, name="gqa")(one, one)
    turned = k.layers.Dense(4, name="d")(heads)
    return finished(k, x, k.layers.SimpleRNN(3, name="l")(k.layers.Subtract(name="s")([one, turned])))


def doubled(k: Any, mine: Any) -> Any:
    """One tensor twice: both places have its mask."""
    x = ids(k)
    one = embedded(k, x)
    numbers = k.layers.Concatenate(name="numbers")([one, one])
    both = k.layers.Multiply(name="p")([numbers, k.layers.Dense(8, name="d")(numbers)])
    steps = k.layers.Concatenate(axis=1, name="steps")([both, both])
    merged = k.layers.Average(name="s")([steps, steps])
    ends = [k.layers.LSTM(3, name="l")(merged), k.layers.Dense(3)(k.layers.GlobalMaxPooling1D()(merged))]
    return finished(k, x, k.layers.Add()(ends))


def one_behind_the_other(k: Any, mine: Any) -> Any:
    """Two texts in a row: of one the mask arrives from outside, of the other it is made here."""
    first, second, emb = ids(k), k.Input((6,), dtype="int32", name="more"), k.layers.Embedding(9, 4, mask_zero=True, name="emb")
    steps = k.layers.Concatenate(axis=1, name="steps")([emb(first), emb(second)])
    norm = k.layers.LayerNormalization(name="norm")(steps)
    return finished(k, [first, second], k.layers.LSTM(3, name="l")(norm))


def asked_later(k: Any, mine: Any) -> Any:
    """The operation that Keras 3 writes down for a mask stands behind a cut, before which that mask is needed."""
    x = ids(k)
    one = embedded(k, x)
    steps = k.layers.Concatenate(axis=1, name="steps")([one, k.layers.LeakyReLU(name="leak")(one)])
    merged = k.layers.Maximum(name="m")([steps, k.layers.LeakyReLU(name="again")(steps)])
    other = k.layers.Embedding(9, 4, mask_zero=True, name="other")(x)
    ends = [k.layers.LSTM(3, name="l")(merged), k.layers.LSTM(3, name="ol")(other)]
    return finished(k, x, k.layers.Add(name="s")(ends))


def functional_in_sequentials(k: Any, mine: Any) -> Any:
    inner_x = k.Input((6, 4), name="inner_x")
    inner = k.Model(inner_x, k.layers.GlobalAveragePooling1D(name="pool")(inner_x), name="inner")
    nested = k.Sequential([k.Input((6, 4)), inner, k.layers.LayerNormalization(name="norm")], name="nested")
    emb = k.layers.Embedding(9, 4, mask_zero=True, name="emb")
    return k.Sequential([ids(k), emb, k.layers.Dropout(0.1, name="drop"), nested, k.layers.Dense(2, name="o")])


@dataclass(frozen=True)
class Kind:
    name: str
    make: Make
    at: str
    crosses: bool = True
    only: str = ""


KINDS = [
    Kind("a Sequential, at the layer that makes the mask", sequential, "emb"),
    Kind("a Sequential, behind a layer that hands it on", sequential, "drop"),
    Kind("a Sequential, behind the last user", sequential, "l", crosses=False),
    Kind("Masking in a Sequential", masking, "mk"),
    Kind("behind a recurrent layer that hands it on", masking, "g"),
    Kind("two cuts, the mask goes over both", masking, "mk|g"),
    Kind("custom classes in a Sequential", sequential_of_mine, "emb"),
    Kind("a custom class that uses its mask", custom, "drop"),
    Kind("attention to itself", attention, "d"),
    Kind("attention, at the embedding", attention, "emb"),
    Kind("merging layers", products, "emb", only="keras"),
    Kind("merging layers, one branch", products, "d", only="keras"),
    Kind("out of a nested model", out_of_nested, "inner"),
    Kind("out of a nested model, inside", out_of_nested, "inner/id"),
    Kind("into a nested model", into_nested, "emb"),
    Kind("into a nested model, inside", into_nested, "inner/id"),
    Kind("through a cast into a nested model", nested_of_another_dtype, "inner/id", only="keras"),
    Kind("in both directions", both_ways, "emb"),
    Kind("through a nested model that combines masks", into_wrapped, "emb"),
    Kind("untied inside a nested model, behind both", untied_inside, "s", crosses=False, only="keras"),
    Kind("untied inside a nested model, on one branch", untied_inside, "inner", crosses=False, only="keras"),
    Kind("untied inside a nested model, inside", untied_inside, "inner/mha", crosses=False, only="keras"),
    Kind("left alone by grouped attention", grouped, "d", only="keras"),
    Kind("left alone by grouped attention, behind both", grouped, "s", only="keras"),
    Kind("a nested model that combines masks, inside", into_wrapped, "inner/same"),
    Kind("one tensor twice, along its steps", doubled, "steps"),
    Kind("one tensor twice, along its numbers", doubled, "numbers"),
    Kind("one text behind the other, where they are joined", one_behind_the_other, "steps"),
    Kind("one text behind the other, before they are joined", one_behind_the_other, "emb@0"),
    Kind("a mask that is written down behind the cut", asked_later, "steps"),
    Kind("a mask that is written down between two cuts", asked_later, "steps|m"),
    Kind("into a functional model inside two Sequentials", functional_in_sequentials, "drop"),
]
CASES = [(works, kind) for kind in KINDS for works in (K3, K2) if kind.only in ("", works.name)]


@pytest.mark.parametrize(("works", "kind"), thinned(CASES, 10), ids=lambda value: getattr(value, "name", ""))
def test_the_parts_compute_what_the_whole_computes(works: Any, kind: Kind, tmp_path: Path) -> None:
    works.module.backend.clear_session()
    model = fill(kind.make(works.module, CLASSES[works.name]))
    shapes = ["mean=None,4"] if "mean" in kind.at else []
    suffix = "keras" if works is K3 else "h5"
    manifest = cut_and_run(
        model, kind.at, tmp_path, works, suffix=suffix, inputs=padded(model), classes=CLASSES[works.name], shapes=shapes
    )
    handed = bool(manifest.masks or manifest.functional) or any(
        tensor.dtype == "bool" or tensor.name == "ids" for part in manifest.parts[1:] for tensor in part.inputs
    )
    assert handed == kind.crosses


@pytest.mark.parametrize("make", [sequential, masking], ids=["embedding", "masking"])
def test_h5_files_of_keras_3(make: Make, tmp_path: Path) -> None:
    K3.module.backend.clear_session()
    model = fill(make(K3.module, {}))
    assert cut_and_run(model, model.layers[0].name, tmp_path, K3, suffix="h5", inputs=padded(model)).functional


# ---------------------------------------------------------------- refusals and the proof


def test_a_wrapped_model_that_reads_masks_off_its_tensors_stays_whole(tmp_path: Path) -> None:
    """Merging layers of Keras 3 compute with the mask of each step, which no part of the wrapped model would have."""
    k = K3.module
    step = k.Input((4,), name="step")
    dense = k.layers.Dense(4, name="d")(step)
    each = k.Model(step, k.layers.Multiply(name="p")([dense, dense, step]), name="each")
    emb = k.layers.Embedding(9, 4, mask_zero=True, name="emb")
    k.Sequential([ids(k), emb, k.layers.TimeDistributed(each, name="td")]).save(tmp_path / "m.keras")
    with pytest.raises(CutError) as caught:
        configsplit.split(configsplit.load(tmp_path / "m.keras"), "td/d")
    assert caught.value.code == "cut-mask-lost"


@pytest.mark.parametrize("file", sorted(path.name for path in FILES.glob("*.json")))
def test_sequentials_of_real_releases(file: str, tmp_path: Path) -> None:
    """TF 2.4 and later can say that a mask crosses; older ones cannot, and are refused."""
    document = configsplit.load(FILES / file)
    place = next(layer.name for layer in document.model.layers if layer.class_name in ("Masking", "Embedding"))
    if document.release.startswith("2.2"):
        with pytest.raises(CutError, match="no operation layers") as caught:
            configsplit.split(document, place)
        assert caught.value.code == "cut-mask-lost"
        return
    saved = configsplit.split(document, place).save(tmp_path / "parts")
    assert [tensor.dtype for tensor in saved.manifest.parts[1].inputs].count("bool") == 1


def _declared(call: CallFacts) -> tuple[TensorSpec, ...]:
    return (TensorSpec((*(call.first.shape or (None,))[:1], 4), call.first.dtype),)


def test_where_the_order_of_running_decides_on_a_mask_no_cut_is_made(tmp_path: Path) -> None:
    """The second call of the nested attention takes the mask off the tensor that the GRU takes, which may run before it."""
    k = K3.module
    inner_x = k.Input((6, 4), name="inner_x")
    inner = k.Model(inner_x, k.layers.MultiHeadAttention(1, 4, name="mha")(inner_x, inner_x), name="inner")
    x = ids(k)
    one = embedded(k, x)
    first = inner(one)
    joined = k.layers.Concatenate(name="c")([first, inner(first), one])
    model = k.Model(x, [k.layers.GRU(3, name="g")(first), k.layers.SimpleRNN(3, name="l")(joined)])
    model.save(tmp_path / "m.keras")
    document = configsplit.load(tmp_path / "m.keras")
    for at in ("emb", "c", "g", "l"):
        with pytest.raises(CutError, match="another order") as caught:
            configsplit.split(document, at=at)
        assert (caught.value.code, caught.value.where) == ("cut-mask-lost", "g")
    with pytest.raises(CutError, match="another order"):
        configsplit.plan(document, 2)
    assert configsplit.cuts(document).places == ()


@pytest.mark.parametrize("mask", ["unknown", "passes", "stops"])
def test_what_comes_out_of_a_custom_class_is_known_once_it_is_declared(mask: Any, tmp_path: Path) -> None:
    K2.module.backend.clear_session()
    k, x = K2.module, ids(K2.module)
    out = k.layers.SimpleRNN(3, name="l")(CLASSES["tf_keras"]["Zeroed"](name="z")(embedded(k, x)))
    finished(k, x, out).save(tmp_path / "m.h5")
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        "from configsplit.catalog.facts import LayerFacts, same_as_input\n"
        f"LAYERS = (LayerFacts(class_name='Zeroed', outputs=same_as_input, mask={mask!r}, uses_mask=('mask',)),)\n"
    )
    document = configsplit.load(tmp_path / "m.h5", custom_objects=[plugin])
    if mask == "unknown":
        with pytest.raises(CutError) as caught:
            configsplit.split(document, "z")
        assert caught.value.code == "cut-mask-unknown"
        assert "uses_mask" in (caught.value.hint or "")
    else:
        assert bool(configsplit.split(document, "z").whole.masks) == (mask == "passes")


def test_a_custom_class_may_make_a_mask_itself(tmp_path: Path) -> None:
    """No mask is known there. In front of a recurrent layer such a cut is refused; where only custom classes could use one, the
    manifest says what is left open."""
    K2.module.backend.clear_session()
    k, mine = K2.module, CLASSES["tf_keras"]
    x = k.Input((6, 4), name="x")
    first = mine["Zeroed"](name="z")(x)
    k.Model(x, k.layers.SimpleRNN(3, name="l")(first)).save(tmp_path / "loop.h5")
    k.Model(x, mine["MaskedMean"](name="mean")(first)).save(tmp_path / "mine.h5")
    with pytest.raises(CutError) as caught:
        configsplit.split(configsplit.load(tmp_path / "loop.h5"), "z", shapes=["z=None,6,4"])
    assert caught.value.code == "cut-mask-unknown"
    parts = configsplit.split(configsplit.load(tmp_path / "mine.h5"), "z", shapes=["z=None,6,4"])
    saved = parts.save(tmp_path / "parts")
    assert [each for each in saved.manifest.warnings if each.startswith("masks: ") and "'z'" in each]


def test_a_lambda_makes_no_mask(tmp_path: Path) -> None:
    K2.module.backend.clear_session()
    k = K2.module
    x = k.Input((6, 4), name="x")
    k.Model(x, k.layers.SimpleRNN(3, name="l")(k.layers.Lambda(lambda y: y / 2, name="half")(x))).save(tmp_path / "m.h5")
    parts = configsplit.split(configsplit.load(tmp_path / "m.h5"), "half", shapes=["half=None,6,4"])
    assert not parts.whole.masks
    assert not any(each.startswith("masks: ") for each in parts.save(tmp_path / "parts").manifest.warnings)


def test_a_class_that_uses_no_mask_needs_none(tmp_path: Path) -> None:
    K2.module.backend.clear_session()
    custom(K2.module, CLASSES["tf_keras"]).save(tmp_path / "m.h5")
    document = configsplit.load(tmp_path / "m.h5")
    assert configsplit.split(document, "drop").whole.masks
    facts = LayerFacts(class_name="MaskedMean", outputs=_declared, mask="stops", uses_mask=())
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        "from configsplit.catalog.facts import LayerFacts\n"
        f"LAYERS = (LayerFacts(class_name={facts.class_name!r}, mask='stops', uses_mask=()),)\n"
    )
    assert not configsplit.split(configsplit.load(tmp_path / "m.h5", custom_objects=[plugin]), "drop").whole.masks


def test_the_proof_sees_a_tail_that_ties_no_mask(tmp_path: Path) -> None:
    """The tail's document without the handover, and a manifest that claims none: the graph is whole, a mask is lost."""
    K2.module.backend.clear_session()
    x = ids(K2.module)
    model = finished(K2.module, x, K2.module.layers.LSTM(3, name="l")(embedded(K2.module, x)))
    (tmp_path / "m.json").write_text(model.to_json())
    saved = configsplit.split(configsplit.load(tmp_path / "m.json"), "emb").save(tmp_path / "parts")
    manifest = json.loads((saved.directory / "manifest.json").read_text())
    head, tail = (json.loads((saved.directory / f"part-{number}.json").read_text()) for number in (0, 1))
    head["config"]["layers"] = [each for each in head["config"]["layers"] if each["class_name"] != "TFOpLambda"]
    head["config"]["output_layers"] = [["emb", 0, 0]]
    kept = [each for each in tail["config"]["layers"] if each["name"] not in ("emb_mask", "emb_with_mask")]
    next(each for each in kept if each["name"] == "l")["inbound_nodes"] = [[["emb", 0, 0, {}]]]
    tail["config"] |= {"layers": kept, "input_layers": [["emb", 0, 0]]}
    for part, document in zip(manifest["parts"], (head, tail), strict=True):
        text = json.dumps(document)
        (saved.directory / part["file"]).write_text(text)
        part["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    manifest["parts"][0]["outputs"] = manifest["parts"][0]["outputs"][:1]
    manifest["parts"][1]["inputs"] = [each for each in manifest["parts"][1]["inputs"] if each["name"] == "emb"]
    manifest["masks"] = []
    (saved.directory / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(VerificationError) as caught:
        configsplit.verify(saved.directory)
    assert caught.value.code == "verify-masks"


def test_attention_that_nothing_needs_unties_masks_all_the_same(tmp_path: Path) -> None:
    """Opened, its nested model would lose it: what comes next would find the mask again."""
    k = K3.module
    inner_x = k.Input((6, 4), name="inner_x")
    heads = k.layers.MultiHeadAttention(1, 4, name="mha")(inner_x, inner_x)
    inner = k.Model(inner_x, [heads, k.layers.LSTM(3, name="il")(k.layers.Dense(4, name="id")(inner_x))], name="inner")
    x = ids(k)
    k.Model(x, k.layers.Dense(2, name="o")(inner(embedded(k, x))[1])).save(tmp_path / "m.keras")
    document = configsplit.load(tmp_path / "m.keras")
    with pytest.raises(CutError) as caught:
        configsplit.split(document, "inner/id")
    assert caught.value.code == "cut-mask-lost"
    assert len(configsplit.split(document, "inner:1")) == 2


def test_a_class_that_takes_the_mask_of_its_second_tensor(tmp_path: Path) -> None:
    """Keras 3 fills in ``other_mask`` with the mask of the argument ``other``; a plug-in says that the class takes it."""
    k = K3.module

    class Beside(k.layers.Layer):  # type: ignore[name-defined, misc]
        def call(self, x: Any, other: Any, other_mask: Any = None) -> Any:
            return x if other_mask is None else x + k.ops.cast(other_mask, x.dtype)[:, :, None]

        def compute_output_shape(self, x_shape: Any, other_shape: Any) -> Any:
            return x_shape

    x = ids(k)
    plain = k.layers.Embedding(9, 4, name="plain")(x)
    k.Model(x, Beside(name="beside")(plain, k.layers.Dense(4, name="d")(embedded(k, x)))).save(tmp_path / "m.keras")
    plugin = tmp_path / "beside.py"
    plugin.write_text(
        "from configsplit.plugins import LayerFacts\n"
        "LAYERS = (LayerFacts(class_name='Beside', mask='stops', uses_mask=('other_mask',)),)\n"
    )
    document = configsplit.load(tmp_path / "m.keras", custom_objects=[plugin])
    parts = configsplit.split(document, "d")
    assert [each.ref.layer for each in parts.whole.masks] == ["d"]
