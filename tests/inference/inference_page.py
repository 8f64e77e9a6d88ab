"""Makes docs/inference.md out of the rules and the lists of classes: python tests/inference/inference_page.py"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from configsplit.catalog.layers.keras1 import CLASSES
from configsplit.catalog.layers.wrappers import WRAPPERS
from configsplit.catalog.operations.operation_table import KERAS
from configsplit.catalog.rules import no_weights
from configsplit.catalog.table import ABSTRACT, BUILT_IN, OPAQUE
from configsplit.catalog.tensorflow.table import FUNCTIONS

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "inference.md"
GENERATIONS: dict[str, list[str]] = json.loads((HERE / "layer_classes.json").read_text())

HEAD = """\
# What is inferred of a layer

Keras 3 writes the shape and dtype of every tensor that a layer takes. Older files write none, so a cut, a price in bytes or a
check of weights needs rules: for each layer class its outputs' shapes and dtypes, its weights, its multiply-accumulates, and
what it does with an implicit mask. No framework is asked.

This page is made from the rules, and a test holds it against them. Other tests hold each rule against the real class:

- classes of Keras 3.15 and tf_keras 2.21 in those themselves: outputs, weights by name, shape, dtype and kind, and
  multiply-accumulates counted once more from the live kernels;
- classes that only older releases have against what Keras 1.0.8, 1.2.2, 2.0.9, 2.3.1 and TF 1.15 said of them
  (`tests/inference/recorded`);
- all operations of `keras.ops` that can stand in a functional model, each with every dtype that it takes.

What is unknown is never guessed. Behind an undeclared class, the layers that take what it gives may tell its
shape: by the `build_config` that TF 2.13 and later write, or by the kernel of a convolution or a recurrent layer, which
says how many axes and channels come in, so that all other sizes stay open. The parts' warnings say so. Where a
`build_config` contradicts an input, a declared class or another layer, it is not believed, and told. Where nothing tells,
`configsplit` names the layer and the reason, and takes the shape from `--shape LAYER=None,28,28,128` or from a
[plug-in](plugins.md).

In the tables, *weights* says whether a class has any; *operations* whether multiply-accumulates are counted (`-`: it multiplies
and adds nothing up); *mask* what an implicit mask
does there: it `stops`, `passes`, or the class `makes` one ([masks](masks.md)).
"""

OPERATIONS = """\
## Operations

A Keras 3 file may hold operations of `keras.ops` as layers, a tf.keras file TensorFlow's own (`TFOpLambda`, `SlicingOpLambda`,
`TensorFlowOpLayer`). There are rules for {count} names, in Keras 3 for every class but those that take Python functions. Where
Keras 3.15 declares another shape or dtype than it computes (`Rot90` by half a turn, bitwise operations with broadcasting), the
rule tells what is computed. Products of matrices, convolutions and attention are counted as multiply-accumulates.
"""

NOT_TOLD = """\
## What is not told

- The weights of layers quantized to int8, int4, float8 or by GPTQ and AWQ: releases keep them in different shapes and orders.
  Their outputs are told, and the weights are carried as they are.
- Keras 1 does not write the `dim_ordering` of `UpSampling2D` and `ZeroPadding2D`; it is taken from the model's other layers,
  and without any the shape is unknown. Keras 1.2 does not write `shared_axes`, Keras 2.0 not the configs of cells.
- The size of a vocabulary that stands in a file beside the configuration.
- What a `Lambda` computes: its code is not run. The `output_shape` beside it is taken, with a
  [warning](numeric.md#a-boundary-that-lies) where a boundary goes by it.
"""


def kind(name: str) -> str:
    """Whether and how a class is covered."""
    if name == "InputLayer":
        return "the graph's own"
    if name in OPAQUE:
        return "opaque"
    return "abstract" if name in ABSTRACT else "rule"


def row(name: str, dialect: str) -> str:
    if name in WRAPPERS:
        return f"| `{name}` | those of the layer inside | counted | {'passes' if name == 'TimeDistributed' else 'stops'} |"
    facts = BUILT_IN[CLASSES.get(name, name)].within(dialect)
    weights = "-" if facts.weights is no_weights else "yes"
    return f"| `{name}` | {weights} | {'counted' if facts.macs else '-'} | {facts.mask} |"


def table(names: list[str], dialect: str) -> Iterator[str]:
    yield "| class | weights | operations | mask |"
    yield "|---|---|---|---|"
    yield from (row(name, dialect) for name in names)


def generation(title: str, names: list[str]) -> Iterator[str]:
    kinds = {name: kind(name) for name in names}
    ruled = [name for name in names if kinds[name] == "rule"]
    yield f"## {title}"
    yield ""
    yield f"{len(names)} classes: {len(ruled)} with a rule."
    for what, reasons in (("opaque", OPAQUE), ("abstract", ABSTRACT)):
        found = [name for name in names if kinds[name] == what]
        if found:
            yield ""
            yield f"{what.capitalize()}: " + "; ".join(f"`{name}` ({reasons[name]})" for name in found) + "."
    yield ""
    yield from table(ruled, "keras3" if title.startswith("Keras 3") else "keras2")
    yield ""


def page() -> str:
    lines = [HEAD]
    for title, names in GENERATIONS.items():
        lines += generation(title, names)
    ruled = {*KERAS, *(name for name, declared in FUNCTIONS.items() if declared.outputs is not None)}
    return "\n".join([*lines, OPERATIONS.format(count=len(ruled)), NOT_TOLD])


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
