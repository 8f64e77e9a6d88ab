"""Plug-ins: found, loaded, refused with a code, and never global."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from configsplit.catalog.facts import LayerFacts, same_as_input
from configsplit.errors import PluginError
from configsplit.plugins import Registry

GOOD = """
from configsplit.catalog.facts import LayerFacts, same_as_input
LAYERS = (LayerFacts(class_name="Foo", outputs=same_as_input, mask="passes"),)
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "plug.py") -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def code(spec: str, registry: Registry | None = None) -> str:
    with pytest.raises(PluginError) as caught:
        (registry or Registry()).load(spec)
    assert caught.value.where
    return caught.value.code


def test_scale_is_built_in() -> None:
    plugins = Registry.discover().plugins
    assert [(plugin.facts.class_name, plugin.source) for plugin in plugins] == [("Scale", "built in with configsplit")]


def test_a_file_and_a_single_declaration(write) -> None:
    registry = Registry().load(write(GOOD))
    assert registry.facts()["Foo"].mask == "passes"
    single = GOOD.replace("(LayerFacts", "LayerFacts").replace('passes"),)', 'passes")')
    assert list(Registry().load(write(single)).facts()) == ["Foo"]


def test_a_module_by_its_dotted_name() -> None:
    assert list(Registry().load("configsplit.custom_objects.scale").facts()) == ["Scale"]


def test_loading_makes_a_new_value(write) -> None:
    first = Registry.discover()
    second = first.load(write(GOOD))
    assert "Foo" not in first.facts()
    assert {"Foo", "Scale"} == set(second.facts())
    with pytest.raises(AttributeError):
        first.plugins = ()  # type: ignore[misc]


def test_what_the_user_gives_wins_over_what_is_installed(write) -> None:
    mine = write(GOOD.replace("Foo", "Scale"))
    registry = Registry.discover().load(mine)
    assert registry.facts()["Scale"].mask == "passes"
    assert len(registry.plugins) == 2


def test_the_same_file_twice_is_no_conflict_but_two_files_with_one_class_are(write) -> None:
    registry = Registry().load(write(GOOD))
    assert registry.load(write(GOOD)).facts().keys() == registry.facts().keys()
    assert code(write(GOOD, "other.py"), registry) == "plugin-duplicate"


def test_one_class_twice_in_one_file(write) -> None:
    assert code(write(GOOD + "LAYERS = LAYERS + LAYERS\n")) == "plugin-duplicate"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1", "plugin-no-layers"),
        ("LAYERS = 3", "plugin-wrong-type"),
        ("LAYERS = ()", "plugin-wrong-type"),
        ("LAYERS = ('Foo',)", "plugin-wrong-type"),
        ("import no_such_module_at_all", "plugin-import"),
        ("1 / 0", "plugin-import"),
        ("def broken(:", "plugin-import"),
        ("raise RuntimeError('no')", "plugin-import"),
    ],
)
def test_files_that_are_no_plug_ins(write, text: str, expected: str) -> None:
    assert code(write(text)) == expected


def test_what_does_not_exist() -> None:
    assert code("no/such/file.py") == "plugin-missing"
    assert code("no_such_package.plugin") == "plugin-missing"
    assert code("configsplit.no_such_module") == "plugin-missing"


def test_a_broken_installed_package_is_a_failure_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = metadata.EntryPoint("b", "no_such_package.plugin", "configsplit.custom_objects")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [broken])
    registry = Registry.discover()
    assert registry.plugins == ()
    assert [failure.code for failure in registry.failures] == ["plugin-missing"]


def test_two_installed_packages_with_one_class_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = LayerFacts(class_name="Foo", outputs=same_as_input)
    for name in ("plug_a", "plug_b"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(LAYERS=facts))
    points = [metadata.EntryPoint(name, name, "configsplit.custom_objects") for name in ("plug_a", "plug_b")]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points)
    with pytest.raises(PluginError, match="declared twice"):
        Registry.discover()


def test_classes_are_imported_only_when_asked_for(write) -> None:
    write("class Foo: pass", "beside.py")
    spec = write(GOOD.replace('mask="passes"', 'keras_class="beside:Foo", tf_keras_class=":Here"') + "class Here: pass\n")
    registry = Registry().load(spec)
    assert registry.keras_classes("keras")["Foo"].__name__ == "Foo"
    assert registry.keras_classes("tf_keras")["Foo"].__name__ == "Here"


@pytest.mark.parametrize("target", ["no_such_module_at_all:Foo", "json:Foo", "json:dumps", ":Foo"])
def test_classes_that_are_not_there(write, target: str) -> None:
    registry = Registry().load(write(GOOD.replace('mask="passes"', f'keras_class="{target}"')))
    with pytest.raises(PluginError) as caught:
        registry.keras_classes("keras")
    assert caught.value.code == "plugin-class"


@pytest.mark.parametrize("module", ["configsplit.inference", "configsplit.plugins", "configsplit.custom_objects.scale"])
def test_nothing_heavy_is_imported(module: str) -> None:
    text = f"import sys, {module}; print([m for m in ('numpy', 'keras', 'tf_keras', 'tensorflow', 'h5py') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_plug_ins_that_import_by_the_old_names_are_loaded(write) -> None:
    """What stood in `configsplit.ir` before `configsplit.plugins` had it."""
    names = "CallFacts, FunctionFacts, LayerFacts, TensorSpec, WeightSpec, dims, same_as_input"
    spec = write(
        f"from configsplit.ir.facts import {names}\nfrom configsplit.ir.graph import Shape, TensorSpec\n"
        'LAYERS = (LayerFacts(class_name="Foo", outputs=same_as_input),)\n'
    )
    assert Registry().load(spec).names() == {"Foo"}
