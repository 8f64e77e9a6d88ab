"""Building a model from the hyperparameters that its file holds, once, by the library that the user named; and its graph.

``expansion`` runs in the user's process and opens nothing; ``main`` runs in the confined one, which alone imports the library.
It makes the model without the values of its weights, writes it as a document of plain functional models, makes that again as
Keras will, and says which weight of the one each of the other is.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from configsplit.errors import ConfigSplitError, DocumentError
from configsplit.graph.json import loads, thaw
from configsplit.graph.walking import values_in
from configsplit.runtime.build import refuse_hazards
from configsplit.runtime.confinement.policy import Limits
from configsplit.runtime.expansion.library import import_libraries, is_within, library_classes
from configsplit.runtime.frameworks import Framework, framework
from configsplit.runtime.process import answer, run_module

if TYPE_CHECKING:
    from configsplit.runtime.expansion.graphs import Graph

NO_SIZES: Mapping[str, Sequence[int | None]] = MappingProxyType({})
_CHECKED_BYTES = 256 << 20
"""A model with no more bytes of weights is run, too, beside its graph."""


def expansion(
    document: str,
    libraries: Sequence[str],
    *,
    open_all: bool,
    limits: Limits,
    sizes: Mapping[str, Sequence[int | None]] = NO_SIZES,
) -> dict[str, Any]:
    """The graph of a model whose document holds hyperparameters, built by a library in a process of its own.

    Returns:
        ``document``; ``class``, ``opened``, ``whole``, ``mended``: see `Graph`; ``run``: whether the graph was run beside the
        model; ``arrays``: for each weight its ``address``, ``shape`` and ``dtype``, and under which names Keras
        ``stored`` it, in each order in which its releases did; ``classes``: see `seen_classes`.

    Raises:
        PluginError: the library cannot be imported.
        DocumentError: it is not of that library, cannot be built, or is no functional model.
        VerificationError: memory or time ran out.
        RuntimeUnavailableError: Keras is not installed, or the process cannot be confined.
    """
    job = {"document": thaw(loads(document)), "libraries": list(libraries), "open_all": open_all, "sizes": dict(sizes)}
    refuse_hazards(job["document"], classes=said_to_be_of(job["document"], libraries))
    with tempfile.TemporaryDirectory(prefix="configsplit-expand-") as name:
        return run_module("configsplit.runtime.expansion.worker", job, Path(name), models=[], read=[], limits=limits)


def said_to_be_of(document: Any, libraries: Sequence[str]) -> set[str]:
    """What the document says is of the libraries, as `library_classes` names it: all else is refused before anything is run."""
    named = [(item.get("module"), item.get("class_name")) for item in values_in(document) if isinstance(item, dict)]
    texts = [(module, name) for module, name in named if isinstance(module, str) and isinstance(name, str)]
    return {f"{module}:{name}" for module, name in texts if is_within(module, libraries)}


def main(arguments: Sequence[str]) -> int:
    """Expand what a job has."""
    return answer(arguments, expanded)


def expanded(job: Mapping[str, Any]) -> dict[str, Any]:
    """What `expansion` gives, made in this process, which is to be the confined one."""
    from configsplit.runtime.build import safe_scope, variables
    from configsplit.runtime.expansion.graphs import graph_of, is_functional
    from configsplit.runtime.expansion.made_with import taking_down
    from configsplit.runtime.expansion.seen import seen_classes
    from configsplit.runtime.live.claims import hold_records
    from configsplit.runtime.worker import fill_weights

    import_libraries(job["libraries"])
    works = framework("keras")
    classes = library_classes(job["libraries"], works)
    document = job["document"]
    refuse_hazards(document, classes=classes)
    with safe_scope(works, classes):
        with _without_values(works):
            model = _built(document, works, job["sizes"])
        small = sum(_size(each) for each in variables(model)) <= _CHECKED_BYTES
        with nullcontext() if small else _without_values(works):
            with taking_down(works) as made:
                model = _built(document, works, job["sizes"])
            if not is_functional(model, works):
                raise _own_call(model, document)
            if small:
                fill_weights(model, works, {})
            graph = graph_of(model, works, made, open_all=job["open_all"], values=small)
            again = _built(graph.document, works)
            hold_records(graph.document, again, works, values=small)
            classes_seen = seen_classes([(layer, graph.called[path]) for path, layer in graph.leaves.items()], works)
        arrays = _placed(model, again, graph.leaves, works)
        ran = small and _ran(model, again, graph, works)
    return {
        "document": graph.document,
        "class": type(model).__name__,
        "opened": ["/".join(path) for path in graph.opened],
        "whole": {"/".join(path): why for path, why in graph.whole.items()},
        "mended": {"/".join(path): why for path, why in graph.mended.items()},
        "arrays": arrays,
        "classes": classes_seen,
        "run": ran,
        "keras": works.version,
    }


def _own_call(model: Any, document: Mapping[str, Any]) -> DocumentError:
    return DocumentError(
        f"a {type(model).__name__} computes in code of its own, which no graph holds",
        code="expand-own-call",
        where=str(document.get("class_name")),
        hint="expand the models that it holds, each saved by itself; or cut it live: configsplit.keras.split",
    )


@contextmanager
def _without_values(works: Framework) -> Iterator[None]:
    """Layers that are built in here know the shapes of their weights, and make no values of them."""
    from keras.src.backend.common.stateless_scope import StatelessScope

    with StatelessScope(initialize_variables=False):
        yield


def _built(document: Mapping[str, Any], works: Framework, sizes: Mapping[str, Sequence[int | None]] = NO_SIZES) -> Any:
    from configsplit.runtime.expansion.sizes import fixed_inputs

    try:
        with fixed_inputs(sizes, works):
            return works.module.saving.deserialize_keras_object(json.loads(json.dumps(document)))
    except (ConfigSplitError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - code of others
        raise DocumentError(
            f"the library cannot build it: {type(error).__name__}: {str(error).strip()[-400:]}",
            code="expand-failed",
            where=str(document.get("class_name")),
            hint="the file may need another release of the library; build it with the library alone to see more",
        ) from None


def _placed(model: Any, again: Any, leaves: Mapping[tuple[str, ...], Any], works: Framework) -> list[dict[str, Any]]:
    """Every weight of the graph as Keras makes it again, with the names under which the model's own class keeps it."""
    from configsplit.runtime.build import variables
    from configsplit.runtime.expansion.stored import stored_names
    from configsplit.runtime.live.layers import layer_at

    origin: dict[int, Any] = {}
    for path, layer in leaves.items():
        mine, its = variables(layer_at(again, path)), variables(layer)
        if [_kind(each) for each in mine] != [_kind(each) for each in its]:
            raise _unplaced("/".join(path), f"it comes back with the weights {[_kind(each) for each in mine]}")
        origin.update({id(one): other for one, other in zip(mine, its, strict=True)})
    orders = [stored_names(model, works, attributes_first=older) for older in (False, True)]
    names = [{id(value): name for name, value in order.items()} for order in orders]
    placed = []
    for address, variable in stored_names(again, works).items():
        kept = origin.get(id(variable))
        if kept is None or any(id(kept) not in order for order in names):
            raise _unplaced(address, "it matches no weight of the model for certain")
        shape, dtype = _kind(variable)
        placed.append({"address": address, "shape": shape, "dtype": dtype, "stored": [order[id(kept)] for order in names]})
    return placed


