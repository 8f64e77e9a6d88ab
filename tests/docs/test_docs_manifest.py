"""docs/manifest.md lists the keys of the manifest: all of them, and no others."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from configsplit.records import manifest
from configsplit.records.record import Record

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "manifest.md").read_text("utf-8")
SECTIONS = {
    "Manifest": {manifest.Manifest},
    "Source": {manifest.SourceFile},
    "Part": {manifest.Part},
    "Tensor": {manifest.Tensor, manifest.WiredTensor, manifest.GivenTensor},
    "From": {manifest.FromInput, manifest.FromPart},
    "Opening": {manifest.Opening},
    "Masked": {manifest.Masked},
    "Casting": {manifest.Casting},
    "Shape": {manifest.Shape},
}


def keys(records: set[type[Record]]) -> set[str]:
    return {field.metadata.get("alias", field.name) for record in records for field in fields(record)}


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_keys(section: str) -> None:
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == keys(SECTIONS[section])


def test_every_record_has_its_section() -> None:
    records = {item for item in vars(manifest).values() if isinstance(item, type) and issubclass(item, Record)}
    assert records - {Record} == set().union(*SECTIONS.values())


def test_the_example_is_a_manifest() -> None:
    example = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    text = example[1].replace('"..."', f'"{"0" * 64}"')
    read = manifest.from_text(text, "docs/manifest.md")
    assert json.loads(manifest.to_text(read)) == json.loads(text)
