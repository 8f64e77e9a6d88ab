"""The seed model with weights, saved whole by tf_keras: ``python -m support.seed ARCHITECTURE.json MODEL.h5``."""

from __future__ import annotations

import sys
from pathlib import Path

import tf_keras
from configsplit.custom_objects.scale_tf_keras import Scale

from configsplit.runtime.frameworks import framework
from configsplit.runtime.worker import fill_weights


def main(architecture: str, target: str) -> int:
    model = tf_keras.models.model_from_json(Path(architecture).read_text("utf-8"), custom_objects={"Scale": Scale})
    fill_weights(model, framework("tf_keras"), {})
    model.save(target)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
