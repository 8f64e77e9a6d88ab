"""Options as the command line and recipes have them, handed on to the verbs that both call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configsplit.models.document import Document
from configsplit.models.fragments import load_fragment
from configsplit.models.results import Edited
from configsplit.verbs.table import function
from configsplit.verbs.table.verb import Verb

if TYPE_CHECKING:
    from configsplit.models.results import Parts
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.saving.conversion import Converted
    from configsplit.verbs.planned import Plan


Options = Mapping[str, Any]
"""Values by the keywords of `Option`."""

_SIZES = ("shapes", "opened", "sizes", "fix_size", "boundary_dtype")
_PLAN = ("profile", "max_boundary_bytes", "max_stage_bytes", "whole_nested")
_CONVERT = ("to", "target", "lambdas", "read_lambda", "shapes", "backend", "missing_weights")


def cut(document: Document, at: Iterable[str], options: Options) -> Parts:
    """What `split` gives."""
    from configsplit.verbs.split import split

    return split(document, at, boundary=options["boundary"], **_named(_SIZES, options))


def planned(document: Document, stages: int, balance: str | None, options: Options) -> Plan:
    """What `plan` gives; balanced by times if some were measured, and nothing else is said. Slack is said in percent."""
    from configsplit.verbs.plan import plan

    by: Any = balance or ("latency" if options["profile"] else "macs")
    devices, slack = options["devices"] or (), (options["slack"] or 0) / 100
    return plan(document, stages, balance=by, devices=devices, slack=slack, **_named((*_SIZES, *_PLAN), options))


def converted(document: Document, options: Options) -> Converted:
    """What `convert` gives."""
    from configsplit.verbs.convert import convert

    return convert(document, **_named(_CONVERT, options))


def limits_of(options: Options) -> Limits:
    """What Keras may take."""
    from configsplit.runtime.confinement.policy import Limits

    return Limits.of(options["timeout"], options["memory"], options["unconfined"])


def _named(names: Iterable[str], options: Options) -> dict[str, Any]:
    return {name: options[name] for name in names}


# A verb of surgery carried out by its record: the same for the command line and for recipes.


def edit(verb: Verb, document: Document, given: Mapping[str, Any], custom_objects: Iterable[str | Path]) -> Edited:
    """What the verb makes of a document. ``given`` has its options by their keywords, those of others too. Raises
    what the verb's function does.
    """
    donors = []
    if "donor" in given:
        weights = given["donor_weights"]
        donors.append(load_fragment(given["donor"], document, weights=weights, custom_objects=custom_objects))
    made: Edited = function(verb.name)(document, *donors, **verb.of_function(given))
    return made
