"""Hand-made split directories: the halves are written by Keras itself, the manifest by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def name_of(dtype: Any) -> str:
    return str(getattr(dtype, "name", dtype))


def spec(symbol: Any, name: str = "", **more: Any) -> dict[str, Any]:
    """One entry of a manifest for a live symbolic tensor."""
    return {"name": name or symbol.name, "shape": list(symbol.shape), "dtype": name_of(symbol.dtype), **more}


class Split:
    """A directory with a source, parts and a manifest that grows part by part."""

    def __init__(self, folder: Path, dialect: str, suffix: str = ".keras") -> None:
        self.folder = folder
        self.suffix = suffix
        self.source = folder / f"whole{suffix}"
        self.manifest: dict[str, Any] = {
            "manifest_version": 1,
            "source": {"file": self.source.name, "dialect": dialect},
            "inputs": [],
            "outputs": [],
            "parts": [],
        }

    def whole(self, model: Any, sources: list[dict[str, int]]) -> Split:
        self._write(model, self.source)
        self.manifest["inputs"] = [spec(tensor) for tensor in model.inputs]
        pairs = zip(model.outputs, sources, strict=True)
        self.manifest["outputs"] = [spec(tensor, f"out{i}", **{"from": source}) for i, (tensor, source) in enumerate(pairs)]
        return self

    def part(self, model: Any, sources: list[dict[str, int]], tensors: list[str] | None = None, **more: Any) -> Split:
        file = f"part-{len(self.manifest['parts'])}{self.suffix}"
        self._write(model, self.folder / file)
        inputs = [spec(tensor, **{"from": source}) for tensor, source in zip(model.inputs, sources, strict=True)]
        names = tensors or [""] * len(model.outputs)
        outputs = [spec(tensor, tensor=name) for tensor, name in zip(model.outputs, names, strict=True)]
        self.manifest["parts"].append({"file": file, "inputs": inputs, "outputs": outputs, **more})
        return self

    def _write(self, model: Any, path: Path) -> None:
        if self.suffix == ".json":
            path.write_text(model.to_json())
        else:
            model.save(path)
