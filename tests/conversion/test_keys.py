"""The table of keys against the constructors of Keras itself."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import pytest

from configsplit.catalog.keras3.keys import KEYS


def accepted(cls: type[Any]) -> set[str]:
    """The names of all arguments of a class's constructor, and of those that it hands the rest to."""
    found: set[str] = set()
    for each in cls.__mro__:
        if each is object or "__init__" not in vars(each):
            continue
        parameters = inspect.signature(each.__init__).parameters
        found |= set(parameters)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            break
    return found


@pytest.mark.parametrize("name", KEYS)
def test_keras_takes_every_key(name: str) -> None:
    assert KEYS[name] <= accepted(getattr(keras.layers, name)) | {"build_config"}
