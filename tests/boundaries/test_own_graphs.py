"""Models of classes of the user's own, which may do more in their `call` than their graph says: never proven without a word."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

import configsplit

OWN = "graphs: no plug-in declares whether Twice"


def saved(works: str, folder: Path) -> dict[str, Path]:
    """``whole`` is such a model; ``outer`` holds it."""
    keras = importlib.import_module(works)
    keras.backend.clear_session()

    class Twice(keras.Model):  # type: ignore[name-defined, misc]
        def call(self, x: Any, training: Any = None, mask: Any = None) -> Any:
            return 2 * super().call(x, training=training)

    x = keras.Input((4,), name="x")
    own = Twice(x, keras.layers.Dense(2, name="b")(keras.layers.Dense(3, name="a")(x)), name="own")
    y = keras.Input((4,), name="y")
    around = keras.layers.Dense(4, name="first")(y)
    outer = keras.Model(y, keras.layers.Dense(1, name="last")(own(around)), name="outer")
    suffix = "keras" if works == "keras" else "h5"
    found = {"whole": folder / f"whole.{suffix}", "outer": folder / f"outer.{suffix}"}
    own.save(found["whole"])
    outer.save(found["outer"])
    return found


@pytest.mark.parametrize("works", ["keras", "tf_keras"])
def test_taken_apart_it_is_named(works: str, tmp_path: Path) -> None:
    files = saved(works, tmp_path)
    cases = [("whole", "a", True), ("outer", "own/a", True), ("outer", "own", False), ("outer", "first", False)]
    for number, (file, at, told) in enumerate(cases):
        parts = configsplit.split(configsplit.load(files[file]), at).save(tmp_path / str(number))
        assert any(each.startswith(OWN) for each in parts.manifest.warnings) == told, (file, at)
    edited = configsplit.extract(configsplit.load(files["outer"]), to="own/a")
    assert any(each.startswith(OWN) for each in edited.warnings)
    assert not any(each.startswith(OWN) for each in configsplit.extract(configsplit.load(files["outer"]), to="own").warnings)


def test_a_plug_in_settles_it(tmp_path: Path) -> None:
    plugin = tmp_path / "own.py"
    plugin.write_text("from configsplit.plugins import LayerFacts\nLAYERS = (LayerFacts(class_name='Twice'),)\n")
    document = configsplit.load(saved("keras", tmp_path)["whole"], custom_objects=[plugin])
    parts = configsplit.split(document, "a").save(tmp_path / "parts")
    assert not any(each.startswith("graphs: ") for each in parts.manifest.warnings)
