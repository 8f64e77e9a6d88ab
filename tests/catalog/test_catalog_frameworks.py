"""The table of what is harmless against the frameworks that are installed, and against the tables of the other rooms."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from configsplit.catalog import functions
from configsplit.catalog.classes import CLASSES, OUTSIDE, known_places
from configsplit.catalog.functions import is_dtype, is_pure_function
from configsplit.inference import BUILT_IN
from configsplit.runtime.frameworks import framework
from configsplit.runtime.resolving import _at, _class

REFUSED = {
    "Lambda": "holds code",
    "DenseFeatures": "columns read vocabulary files",
    "SequenceFeatures": "columns read vocabulary files",
    "DynamicEmbedding": "keeps a lookup that may be a file",
    "DynamicLookup": "keeps a lookup that may be a file",
    "MeanMetricWrapper": "calls a function that its configuration names",
    "Reduction": "no object of a model",
}
"""Exported by Keras and not in the table -> why."""

PACKAGES = (
    "layers", "layers.experimental", "layers.experimental.preprocessing", "initializers", "regularizers", "constraints",
    "dtype_policies", "mixed_precision", "quantizers", "random", "models", "optimizers", "optimizers.schedules",
    "optimizers.legacy", "optimizers.experimental", "losses", "metrics",
)  # fmt: skip


@pytest.fixture(scope="module", params=["keras", "tf_keras"])
def works(request: pytest.FixtureRequest) -> Any:
    pytest.importorskip(request.param)
    return framework(request.param)


def _exported(works: Any) -> dict[tuple[str, str], type]:
    found = {}
    for package in PACKAGES:
        holder: Any = works.module
        for step in package.split("."):
            holder = getattr(holder, step, None)
        for name in dir(holder):
            kind = getattr(holder, name)
            if isinstance(kind, type) and name[:1].isupper():
                found[f"keras.{package}", name] = kind
    return found


def test_every_class_that_keras_exports_is_known_or_refused_for_a_reason(works: Any) -> None:
    left = {name for module, name in _exported(works) if module not in CLASSES.get(name, ())}
    assert left <= {*REFUSED, *OUTSIDE}


def test_what_is_refused_is_not_in_the_table() -> None:
    assert not {*REFUSED, *OUTSIDE} & {*CLASSES}
    for name in ("ClassMethod", "InstanceMethod", "DropoutWrapper", "ResidualWrapper", "DeviceWrapper"):
        assert name not in CLASSES


def test_the_table_leads_to_what_keras_exports(works: Any) -> None:
    for (module, name), kind in _exported(works).items():
        if name not in {*REFUSED, *OUTSIDE}:
            assert _class(works, name, module) is kind, (module, name)


def test_places_are_our_own_strings_whatever_a_document_says() -> None:
    for module in (
        "os",
        "keras.utils",
        "keras",
        "keras.layers.os",
        None,
        5,
        ["keras.layers"],
        "tensorflow.python.ops.init_ops_v2",
    ):
        assert known_places("Dense", "keras", module) == ()
    assert known_places("Dense", "tf_keras", "keras.layers") == ("tf_keras.layers",)
    assert known_places("Identity", "keras", "keras.initializers") == ("keras.initializers",)


def test_every_known_class_is_a_class_somewhere() -> None:
    """A name with a module that neither framework has was written by an older release, or is a mistake."""
    pytest.importorskip("keras")
    pytest.importorskip("tf_keras")
    missing = set()
    for name, modules in CLASSES.items():
        places = {place for module in modules for each in ("keras", "tf_keras") for place in known_places(name, each, module)}
        if modules and not any(_at(place, name) for place in places):
            missing.add(name)
    assert missing <= {"AbstractRNNCell", "Policy", "Quantizer"}, missing


def test_every_layer_class_that_is_declared_is_known_or_refused() -> None:
    code = {"DeviceWrapper", "DropoutWrapper", "ResidualWrapper", "InstanceMethod"}  # they hold functions, or call any method
    assert {name for name in BUILT_IN if name not in CLASSES} <= {*REFUSED, *OUTSIDE, *code}


def test_activations_are_functions_of_a_framework(works: Any) -> None:
    exported = {name for name in dir(works.module.activations) if inspect.isfunction(getattr(works.module.activations, name))}
    assert exported - {"get", "serialize", "deserialize"} <= functions.ACTIVATIONS
    for kind, known in (
        ("initializers", functions.INITIALIZERS),
        ("regularizers", functions.REGULARIZERS),
        ("constraints", functions.CONSTRAINTS),
    ):
        holder = getattr(works.module, kind)
        names = {name for name in dir(holder) if not name.startswith("_") and isinstance(getattr(holder, name), type)}
        assert names - {kind.capitalize()[:-1]} <= known


def test_every_function_on_the_list_can_be_called() -> None:
    te = pytest.importorskip("tensorflow.python.util.tf_export")
    for name in te._NAME_TO_SYMBOL_MAPPING:
        if is_pure_function(name):
            assert inspect.isroutine(te._NAME_TO_SYMBOL_MAPPING[name]) or callable(te._NAME_TO_SYMBOL_MAPPING[name]), name


@pytest.mark.parametrize(
    "name", ["os", "io", "gfile", "file", "print", "load", "save", "py_func", "library", "server", "dump", "profil"]
)
def test_no_function_on_the_list_smells_of_the_outside(name: str) -> None:
    te = pytest.importorskip("tensorflow.python.util.tf_export")
    pure = [each for each in te._NAME_TO_SYMBOL_MAPPING if is_pure_function(each)]
    assert len(pure) > 400
    words = [each for each in pure if name in each.replace(".", "_").split("_")]
    assert words == []


def test_dtypes() -> None:
    for name in (
        "float32",
        "mixed_bfloat16",
        "int8_from_float32",
        "float8_from_mixed_bfloat16",
        "int4/128_from_bfloat16",
        "string",
    ):
        assert is_dtype(name), name
    for name in ("os.system", "", "float32;", "int8_from_"):
        assert not is_dtype(name), name
