"""The JSON Schema of recipes, generated from the pydantic document; a test holds the committed file against it.

``python -m configsplit.zoo.schema FOLDER`` writes it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from configsplit.documents.schemas import DRAFT
from configsplit.zoo.recipe import Recipe

NAME = "recipe"


def text() -> str:
    """The schema as its file holds it."""
    made = Recipe.model_json_schema(by_alias=True)
    whole = {"$schema": DRAFT, "$id": f"configsplit:{NAME}", **made, "title": "A recipe of configsplit batch"}
    return json.dumps(whole, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1], f"{NAME}.schema.json").write_text(text(), "utf-8")
