"""Two models side by side in real Keras: equal or not, and where they part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import configsplit
from configsplit.errors import ConfigSplitError
from configsplit.runtime.compare import Comparison


@pytest.fixture
def compare(near_worker: None) -> Any:
    return configsplit.compare


def network(k: Any, activation: str = "relu", **names: str) -> Any:
    """An image network with a nested model that is called twice; ``names`` are other names of layers."""
    layers = k.layers
    given = k.Input((8, 8, 3), name=names.get("x", "x"))
    h = layers.Conv2D(4, 3, name=names.get("conv", "conv"))(given)
    h = layers.BatchNormalization(name="bn")(h)
    start = k.Input((6, 6, 4), name="start")
    inner = k.Model(start, layers.Activation(activation, name="act")(layers.Conv2D(4, 1, name="c1")(start)), name="inner")
    h = layers.Flatten(name="flat")(inner(inner(h)))
    return k.Model(given, layers.Dense(3, name="d")(h))


def weights(model: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    return [(rng.standard_normal(w.shape) * 0.3 + (w.ndim == 1)).astype("float32") for w in model.get_weights()]


def saved(model: Any, path: Path, given: list[Any] | None = None) -> Path:
    model.set_weights(weights(model) if given is None else given)
    model.save(path)
    return path


def test_keras_2_beside_keras_3(keras3: Any, keras2: Any, compare: Any, tmp_path: Path) -> None:
    one, two = saved(network(keras2.module), tmp_path / "k2.h5"), saved(network(keras3.module), tmp_path / "k3.keras")
    found: Comparison = compare(one, two, tolerance=1e-4)
    assert found.passed
    assert (found.ran.framework, found.other.framework) == ("tf_keras", "keras")
    assert (found.inputs[0].name, found.inputs[0].shape, found.outputs[0].shape) == ("x", (4, 8, 8, 3), (4, 3))


@pytest.mark.parametrize("dialects", [("keras3", "keras3"), ("keras2", "keras2"), ("keras2", "keras3")])
def test_the_layer_that_differs_is_named(
    dialects: tuple[str, str], request: pytest.FixtureRequest, compare: Any, tmp_path: Path
) -> None:
    one, two = (request.getfixturevalue(name).module for name in dialects)
    first = saved(network(one), tmp_path / ("one.keras" if dialects[0] == "keras3" else "one.h5"))
    second = saved(network(two, "tanh"), tmp_path / ("two.keras" if dialects[1] == "keras3" else "two.h5"))
    found = compare(first, second, tolerance=1e-4, bisect=True)
    assert not found.passed
    assert found.deterministic
    parting = found.parting
    assert (parting.first.name, parting.first.other, parting.first.class_name) == ("inner/act", "inner/act", "Activation")
    assert [row.name for row in parting.before] == ["inner/c1"]
    assert all(row.equal for row in parting.before)
    assert parting.behind[0].name == "inner/c1@1"
    assert (parting.alone, parting.other_alone) == ((), ())
    assert parting.first.difference > 0.1


def test_weights_that_differ_by_next_to_nothing(keras3: Any, compare: Any, tmp_path: Path) -> None:
    """Without a tolerance it is seen, and where it is; with one it is not."""
    model = network(keras3.module)
    given = weights(model)
    changed = [each.copy() for each in given]
    changed[-2][:, 1] += np.float32(1e-6)
    one, two = saved(model, tmp_path / "one.keras", given), saved(model, tmp_path / "two.keras", changed)
    found = compare(one, two, bisect=True)
    assert (found.passed, found.parting.first.name) == (False, "d")
    assert 0 < found.parting.first.difference < 1e-2
    assert compare(one, two, tolerance=1e-2).passed
    assert compare(one, one).identical


def test_names_follow_the_record_of_surgery(keras3: Any, compare: Any, tmp_path: Path) -> None:
    """Two layers that have swapped their names, and a copy whose nested model has another: by name alone nothing would fit."""
    k = keras3.module
    given = k.Input((4,), name="x")
    h = given
    for name in ("a", "b", "c"):
        h = k.layers.Dense(4, "tanh", name=name)(h)
    one = saved(k.Model(given, h), tmp_path / "one.keras")
    two = configsplit.rename(configsplit.load(one), {"a": "b", "b": "a"}).save(tmp_path / "two.keras").path
    assert compare(one, two).identical
    frozen = configsplit.load(two)
    other = k.saving.load_model(two)
    other.get_layer("a").bias.assign([1, 0, 0, 0])  # called b in the original
    other.save(tmp_path / "three.keras")
    by_name = compare(one, tmp_path / "three.keras", bisect=True).parting
    assert (by_name.first.name, by_name.first.by) == ("a", "name")  # no record: the wrong ones are compared
    edited = configsplit.remove(frozen, "c").save(tmp_path / "four.keras").path
    found = compare(two, edited, bisect=True).parting
    assert (found.first, found.compared, found.alone) == (None, 2, ("c",))
    assert compare(edited, two, bisect=True).parting.other_alone == ("c",)


def branched(k: Any, path: Path, epsilon: float = 1e-3, shift: float = 0.0) -> Path:
    """Two inputs and outputs by name; ``epsilon`` is that of ``bn`` on one branch, ``shift`` changes ``q`` on the other."""
    layers = k.layers
    given = {"image": k.Input((6, 6, 3), name="image"), "vector": k.Input((4,), name="vector")}
    start = k.Input((4,), name="start")
    ways = [layers.Dense(4, "tanh", name=name)(start) for name in ("p", "q")]
    inner = k.Model(start, layers.Add(name="sum")(ways), name="inner")
    h = layers.Conv2D(4, 3, name="conv")(given["image"])
    h = layers.GlobalAveragePooling2D(name="pool")(layers.BatchNormalization(epsilon=epsilon, name="bn")(h))
    twice = inner(inner(given["vector"]))
    both = layers.Concatenate(name="both")([h, twice])
    model = k.Model(given, {"all": layers.Dense(3, name="d")(both), "vector_alone": layers.Dense(2, name="e")(twice)})
    model.set_weights(weights(model))
    q = model.get_layer("inner").get_layer("q")
    q.bias.assign(q.bias + shift)
    model.save(path)
    return path


def test_every_branch_on_which_two_models_part_is_named(keras3: Any, compare: Any, tmp_path: Path) -> None:
    k = keras3.module
    one, two = branched(k, tmp_path / "one.keras"), branched(k, tmp_path / "two.keras", epsilon=0.1, shift=0.5)
    parting = compare(one, two, bisect=True).parting
    assert {parting.first.name, *(row.name for row in parting.others)} == {"bn", "inner/q"}
    assert [row.name for row in parting.others] == ["inner/q" if parting.first.name == "bn" else "bn"]
    parting = compare(one, branched(k, tmp_path / "three.keras", shift=0.5), bisect=True).parting
    assert (parting.first.name, parting.before, parting.others) == ("inner/q", (), ())  # it takes an input of the model
    assert [row.name for row in parting.behind] == ["inner/sum"]


def test_branches_that_run_in_another_order(keras3: Any, compare: Any, tmp_path: Path) -> None:
    """A shared layer whose calls stand the other way round: what is compared takes the same."""
    k = keras3.module

    def twins(swapped: bool, last: str) -> Any:
        a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
        shared = k.layers.Dense(4, name="shared")
        first, second = (shared(b), shared(a))[::-1] if swapped else (shared(a), shared(b))
        h = k.layers.Subtract(name="less")([first, second])
        return k.Model([b, a] if swapped else [a, b], k.layers.Dense(2, last, name="d")(h))

    one = saved(twins(False, "linear"), tmp_path / "one.keras")
    assert compare(one, saved(twins(True, "linear"), tmp_path / "two.keras")).identical
    found = compare(one, saved(twins(True, "tanh"), tmp_path / "three.keras"), bisect=True)
    assert (found.parting.first.name, found.parting.compared) == ("d", 4)


@pytest.mark.parametrize(
    ("change", "code"), [("inputs", "compare-inputs"), ("shape", "compare-inputs"), ("outputs", "compare-outputs")]
)
def test_models_that_cannot_be_compared(change: str, code: str, keras3: Any, compare: Any, tmp_path: Path) -> None:
    k = keras3.module
    a, b = k.Input((4,), name="a"), k.Input((5 if change == "shape" else 4,), name="a2")
    d = k.layers.Dense(2, name="d")
    one = saved(k.Model(a, d(a)), tmp_path / "one.keras")
    others = {
        "inputs": lambda: k.Model([a, b], d(k.layers.Add()([a, b]))),
        "shape": lambda: k.Model(b, k.layers.Dense(2, name="d")(b)),
        "outputs": lambda: k.Model(a, [d(a), k.layers.ReLU()(d(a))]),
    }
    other = others[change]()
    with pytest.raises(ConfigSplitError) as caught:
        compare(one, saved(other, tmp_path / "two.keras"))
    assert caught.value.code == code


def test_without_weights_nothing_is_compared(keras3: Any, compare: Any, tmp_path: Path) -> None:
    model = network(keras3.module)
    one = saved(model, tmp_path / "one.keras")
    (tmp_path / "two.json").write_text(model.to_json())
    with pytest.raises(ConfigSplitError) as caught:
        compare(one, tmp_path / "two.json")
    assert (caught.value.code, caught.value.where) == ("compare-no-weights", str(tmp_path / "two.json"))
    model.save_weights(tmp_path / "two.weights.h5")
    assert compare(one, tmp_path / "two.json", other_weights=tmp_path / "two.weights.h5").identical


def test_a_model_that_draws_numbers_is_called_that(keras2: Any, compare: Any, tmp_path: Path) -> None:
    """Keras 3 keeps the state of what is drawn among the weights; before it every run was another."""
    k = keras2.module
    given = k.Input((4,), name="x")
    h = k.layers.Dropout(0.5, name="drop")(given, training=True)
    one = saved(k.Model(given, k.layers.Dense(2, name="d")(h)), tmp_path / "one.keras")
    two = saved(k.Model(given, k.layers.Dense(2, "tanh", name="d")(h)), tmp_path / "two.keras")
    assert compare(one, one).identical  # the same seed
    assert not compare(one, two).deterministic
