"""What TensorFlow computes otherwise than the operation of Keras 3 of that name is refused and not converted in hope."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import tf_keras

from configsplit import convert

V1 = tf.compat.v1

REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "another function of that name": (lambda x: tf.image.transpose(x[..., None]), "tf.image.transpose"),
    "whole numbers": (lambda x: V1.div(tf.cast(x, "int32"), 2), "divides whole numbers"),
    "rows": (lambda x: V1.where(x[:, 0] > 0, x, -x), "chooses rows"),
    "places in int64": (lambda x: tf.math.top_k(x, 2, index_type=tf.int64)[1], "another dtype than int32"),
    "several outputs": (lambda x: tf.linalg.normalize(x)[0], "tf.linalg.normalize"),
}


@pytest.mark.parametrize("title", sorted(REFUSED))
def test_it_is_refused(title: str, tmp_path: Path) -> None:
    make, reason = REFUSED[title]
    given = tf_keras.Input((4,))
    path = tmp_path / "model.json"
    path.write_text(tf_keras.Model(given, make(given)).to_json())
    assert any(reason in refusal.reason for refusal in convert(path).refusals)
