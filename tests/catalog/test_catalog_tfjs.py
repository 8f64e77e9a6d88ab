"""What the catalog takes for classes and activations of TensorFlow.js, held against what TensorFlow.js says that it has."""

from __future__ import annotations

import json
import re

from support.tensorflow_js import DATA

from configsplit.catalog import tfjs

UNTRIED = {"CenterCrop", "ConvLSTM2DCell", "RandomWidth", "Resizing"}
"""Layers that it has and `convert` does not write: they compute otherwise, or nobody has held them against Keras."""
ITS_OWN = {"gelu_new"}
"""Activations that Keras has not."""

HAS = json.loads(DATA.read_text())


def test_layers() -> None:
    assert set(HAS["layers"]) - UNTRIED == set(tfjs.LAYERS)
    assert set(HAS["layers"]) >= UNTRIED


def test_activations() -> None:
    named = {re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name) for name in HAS["activations"]}
    assert named - ITS_OWN == set(tfjs._ACTIVATIONS)


def test_it_is_the_release_that_was_measured() -> None:
    assert f"Measured with {HAS['version']}" in str(tfjs.__doc__)
