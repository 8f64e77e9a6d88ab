"""The published JSON Schemas, generated from the pydantic documents; a test holds the committed files against them.

``python -m configsplit.verbs.schemas FOLDER`` writes them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from configsplit.dialects.schema import architectures, layers
from configsplit.dialects.schema.cases import definitions, documents_of
from configsplit.graph.walking import reached, values_in
from configsplit.records.manifest import Manifest
from configsplit.records.plugins import Declarations
from configsplit.records.provenance import ProvenanceRecord

DRAFT = "https://json-schema.org/draft/2020-12/schema"

DOCUMENTS: dict[str, tuple[type[Any], str]] = {
    "manifest": (Manifest, "manifest.json of a split"),
    "provenance": (ProvenanceRecord, "The record beside a file that surgery has made"),
    "plugins": (Declarations, "The output of configsplit plugins --json: declarations of custom objects"),
    "keras1": (architectures.Keras1Document, "An architecture document of Keras 1 (1.0 to 1.2)"),
    "keras2": (architectures.Keras2Document, "An architecture document of Keras 2 (2.0 to 2.3, tf.keras, tf_keras)"),
    "keras3": (architectures.Keras3Document, "An architecture document of Keras 3"),
}
"""Name of each schema -> its pydantic document and title."""


def schema(name: str) -> dict[str, Any]:
    """One JSON Schema (draft 2020-12)."""
    document, title = DOCUMENTS[name]
    made = definitions(list({document, *documents_of(architectures, layers)}))
    for each in made.values():
        for key in each.get("properties", {}).values():
            if key.get("default", "") is None:
                del key["default"]  # a key that may be left out says so by not being required
    top = document.__name__
    needed = {*reached(_named_in(made[top]), lambda name: _named_in(made[name]))}
    frame = {"$schema": DRAFT, "$id": f"configsplit:{name}", **made[top], "title": title}
    return frame | {"$defs": {key: made[key] for key in sorted(needed - {top})}}


def _named_in(definition: Any) -> list[str]:
    """The definitions that one of them names."""
    references = (item.get("$ref") for item in values_in(definition) if isinstance(item, dict))
    return [each.removeprefix("#/$defs/") for each in references if each]


def text(name: str) -> str:
    """The schema as its file holds it."""
    return json.dumps(schema(name), indent=2, sort_keys=True) + "\n"


def main(folder: Path) -> None:
    """Write all schemas into a folder."""
    for name in DOCUMENTS:
        (folder / f"{name}.schema.json").write_text(text(name), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
