"""A verb of surgery carried out by its record: the same for the command line and for recipes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from configsplit.models.document import Document
from configsplit.models.fragments import load_fragment
from configsplit.models.results import Edited
from configsplit.verbs.table import function
from configsplit.verbs.table.verb import Verb


def edit(verb: Verb, document: Document, given: Mapping[str, Any], custom_objects: Iterable[str | Path]) -> Edited:
    """What the verb makes of a document. ``given`` has its options by their keywords, those of others too.

    Raises:
        ConfigSplitError: as the verb's function does.
    """
    donors = []
    if "donor" in given:
        weights = given["donor_weights"]
        donors.append(load_fragment(given["donor"], document, weights=weights, custom_objects=custom_objects))
    made: Edited = function(verb.name)(document, *donors, **verb.of_function(given))
    return made
