"""What Theano did otherwise: it padded on both sides alike where TensorFlow pads behind first, and knew a "full" border."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from configsplit.catalog.keras3 import from_keras1
from configsplit.catalog.keras3.refusals import Stop
from configsplit.catalog.keras3.theano import CONVOLUTIONS, PADDED_BEFORE, POOLS
from configsplit.catalog.table import class_facts
from configsplit.conversion.building import Building
from configsplit.conversion.layers.several import Parts
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, Node

Plain = Callable[[Building, Layer, int], None]


def words(building: Building, layer: Layer) -> tuple[str, FrozenDict]:
    """Class and config as Keras 2 has them."""
    if building.around.dialect != "keras1":
        return layer.class_name, layer.config
    return from_keras1.class_of(layer.entry), from_keras1.words(layer.class_name, layer.config)


def pads_itself(building: Building, layer: Layer) -> bool:
    """Whether a layer is a convolution whose padding has to stand before it."""
    name, config = words(building, layer)
    padding = config.get("padding")
    if name not in PADDED_BEFORE or padding not in ("same", "full"):
        return False
    return padding == "full" or (building.around.backend == "theano" and _differs(name, config))


def convert(building: Building, layer: Layer, number: int, plain: Plain) -> None:
    """One call of such a convolution: zeros as Theano put them, and the convolution without padding."""
    parts = Parts(building, layer, number)
    name, config = words(building, layer)
    rank = PADDED_BEFORE[name]
    amounts = tuple(_amounts(config, window, dilation) for window, dilation in _windows(config, rank))
    settings: dict[str, Any] = {"padding": amounts if rank > 1 else amounts[0], "data_format": config.get("data_format")}
    value = parts.call("padding", f"ZeroPadding{rank}D", settings, parts.input)
    key = "border_mode" if building.around.dialect == "keras1" else "padding"
    bare = replace(layer, entry=layer.entry | {"config": layer.config | {key: "valid"}})
    plain(building, bare, number)
    made = building.layers[building.names[layer.name]]
    made.calls[number] = Node((value, *made.calls[number].args[1:]), made.calls[number].kwargs)


def check(name: str, config: FrozenDict, backend: str) -> None:
    """Raises Stop for a layer that Theano padded, and whose padding cannot be put before it."""
    if backend != "theano":
        return
    if class_facts(name).recurrent and any(
        window % 2 == 0 for window, _ in _windows(config, 2)
    ):  # states are padded in any case
        raise Stop(
            "convert-backend",
            f"the {name} has an even window, and Theano padded its states on other sides than Keras 3",
            "use an odd window, and retrain the model",
        )
    if config.get("padding") != "same":
        return
    pooled = name in POOLS and any(window > 1 for window, _ in _windows(config, POOLS[name], "pool_size"))
    if pooled or (name in CONVOLUTIONS and _differs(name, config)):
        raise Stop(
            "convert-backend",
            f"the {name} pads by 'same', and Theano padded other sides than Keras 3",
            "put a ZeroPadding before it and pad by 'valid', where that backend still runs",
        )


def _differs(name: str, config: FrozenDict) -> bool:
    """Whether Theano's zeros are elsewhere: before the input there are half a window of them, behind it as many or one less."""
    rank = CONVOLUTIONS[name]
    steps = {stride for stride, _ in _windows(config, rank, "strides")}
    return steps != {1} or any(window % 2 == 0 for window, _ in _windows(config, rank))


def _windows(config: FrozenDict, rank: int, key: str = "kernel_size") -> list[tuple[int, int]]:
    """Of each axis the size, and how far the numbers of a window are apart."""
    return list(zip(_sizes(config.get(key), rank), _sizes(config.get("dilation_rate"), rank), strict=True))


def _sizes(value: Any, rank: int) -> tuple[int, ...]:
    sizes = value if type(value) is tuple else (1 if value is None else value,)
    return tuple(int(size) for size in sizes) * (rank // len(sizes))


def _amounts(config: FrozenDict, window: int, dilation: int) -> tuple[int, int]:
    if dilation > 1 and window % 2 == 0:
        raise Stop("convert-backend", "Theano's padding of even windows with holes was never measured", "pad before it")
    wide = (window - 1) * dilation + 1
    if config["padding"] == "full":
        return wide - 1, wide - 1
    return wide // 2, (wide - 1) // 2
