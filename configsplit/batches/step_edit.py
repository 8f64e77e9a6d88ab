"""Steps that write one file: the verbs of surgery, `join`, `convert` and `weights`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from configsplit.batches.step import Bench, Facts
from configsplit.errors import ConversionError
from configsplit.models.document import Document
from configsplit.verbs import asked
from configsplit.verbs.asked import edit
from configsplit.verbs.table import record

if TYPE_CHECKING:
    from configsplit.models.results import Edited
    from configsplit.runtime.converted import ConvertedReport


def edit_step(step: Mapping[str, Any], bench: Bench) -> Facts:
    document = bench.source(step)
    return _save(edit(record(step["verb"]), document, step["options"], bench.plugins), document, step, bench)


def _save(edited: Edited, document: Document, step: Mapping[str, Any], bench: Bench) -> Facts:
    if bench.dry:
        return {"layers": len(edited.model.layers)}
    options = step["options"]
    place = bench.file(step, _suffix(document, options))
    saved = edited.save(
        place,
        format=options["format"],
        weights=options["with_weights"],
        verify="none" if bench.verify == "none" else "proof",
    )
    bench.made[step["name"]] = place
    bench.written(place.parent, saved.record.result)
    files = [path for path in (saved.path, saved.weights) if path is not None]
    return {
        "file": saved.path.name,
        "layers": saved.layers,
        "bytes": sum(path.stat().st_size for path in files),
        "proof": None if bench.verify == "none" else {"weights": saved.compared or 0, "bytes": saved.bytes},
        "warnings": list(saved.record.warnings),
    }


def _suffix(document: Document, options: Mapping[str, Any]) -> str:
    if options["format"] or not options["with_weights"]:
        return str(options["format"] or "json")
    with document.opened() as source:
        return "json" if source.weights is None else source.written_as


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
    """Bring the model to today's Keras 3, or where else it is to go, and note what was done to it."""
    from configsplit.saving.conversion import refused

    document, options = bench.source(step), step["options"]
    made = asked.converted(document, options)
    if made.refusals:
        raise refused(made)
    whole = options["with_weights"] and (document.kind != "json" or document.weights is not None)
    format_ = "json" if not whole else "h5" if options["to"] == "keras2" else "keras"
    if made.changes_nothing and document.kind == format_:
        raise ConversionError(
            "this is a Keras 3 model already, and Keras 3.15 reads it unchanged",
            code="convert-keras3",
            where=str(document.path),
            hint="there is nothing to do",
        )
    told: Facts = {
        "notes": [note.as_json() for note in made.notes],
        "needs": made.needs,
        "absent": ["/".join(each.path) for each in made.absent],
    }
    if bench.dry:
        return told
    place = bench.file(step, format_)
    place = place.with_suffix("") if made.to == "tfjs" else place
    saved = made.save(
        place,
        weights=options["with_weights"],
        verify=bench.verify,  # type: ignore[arg-type]
        custom_objects=bench.plugins,
        limits=asked.limits_of(options) if bench.verify == "numeric" else None,
    )
    bench.made[step["name"]] = saved.path
    counts = {"layers": saved.layers, "weights": saved.weights, "relaid": saved.relaid}
    proof = None if saved.compared is None else {"weights": saved.compared}
    numeric = None if saved.numeric is None else _converted_facts(saved.numeric)
    return {"file": saved.path.name, "bytes": saved.path.stat().st_size, **counts, **told, "proof": proof, "numeric": numeric}


def weights_step(step: Mapping[str, Any], bench: Bench) -> Facts:
    """Write the weights of the model under names that stay. Raises ConfigSplitError as `weights` does."""
    from configsplit.verbs.weights import weights

    document, place = bench.source(step), bench.folder / step["name"] / f"{bench.path.stem}.{step['options']['format']}"
    if bench.dry:
        return {}
    place.parent.mkdir(parents=True, exist_ok=True)
    saved = weights(document).save(place)
    bench.digests[place] = saved.sha256
    return {"file": place.name, "bytes": saved.bytes, "weights": len(saved.names)}


def _converted_facts(report: ConvertedReport) -> Facts:
    """What both models computed, without how long it took."""
    return {
        "frameworks": list(report.frameworks),
        "samples": report.samples,
        "identical": report.identical,
        "difference": report.difference,
        "unexercised": list(report.unexercised),
    }
