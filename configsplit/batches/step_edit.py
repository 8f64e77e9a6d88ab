"""Steps that write one file: the verbs of surgery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from configsplit.batches.step import Bench, Facts
from configsplit.models.document import Document

if TYPE_CHECKING:
    from configsplit.models.results import Edited


def edit_step(step: Mapping[str, Any], bench: Bench) -> Facts:
    document, options = bench.source(step), step["options"]
    edited = EDITS[step["verb"]](document, options, bench)
    return _save(edited, document, step, bench)


def _save(edited: Edited, document: Document, step: Mapping[str, Any], bench: Bench) -> Facts:
    if bench.dry:
        return {"layers": len(edited.model.layers)}
    options = step["options"]
    place = bench.folder / step["name"] / f"{bench.path.stem}.{_suffix(document, options)}"
    place.parent.mkdir(parents=True, exist_ok=True)
    verify = "none" if bench.verify == "none" else "proof"
    saved = edited.save(place, format=options["format"], weights=options["weights"], verify=verify)
    bench.made[step["name"]] = place
    bench.written(place.parent, saved.record.result)
    files = [path for path in (saved.path, saved.weights) if path is not None]
    return {
        "file": saved.path.name,
        "layers": saved.layers,
        "bytes": sum(path.stat().st_size for path in files),
        "proof": None if verify == "none" else {"weights": saved.compared or 0, "bytes": saved.bytes},
        "warnings": list(edited.warnings),
    }


def _suffix(document: Document, options: Mapping[str, Any]) -> str:
    if options["format"] or not options["weights"]:
        return str(options["format"] or "json")
    return {"json": "json", "h5": "h5"}.get(document.kind, "keras")


def _extract(document: Document, options: Mapping[str, Any], _: Bench) -> Edited:
    from configsplit.verbs.surgery import extract

    return extract(document, from_=options["from_"], to=options["to"], shapes=options["shape"])


def _insert(document: Document, options: Mapping[str, Any], bench: Bench) -> Edited:
    from configsplit.verbs.surgery import insert

    return insert(document, _donor(document, options, bench), after=options["after"], before=options["before"])


def _replace(document: Document, options: Mapping[str, Any], bench: Bench) -> Edited:
    from configsplit.verbs.surgery import replace

    return replace(document, _donor(document, options, bench), from_=options["from_"], to=options["to"])


def _donor(document: Document, options: Mapping[str, Any], bench: Bench) -> Document:
    from configsplit.models.fragments import load_fragment

    return load_fragment(options["model"], document, weights=options["donor_weights"], custom_objects=bench.plugins)


def _remove(document: Document, options: Mapping[str, Any], _: Bench) -> Edited:
    from configsplit.verbs.surgery import remove

    return remove(document, options["layer"])


def _rename(document: Document, options: Mapping[str, Any], _: Bench) -> Edited:
    from configsplit.verbs.marking import rename

    return rename(document, options["names"])


def _freeze(document: Document, options: Mapping[str, Any], _: Bench) -> Edited:
    from configsplit.verbs.marking import freeze

    given = {key: options[key] for key in ("before", "after", "layer", "unfreeze")}
    return freeze(document, **given)


EDITS: dict[str, Callable[[Document, Mapping[str, Any], Bench], Edited]] = {
    "extract": _extract,
    "insert": _insert,
    "replace": _replace,
    "remove": _remove,
    "rename": _rename,
    "freeze": _freeze,
}


def join_step(step: Mapping[str, Any], bench: Bench) -> Facts:
    from configsplit.verbs.join import join

    options = step["options"]
    if options["models"]:
        document = bench.source(step)
        edited = join(document, *options["models"], by=options["by"], custom_objects=bench.plugins)
        return _save(edited, document, step, bench)
    if bench.dry:
        return {}
    return _save(join(bench.parts(step), custom_objects=bench.plugins), bench.document, step, bench)


def convert_step(step: Mapping[str, Any], bench: Bench) -> Facts:
    """Bring the model to Keras 3, and note what was done to it.

    Raises:
        ConfigSplitError: as `convert` does; something in it cannot be converted.
    """
    from configsplit.verbs.convert import convert, refused

    document, options = bench.source(step), step["options"]
    made = convert(document, lambdas=options["lambdas"], shapes=options["shape"], backend=options["backend"])
    if made.refusals:
        raise refused(made)
    told = {"notes": [note.as_json() for note in made.notes]}
    if bench.dry:
        return told
    whole = options["weights"] and (document.kind != "json" or document.weights is not None)
    place = bench.folder / step["name"] / f"{bench.path.stem}.{'keras' if whole else 'json'}"
    place.parent.mkdir(parents=True, exist_ok=True)
    saved = made.save(place, weights=options["weights"])
    bench.made[step["name"]] = place
    counts = {"layers": saved.layers, "weights": saved.weights, "relaid": saved.relaid}
    return {"file": place.name, "bytes": place.stat().st_size, **counts, **told}
