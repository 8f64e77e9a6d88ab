"""Whether a recurrent layer multiplies all its gates at once or one by one: the last bit hangs on it, and its dropout."""

from __future__ import annotations

from typing import Any

from configsplit.graph.json import FrozenDict

_CELLS = frozenset({"LSTMCell", "GRUCell"})
_LAYERS = frozenset({"LSTM", "GRU"})


def order_of_gates(class_name: str, config: FrozenDict) -> dict[str, Any]:
    """``{"implementation": 1}`` where the layer of Keras 2 goes gate by gate, else nothing: 2 is what Keras 3 does by itself.

    Keras 3 takes the key as Keras 2 wrote it, in both its meanings: the order of multiplication, and a dropout mask for each
    gate in training. 0, of Keras before 2.3, went gate by gate over all steps at once; tf_keras reads it as 1.
    """
    if class_name not in _CELLS | _LAYERS or config.get("implementation") not in (0, 1):
        return {}
    return {} if class_name in _LAYERS and _is_fused(class_name, config) else {"implementation": 1}


def without_order(entry: FrozenDict) -> FrozenDict:
    """The entry of a layer of Keras 3 without that key; a layer of some other class keeps what it has."""
    if entry.get("module") != "keras.layers" or entry["class_name"] not in _LAYERS:
        return entry
    return entry | {"config": entry["config"].without("implementation")}


def _is_fused(class_name: str, config: FrozenDict) -> bool:
    """Whether tf.keras has one kernel for the whole layer, on a processor too; that one knows no ``implementation``."""
    return (
        config.get("activation") == "tanh"
        and config.get("recurrent_activation") == "sigmoid"
        and not config.get("recurrent_dropout")
        and not config.get("unroll")
        and bool(config.get("use_bias", True))
        and (class_name == "LSTM" or bool(config.get("reset_after")))
    )
