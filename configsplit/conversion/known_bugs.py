"""What Keras itself computes wrongly or does not load as it stands, of models that are converted as they should be."""

from __future__ import annotations

from collections.abc import Iterator

from configsplit.catalog.keras3.refusals import Note
from configsplit.catalog.table import class_facts
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, Shape, TensorRef
from configsplit.inference import Inference

_BIAS = (
    "Keras 3 (3.15) with TensorFlow adds its bias along the last axis, which is as long as that of the channels: "
    "run it with JAX or PyTorch, or with images of another width"
)
_PADDED = (
    "in float64, where every step is masked, Keras 2 attends as if none were (it adds -1e9 to each score), and Keras 3 to all "
    "alike: numbers differ at padded steps of the query"
)
_WORDS_APART = (
    "its words are in a file outside of the model: Keras 3 opens it only with load_model(..., safe_mode=False); once saved "
    "there the model has the words in itself"
)


def cautions(inference: Inference) -> Iterator[Note]:
    """Notes on the layers of a model of Keras 3, and of those in it, that Keras 3 is known to compute wrongly or to refuse."""
    todo = [inference]
    seen: set[int] = set()
    while todo:
        level = todo.pop()
        if id(level) in seen:
            continue
        seen.add(id(level))
        yield from (Note(layer.name, _BIAS) for layer in level.model.layers if _bias_astray(layer, level))
        yield from (Note(layer.name, _PADDED) for layer in level.model.layers if _attends_in_double(layer, level))
        yield from (Note(layer.name, _WORDS_APART) for layer in level.model.layers if _has_words_apart(layer))
        todo += [*level.inner.values(), *level.wrapped.values()]


def may_need_caution(layer: Layer) -> bool:
    """Whether it is worth while to look at a layer."""
    class_name, config = _innermost(layer)
    if config.get("data_format") == "channels_first" or class_facts(class_name).attention == "named":
        return True
    return _has_words_apart(layer)


def _has_words_apart(layer: Layer) -> bool:
    """Whether a lookup layer reads its words from a path; see ``IndexLookup.__init__`` of Keras 3.15."""
    return isinstance(_innermost(layer)[1].get("vocabulary"), str)


def _attends_in_double(layer: Layer, inference: Inference) -> bool:
    """Whether a MultiHeadAttention computes in float64; see ``Softmax.call`` of tf_keras 2.21 and Keras 3.15."""
    spec = inference.specs.get(TensorRef(layer.name))
    return class_facts(_innermost(layer)[0]).attention == "named" and spec is not None and spec.dtype == "float64"


def _bias_astray(layer: Layer, inference: Inference) -> bool:
    """Channels first, and as many of them as the image is wide; see ``add`` in Keras's TensorFlow backend."""
    class_name, config = _innermost(layer)
    facts = class_facts(class_name)
    convolution = facts.macs is not None and "kernel_size" in config and not facts.recurrent
    if not convolution or config.get("data_format") != "channels_first" or not config.get("use_bias", True):
        return False
    axis = 2 if class_facts(layer.class_name).wraps == "steps" else 1
    shapes = (_shape(inference, TensorRef(layer.name, number)) for number in range(len(layer.calls)))
    return any(len(shape) > axis and shape[-1] is not None and shape[-1] == shape[axis] for shape in shapes)


def _shape(inference: Inference, ref: TensorRef) -> Shape:
    spec = inference.specs.get(ref)
    return () if spec is None or spec.shape is None else spec.shape


def _innermost(layer: Layer) -> tuple[str, FrozenDict]:
    class_name, config = layer.class_name, layer.config
    while class_facts(class_name).wraps == "steps" and isinstance(config.get("layer"), FrozenDict):
        class_name, config = str(config["layer"]["class_name"]), config["layer"]["config"]
    return class_name, config
