"""A file that is about to be run, read by configsplit's own guarded reader first: Keras opens nothing that this refuses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configsplit.containers.container import READ_BY_KERAS
from configsplit.containers.source import Source, open_source
from configsplit.dialects.envelope import unwrapped
from configsplit.errors import DocumentError, StoreError
from configsplit.graph.json import freeze, loads, thaw

_WORDS_EACH = 20
_VOCABULARY_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What is known of a file before any framework sees it.

    ``where`` is its path, ``text`` its architecture as it stands there, ``kind`` "json", "keras", "h5" or "dir"; ``words`` are
    some that its vocabulary files hold, ``layout`` is that of its weights ("legacy", "tf213", "v3"; empty without weights).
    """

    text: str
    kind: str
    words: tuple[str, ...] = ()
    where: str = ""
    layout: str = ""

    def document(self) -> Any:
        """The architecture that a framework gets to see, as plain, fresh JSON (lists and dicts): of a text without what people
        have put around it, of other files, which it opens by itself, as it stands there.

        Raises:
            DocumentError: the text is not JSON, has a key twice, nests too deep, or holds no architecture.
        """
        try:
            value = loads(self.text)  # refuses what json.loads would let through: doubled keys, endless nesting
            return thaw(unwrapped(value)[0] if self.kind == "json" else value)
        except DocumentError as error:
            raise error.within(self.where) from None


def examine(path: Path, weights: Path | None = None) -> Examined:
    """Read a model file's architecture, and check its weights' index: links, external storage, sizes."""
    with open_source(path, weights) as source:
        if source.kind not in READ_BY_KERAS or source.is_packed:
            raise StoreError(
                f"no Keras reads a model of the kind {source.kind!r} as data",
                code="runtime-kind",
                where=str(path),
                hint="write it in a format that Keras reads: `configsplit extract MODEL --to OUTPUT --out whole.h5`",
            )
        file = source.weights  # walks the whole HDF5 index, and refuses what leads out of the file
        layout = "" if file is None else file.layout.kind
        words = tuple(_vocabulary(source))
        return Examined(text=source.config_text, kind=source.kind, words=words, where=str(path), layout=layout)


def _vocabulary(source: Source) -> list[str]:
    names = [name for name in source.assets if name.endswith("vocabulary.txt") and source.asset_size(name) <= _VOCABULARY_LIMIT]
    texts = [b"".join(source.asset(name)).decode("utf-8", "replace") for name in names]
    return [word for text in texts for word in text.splitlines()[:_WORDS_EACH]]


def buildable(document: Any) -> str:
    """A document as today's readers should get it.

    What ``compile()`` would use at the top is left out: Keras 3 compiles what it reads from JSON, and nothing here trains. And
    every Sequential has its layer's name: Keras 2.0 to 2.2 wrote one within a model as a bare list of layers, which today's
    reader calls by a name of its own. In a Sequential its entry has no name either; it is called there as everywhere here.
    """
    if isinstance(document, dict):
        document = {key: value for key, value in document.items() if key not in ("compile_config", "training_config")}
    todo: list[Any] = [document]
    while todo:
        item = todo.pop()
        todo += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        bare = isinstance(item, dict) and item.get("class_name") == "Sequential" and isinstance(item.get("config"), list)
        if bare and item.get("name"):  # tf_keras takes a config without a name for the bare list
            item["config"] = {"layers": item["config"], "name": item["name"]}
        if isinstance(item, dict) and item.get("class_name") == "Sequential":
            _name_bare_lists(item["config"])
    return json.dumps(document)


def _name_bare_lists(config: Any) -> None:
    from configsplit.dialects.parse import sequential_names

    items = config.get("layers") if isinstance(config, dict) else config
    if not isinstance(items, list) or not all(
        isinstance(each, dict) and {"class_name", "config"} <= each.keys() for each in items
    ):
        return
    if not any(isinstance(each["config"], list) for each in items):
        return
    for each, name in zip(items, sequential_names(tuple(freeze(items))), strict=True):
        if isinstance(each["config"], list) and not each.get("name"):
            each["config"] = {"layers": each["config"], "name": name}
