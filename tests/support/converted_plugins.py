"""The custom classes of the corpus, for models that were converted: as `plugins`, with the classes of the Keras 2 generators.

The corpus of Keras 3 has classes of the same names that hold more, so the real ones here are others. ``keras3_places`` says
where the layers that hold layers keep their weights in Keras 3, which no `.h5` file tells: in the order in which tf.keras lists
them, dicts by their keys.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from plugins import LAYERS as _LAYERS


def _dense(*places: str) -> tuple[str, ...]:
    return tuple(f"{place}/vars/{number}" for place in places for number in range(2))


_PLACES = {
    "Block": _dense("first", "stack/dense", "stack/dense_1", "table/dense_1", "table/dense"),
    "Block2": _dense(
        "grid/container/dense",
        "grid/container/dense_1",
        "grid/container_1/dense",
        "table/container_1/dense",
        "table/container/dense",
    ),
}

LAYERS = tuple(
    replace(
        facts,
        keras_class=f"converted_keras:{facts.class_name.rpartition('>')[2]}",
        keras3_places=_PLACES.get(facts.class_name, ()),
    )
    for facts in _LAYERS
    if facts.class_name not in ("HTTPServer2DLayer", "OwnStore")
)
