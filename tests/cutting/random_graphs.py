"""Random live graphs, the same for Keras 3 and tf_keras: shared layers, nested models, keyword tensors, several ends."""

from __future__ import annotations

import random
from typing import Any


class Grower:
    """Grows one functional model. Every tensor has the shape (batch, 3, 4), so that any may feed any."""

    def __init__(self, keras: Any, seed: int) -> None:
        self._keras, self._random, self._made = keras, random.Random(seed), 0

    def model(self, *, depth: int = 2, name: str = "whole") -> Any:
        choose = self._random
        inputs = [self._keras.Input((3, 4), name=self._name("in")) for _ in range(choose.randint(1, 3))]
        tensors, shared, nested = list(inputs), [], []
        for _ in range(choose.randint(4, 9)):
            kind = choose.choice(["dense", "again", "sum", "join", "attend", "nested", "nested again"])
            if kind == "again" and shared:
                tensors.append(choose.choice(shared)(choose.choice(tensors)))
            elif kind == "sum":
                tensors.append(self._keras.layers.Add(name=self._name("sum"))(self._some(tensors)))
            elif kind == "join":
                joined = self._keras.layers.Concatenate(name=self._name("join"))(self._some(tensors))
                tensors.append(self._dense()(joined))
            elif kind == "attend":
                tensors.append(self._attend(tensors))
            elif kind == "nested" and depth:
                nested.append(self.model(depth=depth - 1, name=self._name("nested")))
                tensors += self._called(nested[-1], tensors)
            elif kind == "nested again" and nested:
                tensors += self._called(choose.choice(nested), tensors)
            else:
                shared.append(self._dense())
                tensors.append(shared[-1](choose.choice(tensors)))
        made = tensors[len(inputs) :]
        outputs = choose.sample(made, min(len(made), choose.randint(1, 3)))
        return self._keras.Model(inputs, outputs, name=name)

    def _name(self, kind: str) -> str:
        self._made += 1
        return f"{kind}{self._made}"

    def _dense(self) -> Any:
        return self._keras.layers.Dense(4, name=self._name("dense"))

    def _some(self, tensors: list[Any]) -> list[Any]:
        return [self._random.choice(tensors) for _ in range(self._random.randint(2, 3))]

    def _attend(self, tensors: list[Any]) -> Any:
        """Tensors by keyword, not in the order of the alphabet: releases differ in the order in which they visit them."""
        query, key, value = (self._random.choice(tensors) for _ in range(3))
        layer = self._keras.layers.MultiHeadAttention(1, 2, name=self._name("attend"))
        return layer(query, value=value, key=key)

    def _called(self, model: Any, tensors: list[Any]) -> list[Any]:
        given = [self._random.choice(tensors) for _ in model.inputs]
        found = model(given if len(given) > 1 else given[0])
        return list(found) if isinstance(found, (list, tuple)) else [found]
