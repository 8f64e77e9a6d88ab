"""Two models of a small library, saved as its users save theirs, and their graphs."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from support.expanding import in_this_process

import configsplit

CONFINED = ("net.keras", "models")
"""What is expanded in the confined process, as users do it; the rest here, for want of time."""


def text_net(smallhub: Any, name: str, **options: Any) -> Any:
    return smallhub.TextNet(11, 8, 2, exponent=2, name=name, **options)


def save_preset(model: Any, folder: Path, *, shard: float | None = None) -> None:
    """The files of a preset: hyperparameters, and weights, in one file or in shards."""
    import keras

    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(keras.saving.serialize_keras_object(model)))
    (folder / "metadata.json").write_text(json.dumps({"keras_version": keras.__version__, "parameter_count": 1}))
    if shard is None:
        model.save_weights(folder / "model.weights.h5")
    else:
        model.save_weights(folder / "model.weights.json", max_shard_size=shard)


class World:
    """Two models, saved in four ways, and the graphs that were expanded of them, each once."""

    def __init__(self, folder: Path, smallhub: Any) -> None:
        import keras

        keras.utils.set_random_seed(3)
        self.folder = folder
        self.text = text_net(smallhub, "net")
        self.pair = smallhub.PairNet(text_net(smallhub, "left"), text_net(smallhub, "right"), 8, name="pair")
        for model in (self.text, self.pair):
            for weight in model.weights:
                weight.assign(keras.random.normal(weight.shape, stddev=0.3))
            model.save(folder / f"{model.name}.keras")
        save_preset(self.pair, folder / "pair_preset")
        save_preset(self.text, folder / "net_sharded", shard=1e-6)
        self._made: dict[tuple[str, str], Any] = {}

    def model(self, name: str) -> Any:
        return self.pair if name.startswith("pair") else self.text

    def plugin(self, name: str, depth: Any = "models") -> Path:
        graph = self.graph(name, depth)
        return graph.with_name(f"{graph.stem}_classes.py")

    def expanded(self, name: str, depth: Any = "models") -> Any:
        if (name, depth) not in self._made:
            with nullcontext() if (name, depth) == CONFINED else in_this_process():
                self._made[name, depth] = configsplit.expand(self.folder / name, "smallhub", depth=depth)
        return self._made[name, depth]

    def graph(self, name: str, depth: Any = "models") -> Path:
        place = self.folder / f"{name}.{depth}.json"
        return place if place.exists() else self.expanded(name, depth).save(place)[0]
