"""KerasHub's backbones, small: expanded, cut, loaded by Keras part by part, held against the whole. One row for each, one page.

    PYTHONPATH=tests python -m support.kerashub [KIND ...] [BACKBONE ...]    measures, and writes docs/kerashub.md

The work of the confined worker is done in this process, which pays the import of the library once; that the worker does the
same is for `tests/expansion`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import configsplit
from configsplit.errors import ConfigSplitError
from configsplit.runtime import arrays
from configsplit.runtime.frameworks import framework
from configsplit.runtime.live import numbers
from configsplit.runtime.live.signature import call_specs
from configsplit.runtime.worker import fill_weights
from support import kerashub_page
from support.expanding import in_this_process
from support.kerashub_page import KINDS, ROOT, ROWS

CONFIGS = ROOT / "tests" / "exhaustive" / "kerashub_configs.jsonl"
_TRIED = 8
"""So many places are tried, from the middle of a model on, until one can be cut."""

Row = dict[str, Any]


def configs() -> dict[str, dict[str, Any]]:
    """What the ``config.json`` of a preset would hold, by class."""
    found = [json.loads(line) for line in CONFIGS.read_text().splitlines()]
    return {each["class_name"]: each for each in found}


def measured(name: str, folder: Path, kinds: Sequence[str] = KINDS) -> Row:
    """Everything about one backbone: for each kind "yes", or why not."""
    row: Row = {"class": name}
    works = framework("keras")
    works.module.backend.clear_session()
    model = works.module.saving.deserialize_keras_object(json.loads(json.dumps(configs()[name])))
    fill_weights(model, works, {})
    sources = {"keras": folder / "whole.keras", "preset": folder / "preset", "all": folder / "preset"}
    model.save(sources["keras"])
    sources["preset"].mkdir()
    (sources["preset"] / "config.json").write_text(json.dumps(works.module.saving.serialize_keras_object(model)))
    model.save_weights(sources["preset"] / "model.weights.h5")
    found = numbers.taken_by(model, works, call_specs(model, works), "{}")
    if found is None:
        return {**row, **dict.fromkeys(kinds, "no-inputs: it takes nothing that was tried")}
    batch, whole = found[0]
    filed = _as_filed(sources["keras"], batch, whole)
    for kind in kinds:
        if kind == "live":
            row[kind] = _said(lambda: _live(model, batch, whole))
        else:
            row[kind] = _said(lambda kind=kind: _cut(sources[kind], folder / f"of {kind}", batch, filed, row))  # type: ignore[misc]
    return row


def _as_filed(source: Path, batch: Sequence[Any], whole: list[arrays.Stored]) -> list[arrays.Stored]:
    """What the model gives that Keras loads from the file: not every library's layers come back as they were."""
    works = framework("keras")
    try:
        loaded = works.module.models.load_model(source)
        return numbers.outputs(loaded, works, call_specs(loaded, works), batch)
    except Exception:  # noqa: BLE001 - Keras cannot load what it wrote
        return whole


def _measured_anyhow(name: str, folder: Path, kinds: Sequence[str]) -> Row:
    """What the library itself cannot build or save is a row too."""
    try:
        return measured(name, folder, kinds)
    except Exception as error:  # noqa: BLE001 - code of others
        return {"class": name, **dict.fromkeys(kinds, f"library-fails: {type(error).__name__}: {error}")}


def _said(attempt: Callable[[], str]) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return attempt()
    except ConfigSplitError as error:
        return f"{error.code}: {error.message}"
    except Exception as error:  # noqa: BLE001 - what goes wrong is the row
        return f"{type(error).__name__}: {error}"


def _cut(source: Path, folder: Path, batch: Sequence[Any], whole: Sequence[Any], row: Row) -> str:
    depth: Any = "all" if folder.name == "of all" else "models"
    found = configsplit.expand(source, "keras_hub", depth=depth)
    graph, plugin = found.save(folder.with_suffix(".json"))
    document = configsplit.load(graph, weights=source, custom_objects=[plugin] if plugin else [])
    if depth == "all":
        row["opened"], row["whole"] = len(found.opened), len(found.whole)
    else:
        row |= {"layers": len(document.model.layers), "weights": found.weights, "mended": len(found.mended), "run": found.run}
    wish = [name for name in found.opened if "/" not in name] if depth == "all" else []
    at = _first_cut(document, folder, wish)
    if folder.name == "of preset" and row.get("keras") == "yes" and _same_files(folder, folder.with_name("of keras")):
        return "yes"  # what Keras gives of the very same files has been seen
    made = _parts(folder, batch)
    if len(made) != len(whole) or not all(map(arrays.same_bits, made, whole)):
        return f"different behind {at}"
    row[folder.name.replace("of", "at")] = at
    return "yes"


