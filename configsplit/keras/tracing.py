"""Models without a functional graph: cut what TensorFlow traces of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from configsplit.algorithms.cuts import Choice
from configsplit.documents.surgery import listed
from configsplit.errors import CutError
from configsplit.runtime.live import framework_of
from configsplit.runtime.signature import Inputs
from configsplit.runtime.trace_cut import TracedParts
from configsplit.runtime.trace_cut import cut_trace as cut


def cut_trace(model: Any, at: str | Iterable[str], *, boundary: Choice = "smallest", inputs: Inputs = None) -> TracedParts:
    """Cut the TensorFlow graph of a model at the outputs of layers, whatever its class keeps in Python.

    Args:
        model: a model of Keras 3 on TensorFlow, or of tf_keras. It is not changed.
        at: as for `configsplit.split`; layers go by the calls that happen while the model is traced, at any depth
            (``encoder/attention``), and ``model/add:0`` names a tensor of the graph that is no layer's output.
        boundary: as for `configsplit.split`.
        inputs: what the model is called on, where Keras does not remember: arrays, shapes with None for the batch, or a list
            or dict of these.

    Returns:
        The parts: modules to call on tensors, and to `save` as SavedModels.

    Raises:
        TensorReferenceError: a reference names no call of a layer, or several; the candidates are listed.
        CutError: the graph cannot be cut there, or cannot be taken apart.
        DocumentError: nobody knows what the model is called on.
        RuntimeUnavailableError: Keras runs on another backend.
    """
    texts = listed(at)
    if not texts:
        raise CutError("no place to cut at was given", code="cut-nowhere", hint="name a layer")
    return cut(model, framework_of(model), texts, boundary=boundary, inputs=inputs)


def split_saved_model(
    model: Any, at: str | Iterable[str], directory: str | Path, *, boundary: Choice = "smallest", inputs: Inputs = None
) -> Path:
    """Cut the TensorFlow graph of a model and write the parts as SavedModels ``part-0``, ``part-1``, ... with ``trace.json``.

    Raises:
        StoreError: the folder exists and is not empty.
        And what `cut_trace` raises.
    """
    return cut_trace(model, at, boundary=boundary, inputs=inputs).save(directory)
