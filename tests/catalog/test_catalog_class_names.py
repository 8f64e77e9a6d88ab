"""A class of Keras is declared once: nothing outside the catalog and the dialects asks for one by its name.

Looked at is every string that is the name of a layer class, or several with blanks between, of those that the installed Keras
and tf_keras export. What a rewrite or a conversion makes it has to name; such places stand below, each with its reason, and
one that is gone has to go from there too.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import keras
import pytest
import tf_keras

SOURCE = Path(__file__).resolve().parents[2] / "configsplit"

AT_HOME = ("catalog", "dialects", "testing")
"""Where classes are declared, where documents are read and written, and where random models for tests are drawn."""

_EXPERIMENTAL = tf_keras.layers.experimental

EXPECTED: dict[str, tuple[str, str]] = {
    "conversion/keras2/calls.py": ("Activation", "a rule: what it becomes where Keras 2 has no such activation"),
    "conversion/layers/lambdas.py": ("Lambda", "made, with the function that the user gives"),
    "conversion/layers/locally_connected.py": ("LocallyConnected1D LocallyConnected2D EinsumDense", "rules and what they make"),
    "conversion/layers/several.py": (
        "BatchNormalization Dense Dot EinsumDense PReLU Permute RandomFourierFeatures Reshape",
        "rules for classes that Keras 3 does not have, and what those make",
    ),
    "graph/model.py": ("InputLayer Layer", "`Layer.is_input`, and configsplit's own class in an annotation"),
    "graph/references.py": (
        "Bidirectional RNN SpectralNormalization TimeDistributed",
        "what a message says of each; the graph lies below the catalog",
    ),
    "rewrites/masks.py": ("Activation", "made: the layer that gives back what it takes"),
    "rewrites/nested/pack.py": ("Concatenate Cropping1D Reshape", "made"),
    "rewrites/nested/unpack.py": ("Concatenate Cropping1D Reshape", "made"),
    "runtime/trace/trace.py": ("Identity", "an operation of TensorFlow's graphs, by its own name"),
}  # fmt: skip
"""File -> the classes that it may name, and why."""


@cache
def exported() -> frozenset[str]:
    """The names of all layer classes, and those under which they are exported besides."""
    found: set[str] = set()
    for layers in (keras.layers, tf_keras.layers, _EXPERIMENTAL, _EXPERIMENTAL.preprocessing):
        for name, kind in vars(layers).items():
            if inspect.isclass(kind) and issubclass(kind, (keras.layers.Layer, tf_keras.layers.Layer)):
                found |= {name, kind.__name__}
    return frozenset(found)


def strings(tree: ast.AST) -> Iterator[str]:
    """Every constant string that is no docstring and no piece of a text with values in it."""
    passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    passed |= {id(piece) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for piece in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
            yield node.value


def named(text: str) -> list[str]:
    """The classes that a source names, each as often as it does."""
    lists = (value.split() for value in strings(ast.parse(text)))
    return [name for names in lists if exported().issuperset(names) for name in names]


@cache
def uses() -> dict[str, list[str]]:
    """File -> the classes that it names."""
    files = ((path.relative_to(SOURCE).as_posix(), path) for path in sorted(SOURCE.rglob("*.py")))
    return {name: found for name, path in files if name.partition("/")[0] not in AT_HOME and (found := named(path.read_text()))}


def test_no_class_is_asked_for_by_its_name() -> None:
    strange = {file: sorted({*found} - {*EXPECTED.get(file, ("", ""))[0].split()}) for file, found in uses().items()}
    assert {file: names for file, names in strange.items() if names} == {}


@pytest.mark.parametrize("file", sorted(EXPECTED))
def test_an_exception_is_still_needed(file: str) -> None:
    assert {*EXPECTED[file][0].split()} <= {*uses().get(file, ())}


def test_names_are_found_in_sets_and_in_lists_but_not_in_what_is_said() -> None:
    source = '"""Dense"""\nA = {"Dense", "GRU LSTM", "a Dense layer", f"{1}Dense"}\nB = A == "Lambda"\n'
    assert sorted(named(source)) == ["Dense", "GRU", "LSTM", "Lambda"]
