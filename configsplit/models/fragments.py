"""What is put into a model: a model file, or the config of a single layer in a .json file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

from configsplit.catalog.facts import UNDECLARED
from configsplit.catalog.table import class_facts
from configsplit.containers.addresses import snake_case
from configsplit.containers.source import open_source
from configsplit.dialects import Detection
from configsplit.dialects.detect import signs
from configsplit.dialects.envelope import model_kind
from configsplit.dialects.parse import chain_calls
from configsplit.errors import CutError, DocumentError, Json, closest
from configsplit.graph.json import FrozenDict, dumps, freeze, loads
from configsplit.graph.model import INPUT, Layer, Model, TensorRef
from configsplit.inference import BUILT_IN
from configsplit.models.document import Document, Match, load
from configsplit.models.made import Made


def load_fragment(
    path: str | Path,
    host: Document,
    *,
    weights: str | Path | None = None,
    custom_objects: Iterable[str | Path] = (),
    by_name: bool = False,
    match: Match = "name",
    dequantize: bool = False,
) -> Document:
    """Read what is to be put into ``host``.

    Raises:
        StoreError, DocumentError: as `load` does.
        CutError: it was written by another generation of Keras.
    """
    with open_source(path) as source:
        entry = loads(source.config_text) if source.kind == "json" else None
    if isinstance(entry, FrozenDict) and _is_layer(entry):
        return one_layer(entry, Path(path), host)
    fragment = load(path, weights=weights, custom_objects=custom_objects, by_name=by_name, match=match, dequantize=dequantize)
    check_dialect(fragment, host)
    return fragment


def layer_of_config(config: Mapping[str, Json], host: Document) -> Made:
    """A single layer, given by its config in memory.

    Args:
        config: ``{"class_name": ..., "config": ...}``, as Keras writes a layer.
        host: the model that it goes into.

    Raises:
        DocumentError: it is no layer's config, or that of an InputLayer.
        CutError: it was written by another generation of Keras.
    """
    entry = freeze(dict(config))
    if not _is_layer(entry):
        raise DocumentError(
            "the donor is a dict, but not the config of a layer",
            code="fragment-invalid",
            where="donor",
            hint='give {"class_name": ..., "config": {...}}; a whole model is given as a file',
        )
    made = one_layer(entry, Path(str(entry["class_name"])), host)
    own = {each.name: getattr(made, each.name) for each in fields(made)}
    return GivenLayer(**own, result=None, write=partial(_write, entry))


class GivenLayer(Made):
    """A layer whose config was given in memory; where somebody needs it as a file, it is what a user would have written."""

    @contextmanager
    def stored(self, folder: Path, name: str, home: Path) -> Iterator[Document]:
        path, _ = self.write(folder, name, home=home, verify=True)
        with open_source(path) as source:
            yield replace(self, path=home / path.name, source=source)


def _write(entry: FrozenDict, folder: Path, name: str, *, home: Path, verify: bool) -> tuple[Path, Path | None]:
    path = folder / f"{name}.json"
    path.write_text(dumps(entry), "utf-8")
    return path, None


def _is_layer(entry: FrozenDict) -> bool:
    plain = {"class_name", "config"} <= entry.keys() and "keras_version" not in entry
    return plain and isinstance(entry["config"], FrozenDict) and model_kind(entry) is None


def check_dialect(fragment: Document, host: Document) -> None:
    """Raises CutError if the two documents are of different generations of Keras."""
    if fragment.dialect != host.dialect:
        raise _other_dialect(fragment.path, fragment.detection.dialect.title, host)


def _other_dialect(path: Path, title: str, host: Document) -> CutError:
    return CutError(
        f"{path.name} is of {title}, {host.path.name} of {host.detection.dialect.title}: one file cannot hold both",
        code="surgery-dialect",
        where=str(path),
        hint="bring both to one generation first: configsplit convert",
    )


def one_layer(entry: FrozenDict, path: Path, host: Document) -> Document:
    """A single layer, given by its config, as a Sequential of one.

    Raises:
        DocumentError: it is an InputLayer.
        CutError: it was written by another generation of Keras.
    """
    for sign in signs(entry):
        if host.dialect not in sign.dialects:
            raise _other_dialect(path, f"{' or '.join(sorted(sign.dialects))} ({sign.what})", host)
    class_name = str(entry["class_name"])
    if class_name == INPUT:
        raise DocumentError(
            f"an {INPUT} cannot be a fragment",
            code="fragment-invalid",
            where=str(path),
            hint="give a layer that computes something, or a model",
        )
    _check_known(class_name, entry, path, host)
    name = str(entry.get("name") or entry["config"].get("name") or snake_case(class_name))
    made = _in_style(entry.without("inbound_nodes", "build_config"), host) | {"config": entry["config"] | {"name": name}}
    chain = [
        Layer(name=f"{name}_input", class_name=INPUT, implicit=True),
        Layer(name=name, class_name=class_name, entry=made | {"name": name, "inbound_nodes": None}),
    ]
    model = Model(
        name=name,
        kind="sequential",
        layers=chain_calls(chain),
        inputs=TensorRef(f"{name}_input"),
        outputs=TensorRef(name),
        dialect=host.dialect,
    )
    detection = Detection(host.detection.dialect, ())
    return Document(model=model, detection=detection, path=path, kind="json", registry=host.registry)


def _check_known(class_name: str, entry: FrozenDict, path: Path, host: Document) -> None:
    """Raises CutError where nobody has declared the class, of which nothing is known then: neither weights nor shapes."""
    layer = Layer(name=class_name, class_name=class_name, entry=entry)
    if host.infer().table.of(layer, host.dialect) is None:
        near = closest(class_name, sorted({*BUILT_IN, *host.facts}))
        hint = f"did you mean {', '.join(map(repr, near))}? " if near else ""
        raise CutError(
            f"no plug-in declares the class {class_name!r}, and Keras has none of that name: its outputs are unknown",
            code="fragment-unknown-class",
            where=str(path),
            hint=f"{hint}A class of your own is declared in a plug-in: --custom-objects FILE.py",
        )


def _in_style(entry: FrozenDict, host: Document) -> FrozenDict:
    """The entry as the host's document spells its own: with or without the module of the class."""
    modern = any("module" in layer.entry for layer in host.model.layers)
    if not modern:
        return entry.without("module", "registered_name")
    if "module" in entry:
        return entry
    class_name = str(entry["class_name"])
    built_in = class_facts(class_name) is not UNDECLARED
    module = {"module": "keras.layers" if built_in else None, "registered_name": None if built_in else class_name}
    return FrozenDict({**module, **entry})