def _same_files(one: Path, other: Path) -> bool:
    names = [sorted(each.name for each in folder.glob("part-*")) for folder in (one, other)]
    return names[0] == names[1] and all((one / name).read_bytes() == (other / name).read_bytes() for name in names[0])


def _places(document: Any, opened: Sequence[str]) -> Iterator[str]:
    """Layers inside opened blocks first, then all from the middle on."""
    layers = {layer.name: layer for layer in document.model.layers}
    for name in opened:
        inner = [each.name for each in layers[name].model.layers if not each.is_input]
        yield from (f"{name}/{each}" for each in inner[len(inner) // 2 : len(inner) // 2 + 2])
    names = [layer.name for layer in document.model.layers if not layer.is_input]
    yield from (*names[len(names) // 2 :], *names[: len(names) // 2])


def _first_cut(document: Any, folder: Path, opened: Sequence[str]) -> str:
    first: ConfigSplitError | None = None
    for number, at in enumerate(_places(document, opened)):
        if number >= _TRIED:
            break
        for boundary in ("smallest", "early"):
            try:
                saved = configsplit.split(document, at, boundary=boundary).save(folder, to="keras")  # type: ignore[arg-type]
            except ConfigSplitError as error:
                first = first or error
                continue
            if saved.proof is None:
                raise RuntimeError("nothing was proven")
            return at
    raise first or RuntimeError("there is no place")


def _parts(folder: Path, batch: Sequence[Any]) -> list[arrays.Stored]:
    """The parts, each loaded by Keras from its file, with nothing between them but arrays."""
    works, manifest = framework("keras"), json.loads((folder / "manifest.json").read_text())
    made: list[list[arrays.Stored]] = []

    def fed(told: Mapping[str, int]) -> arrays.Stored:
        return batch[told["input"]] if "input" in told else made[told["part"]][told["output"]]

    for part in manifest["parts"]:
        model = works.module.models.load_model(folder / part["file"])
        made.append(numbers.outputs(model, works, call_specs(model, works), [fed(each["from"]) for each in part["inputs"]]))
    return [fed(each["from"]) for each in manifest["outputs"]]


def _live(model: Any, batch: Sequence[Any], whole: Sequence[Any]) -> str:
    document = configsplit.keras.document(model)
    first: ConfigSplitError | None = None
    for number, at in enumerate(_places(document, ())):
        try:
            parts = configsplit.keras.split(model, at, trace=False, boundary="early") if number < _TRIED else ()
        except ConfigSplitError as error:
            first = first or error
            continue
        if parts:
            return "yes" if all(map(arrays.same_bits, _live_parts(parts, batch), whole)) else f"different behind {at}"
    raise first or RuntimeError("there is no place")


def _live_parts(parts: Any, batch: Sequence[Any]) -> list[arrays.Stored]:
    works, split = framework("keras"), parts.parts.split
    made: list[list[arrays.Stored]] = []

    def fed(wire: Any) -> arrays.Stored:
        return batch[wire.number] if wire.part is None else made[wire.part][wire.number]

    for model, wires in zip(parts, split.wires, strict=True):
        made.append(numbers.outputs(model, works, call_specs(model, works), [fed(wire) for wire in wires]))
    return [fed(wire) for wire in split.outputs]


def measure(names: Sequence[str], kinds: Sequence[str] = KINDS, say: Callable[[str], Any] = print) -> list[Row]:
    """Measure backbones, and keep a row of each; what was measured of it before, of other kinds, stays in it."""
    ROWS.mkdir(parents=True, exist_ok=True)
    rows = []
    with in_this_process():
        for name in names:
            begun, place = time.monotonic(), ROWS / f"{name}.json"
            with tempfile.TemporaryDirectory() as folder:
                row = _measured_anyhow(name, Path(folder), kinds)
            before = json.loads(place.read_text()) if place.exists() else {}
            place.write_text(json.dumps({**before, **row, "commit": kerashub_page.commit()}, indent=1))
            say(f"{time.monotonic() - begun:5.0f} s {row}")
            rows.append(row)
    return rows


if __name__ == "__main__":
    wanted = tuple(word for word in sys.argv[1:] if word in KINDS)
    measure([word for word in sys.argv[1:] if word not in KINDS] or list(configs()), wanted or KINDS)
    kerashub_page.publish()
