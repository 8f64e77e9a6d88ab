"""The published JSON Schemas, generated from the pydantic documents; a test holds the committed files against them.

``python -m configsplit.documents.schemas FOLDER`` writes them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from configsplit.dialects.wire.documents import Keras3Document, LegacyDocument
from configsplit.report.manifest import Manifest

DRAFT = "https://json-schema.org/draft/2020-12/schema"

DOCUMENTS: dict[str, tuple[type[Manifest | LegacyDocument | Keras3Document], str]] = {
    "manifest": (Manifest, "manifest.json of a split"),
    "keras1": (LegacyDocument, "An architecture document of Keras 1 (1.0 to 1.2)"),
    "keras2": (LegacyDocument, "An architecture document of Keras 2 (2.0 to 2.3, tf.keras, tf_keras)"),
    "keras3": (Keras3Document, "An architecture document of Keras 3"),
}
"""Name of each schema -> its pydantic document and title."""


def schema(name: str) -> dict[str, Any]:
    """One JSON Schema (draft 2020-12)."""
    document, title = DOCUMENTS[name]
    made = document.model_json_schema(by_alias=True)
    return {"$schema": DRAFT, "$id": f"configsplit:{name}", **made, "title": title}


def text(name: str) -> str:
    """The schema as its file holds it."""
    return json.dumps(schema(name), indent=2, sort_keys=True) + "\n"


def main(folder: Path) -> None:
    """Write all schemas into a folder."""
    for name in DOCUMENTS:
        (folder / f"{name}.schema.json").write_text(text(name), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
