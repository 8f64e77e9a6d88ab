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

Keras 3 records the shape and dtype of every tensor that a layer takes. Older files record none, so a cut, a price in bytes or a
check of weights needs rules: for each layer class the shapes and dtypes of its outputs, its weights, its multiply-accumulates,
and what it does with an implicit mask. No framework is needed.

This page is generated from the rules, and a test keeps it up to date. Other tests compare each rule with the real class:

- classes of Keras 3.15 and tf_keras 2.21 with the classes themselves: outputs, weights by name, shape, dtype and kind, and
  multiply-accumulates counted again from the live kernels;
- classes of older releases with the outputs and weights recorded in Keras 1.0.8, 1.2.2, 2.0.9, 2.3.1 and TF 1.15
  (`tests/inference/recorded`);
- all operations of `keras.ops` that can be part of a functional model, each with every dtype that it accepts.

What is unknown is never guessed. The output shape of an undeclared class may follow from the layers that take it: from the
`build_config` that TF 2.13 and later write, or from the kernel of a convolution or a recurrent layer, which gives the number of
axes and channels and leaves all other sizes open. A warning in the parts' manifest says so. A `build_config` that contradicts
an input, a declared class or another layer is ignored, and reported. If nothing determines the shape, `configsplit` names the
layer and the reason, and takes the shape from `--shape LAYER=None,28,28,128` or from a [plug-in](plugins.md).

In the tables, *weights* says whether a class has any; *operations* whether its multiply-accumulates are counted (`-`: it has
none); *mask* what it does with an implicit mask: it `stops`, `passes` or `makes` one ([masks](masks.md)).
"""

OPERATIONS = """\
## Operations

A Keras 3 file may hold operations of `keras.ops` as layers, a tf.keras file TensorFlow's own (`TFOpLambda`, `SlicingOpLambda`,
`TensorFlowOpLayer`). There are rules for {count} names, in Keras 3 for every class except those that take Python functions.
Where Keras 3.15 declares another shape or dtype than it computes (`Rot90` by half a turn, bitwise operations with
broadcasting), the rule gives what is computed. Matrix products, convolutions and attention count as multiply-accumulates.
"""

NOT_TOLD = """\
## What is not known

- The weights of layers quantized to int8, int4, float8 or by GPTQ and AWQ: releases keep them in different shapes and orders.
  Their outputs are known, and the weights are copied as they are.
- Keras 1 does not write the `dim_ordering` of `UpSampling2D` and `ZeroPadding2D`; it is taken from the model's other layers,
  and without any the shape is unknown. Keras 1.2 does not write `shared_axes`, nor Keras 2.0 the configs of cells.
- The size of a vocabulary that is in a file beside the config.
- The output of a `Lambda`: its code is not run. The `output_shape` beside it is used, with a
  [warning](numeric.md#a-wrong-boundary) if a boundary depends on it.
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