def _kind(variable: Any) -> tuple[list[int], str]:
    return [int(size) for size in variable.shape], str(getattr(variable.dtype, "name", variable.dtype))


def _size(variable: Any) -> int:
    shape, dtype = _kind(variable)
    return math.prod(shape) * (8 if "64" in dtype else 2 if "16" in dtype else 1 if "8" in dtype else 4)


def _unplaced(where: str, why: str) -> DocumentError:
    hint = "please report it, with the configuration"
    return DocumentError(
        f"it is not certain which layer a weight belongs to: {why}", code="expand-unplaced", where=where, hint=hint
    )


def _ran(model: Any, again: Any, graph: Graph, works: Framework) -> bool:
    """Run the model beside its graph, on the same weights; False where nothing was found that the model takes."""
    from configsplit.runtime.live.numbers import differ
    from configsplit.runtime.live.transfer import transfer

    transfer(again, {"/".join(path): layer for path, layer in graph.leaves.items()}, works)
    try:
        difference = differ(again, model, works, text=json.dumps(graph.document))
    except Exception:  # noqa: BLE001 - the graph does not take what the model takes
        difference = True
    if difference:
        raise DocumentError(
            "the graph gives other numbers than the model",
            code="expand-differs",
            where=str(model.name),
            hint="a layer of the library computes something else when it is rebuilt from its config: report it to the library",
        )
    return difference is not None
