"""`verify` for live models: the parts of a live split against the model that they were cut from, as both are now."""

from __future__ import annotations

from dataclasses import dataclass

from configsplit.display.html import box, title
from configsplit.errors import OptionError, VerificationError
from configsplit.keras.split import LiveParts, homes
from configsplit.runtime.arrays import greatest_difference, same_bits
from configsplit.runtime.build import variables
from configsplit.runtime.live.layers import layer_at
from configsplit.runtime.live.numbers import Batch, outputs, taken_by
from configsplit.runtime.live.signature import call_specs
from configsplit.runtime.live.transfer import same_weights


@dataclass(frozen=True, slots=True)
class LiveProof:
    """What was compared.

    Attributes:
        parts: how many parts there are.
        layers: places of layers in them, all of which have the weights of the model that was cut.
        weights: how many variables these have.
        outputs: outputs that both computed, bit for bit the same; None where nothing was run.
    """

    parts: int
    layers: int
    weights: int
    outputs: int | None

    def __repr__(self) -> str:
        ran = "" if self.outputs is None else ", equal when run"
        return f"<{self.parts} live parts: {self.weights} weights equal{ran}>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        ran = () if self.outputs is None else (f"{self.outputs} output{'s' * (self.outputs > 1)} equal bit for bit",)
        return box(title(f"{self.parts} live parts", f"{self.layers} layers", f"{self.weights} weights equal", *ran))


def verify(parts: LiveParts, *, numeric: bool = False) -> LiveProof:
    """Hold the live parts of a split against the model that they were cut from; either may have been trained since.

    Args:
        parts: what `split` gave.
        numeric: also run the model and the parts on random samples, and demand equal bits.

    Returns:
        What was compared.

    Raises:
        VerificationError: a layer has other weights in a part than in the model, or an output has other bits; the first is
            named. Or no samples were found that the model takes.

    Example:
        >>> parts = configsplit.keras.split(model, at="sum")
        >>> configsplit.keras.verify(parts, numeric=True)
        <2 live parts: 12 weights equal, equal when run>
    """
    if not isinstance(parts, LiveParts):
        raise OptionError(
            f"{type(parts).__name__} is not the result of a live split",
            code="model-unknown",
            where="parts",
            hint="give the whole result of configsplit.keras.split",
        )
    whole, layers, weights = parts.whole, 0, 0
    for path, places in homes(parts).items():
        original = whole.layer(path)
        for number, place in places:
            if not same_weights(original, layer_at(parts[number], place)):
                raise VerificationError(
                    f"{'/'.join(path)!r} has other weights in part {number} than in the model",
                    code="verify-weights",
                    where="/".join(path),
                    hint="one of them was trained since: split again, or put the parts together with `join`",
                )
            layers, weights = layers + 1, weights + len(variables(original))
    return LiveProof(len(parts), layers, weights, _compared(parts) if numeric else None)


def _compared(parts: LiveParts) -> int:
    """How many outputs have the same bits, of two batches each."""
    whole, specs = parts.whole, call_specs(parts.whole.live, parts.whole.works)
    batches = taken_by(whole.live, whole.works, specs, whole.live.to_json())
    if batches is None:
        raise VerificationError(
            "no random samples were found that the model accepts",
            code="verify-numeric",
            hint="compare outputs on your own samples",
        )
    refs = whole.document.model.output_refs()
    for given, expected in batches:
        for ref, one, other in zip(refs, expected, _run(parts, given), strict=True):
            if not same_bits(one, other):
                raise VerificationError(
                    f"the parts give other numbers for {ref.layer!r}, by up to {greatest_difference(one, other)}",
                    code="verify-numeric",
                    where=ref.layer,
                    hint="a setting of a layer was changed since: split again",
                )
    return len(refs)


def _run(parts: LiveParts, given: Batch) -> Batch:
    """What the parts give, each fed by the model's inputs and by those before it."""
    split, works, results = parts.parts.split, parts.whole.works, list[Batch]()
    for part, wires in zip(parts, split.wires, strict=True):
        fed = [given[wire.number] if wire.part is None else results[wire.part][wire.number] for wire in wires]
        results.append(outputs(part, works, call_specs(part, works), fed))
    return [given[wire.number] if wire.part is None else results[wire.part][wire.number] for wire in split.outputs]
