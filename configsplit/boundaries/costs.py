"""What every call of a model costs: multiply-accumulates, parameters, bytes of weights, milliseconds."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite, prod
from pathlib import Path
from typing import Any

from configsplit.catalog.facts import WeightSpec
from configsplit.cutting.pipeline.units import Measure
from configsplit.errors import CutError, StoreError, nearest
from configsplit.graph.calls import CallGraph
from configsplit.graph.model import CallRef, Layer, Model, TensorRef, TensorSpec, Use, walk
from configsplit.inference import Inference, counted, operations_of, weights_of
from configsplit.models.document import Document
from configsplit.records.yaml_text import YamlError, yaml_values
from configsplit.rewrites.split import ITEM_SIZE, UNKNOWN, bytes_per_sample


@dataclass(frozen=True)
class Costs:
    """Costs of the calls of one graph, of one sample.

    A layer's weights are paid for once by each part that calls it. A nested model counts as one call with all that is in it.
    ``open_size`` stands for sizes that are not known: `configsplit.boundaries.pricing` tells what does not depend on them.
    ``stored`` are the weights, as a file has them, of layers whose class does not tell them.
    """

    graph: CallGraph
    inference: Inference
    avoid: frozenset[TensorRef] = frozenset()
    open_size: int = 1
    stored: Mapping[str, Sequence[WeightSpec]] = field(default_factory=dict)

    def price(self, ref: TensorRef) -> int:
        """Bytes per sample of a tensor; of those that must not cross, more than all others together."""
        return UNKNOWN if ref in self.avoid else bytes_per_sample(self.inference.specs.get(ref, TensorSpec()), self.open_size)

    @cached_property
    def macs(self) -> Measure:
        """Multiply-accumulate operations; what nobody has declared counts as 0 and is named in ``uncounted``."""
        layers, nested = self.inference.model.by_name(), dict[int, int]()
        own = []
        for call in self.graph.calls:
            inner = self.inference.inner.get(call)
            if inner is None:
                own.append(operations_of(self.inference, layers[call.layer], call.call) or 0)
            else:
                if id(inner) not in nested:
                    nested[id(inner)] = counted(inner).operations
                own.append(nested[id(inner)])
        return Measure(own)

    @cached_property
    def parameters(self) -> Measure:
        """Numbers in weights, trainable or not."""
        return self._by_layer({name: sum(map(_size, weights)) for name, weights in self._weights.items()})

    @cached_property
    def weights(self) -> Measure:
        """Bytes of weights."""
        return self._by_layer(
            {name: sum(_size(spec) * ITEM_SIZE.get(spec.dtype, 4) for spec in specs) for name, specs in self._weights.items()}
        )

    @cached_property
    def uncounted(self) -> tuple[str, ...]:
        """Layers of which nobody can tell weights or operations."""
        return counted(self.inference).unknown

    @cached_property
    def unweighed(self) -> tuple[str, ...]:
        """Those of them whose weights not even the file tells."""
        return tuple(name for name in self.uncounted if not any(f"{name}/".startswith(f"{known}/") for known in self.stored))

    @cached_property
    def undeclared(self) -> tuple[str, ...]:
        """Those of them whose class nobody has declared; of the others a shape is unknown, or what is in a wrapper."""
        layers = {"/".join(path): layer for path, layer in walk(self.inference.model)}
        return tuple(name for name in self.uncounted if name in layers and self.inference.facts(layers[name]) is None)

    def milliseconds(
        self, profile: Mapping[str, float], names: Mapping[CallRef, Sequence[str]], known: Collection[str]
    ) -> Measure:
        """Measured times in whole nanoseconds. ``names`` are those under which the profile may have the time of a call; one
        without names is what Keras does in passing, and counts as nothing. ``known`` are all layers that may be measured.
        """
        for key in profile:
            if key not in known and key.rpartition("@")[0] not in known:
                raise CutError(
                    f"the profile has a time for {key!r}, and the model has no such layer",
                    code="profile-unknown-layer",
                    where=key,
                    hint=nearest(key, known),
                )
        own, missing = [], []
        for call, is_input in zip(self.graph.calls, self.graph.is_input, strict=True):
            time = next((profile[name] for name in names.get(call, ()) if name in profile), None)
            if time is None and not is_input and call in names:
                missing.append(names[call][-1])
            own.append(round((time or 0) * 1e6))
        if missing:
            raise CutError(
                f"the profile has no time for {len(missing)} layer calls, among them {', '.join(map(repr, missing[:3]))}",
                code="profile-missing-layer",
                where=missing[0],
                hint="`configsplit profile` measures every layer; give 0 to layers that do nothing",
            )
        return Measure(own)

    @cached_property
    def _weights(self) -> dict[str, list[WeightSpec]]:
        told = self.stored
        return {
            layer.name: list(told[layer.name]) if layer.name in told else _weights_of(self.inference, layer)
            for layer in self.inference.model.layers
        }

    def _by_layer(self, amounts: Mapping[str, int]) -> Measure:
        """A measure out of one amount for each layer."""
        own, calls = [0] * len(self.graph.calls), dict[str, list[int]]()
        for number, call in enumerate(self.graph.calls):
            calls.setdefault(call.layer, []).append(number)
        shared = []
        for name, amount in amounts.items():
            numbers = calls.get(name, [])
            if len(numbers) == 1:
                own[numbers[0]] = amount
            elif numbers and amount:
                shared.append((amount, tuple(numbers)))
        return Measure(own, tuple(shared))


def sized(
    document: Document,
    model: Model,
    given: Mapping[TensorRef, TensorSpec],
    known: Inference | None = None,
    kept: Collection[str] = (),
) -> Inference:
    """What costs are counted on: as inferred, but where the shape of an input is given (an image's size, a sequence's length),
    it holds for everything behind it, whatever the document recorded there; but of what the layers give that are ``kept``."""
    if not any(ref in given for ref in model.input_refs()):
        return known or document.infer(given, model)

    def forget(use: Use) -> Use:
        return use if use.ref.layer in kept else replace(use, recorded=None)

    layers = (replace(layer, calls=tuple(node.map_uses(forget) for node in layer.calls)) for layer in model.layers)
    return document.infer(given, model.with_layers(tuple(layers)))


def _size(spec: WeightSpec) -> int:
    return prod(size for size in spec.shape if size is not None)


def _weights_of(inference: Inference, layer: Layer) -> list[WeightSpec]:
    """All weights of a layer, those inside a nested model included, each layer in there once."""
    specs: list[WeightSpec] = []
    seen: set[int] = set()
    todo = [(inference, layer)]
    while todo:
        current, each = todo.pop()
        if each.model is None:
            specs += weights_of(current, each) or ()
        elif id(each.model) not in seen:
            seen.add(id(each.model))
            calls = [inner for ref, inner in current.inner.items() if ref.layer == each.name]
            todo += [(calls[0], inside) for inside in each.model.layers] if calls else []
    return specs


# ---------------------------------------------------------------- files that people write


def read_table(path: str | Path, what: str) -> Any:
    """A JSON file, or a YAML file where PyYAML is installed, as plain values."""
    place = Path(path)
    try:
        text = place.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"the {what} cannot be read: {error}", code="table-unreadable", where=str(place)) from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if place.suffix not in (".yaml", ".yml"):
            raise StoreError(f"the {what} is not JSON: {error}", code="table-syntax", where=str(place)) from None
    return _yaml(text, place, what)


def _yaml(text: str, place: Path, what: str) -> Any:
    try:
        return yaml_values(text)
    except ImportError:
        raise StoreError(
            f"the {what} is YAML, and PyYAML is not installed",
            code="table-needs-yaml",
            where=str(place),
            hint="pip install pyyaml, or write the same as JSON",
        ) from None
    except YamlError as error:
        raise StoreError(f"the {what} is neither JSON nor YAML: {error}", code="table-syntax", where=str(place)) from None


def read_profile(path: str | Path) -> dict[str, float]:
    """A profile: one object, ``layer: milliseconds``."""
    table = read_table(path, "profile")
    if not isinstance(table, dict) or not all(isinstance(key, str) and is_number(value) for key, value in table.items()):
        raise StoreError(
            "a profile is one object with milliseconds for each layer, none below 0",
            code="profile-syntax",
            where=str(path),
            hint='{"conv1": 3.2, "conv2": 1.7}',
        )
    return {key: float(value) for key, value in table.items()}


_AMOUNT = re.compile(r"(?P<number>\d+(\.\d*)?([eE][+-]?\d+)?)\s*(?P<prefix>[kKMGT]?)(?P<binary>i?)(B|bytes)?(/s)?")
_PREFIX = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


def read_amount(value: Any) -> float | None:
    """A number above 0, also as text: ``1e6`` (which YAML 1.1 takes for text), ``200k``, ``1.5MB``, ``2GiB``. Else None."""
    if is_number(value):
        return float(value) or None
    match = _AMOUNT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    return float(match["number"]) * float((1024 if match["binary"] else 1000) ** _PREFIX[match["prefix"]]) or None


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, not below 0."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and value >= 0
