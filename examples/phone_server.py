"""The first part on a phone, the second on a server: what goes over the wire is one buffer of bytes.

The manifest tells both sides what crosses, in which order, shape and dtype; nothing else has to be agreed on.
"""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import configsplit


def main() -> None:
    import keras
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.keras")
        build(path)
        parts = configsplit.split(configsplit.load(path), at="branch").save(Path(folder, "parts")).directory
        image = np.random.default_rng(0).normal(size=(1, 16, 16, 3)).astype("float32")
        sent = phone(parts, image)
        scores = server(parts, sent)
        whole = np.asarray(keras.models.load_model(path)(image))
        print(f"{len(sent)} bytes sent; the server's scores equal the whole network's bit for bit: {(scores == whole).all()}")


def phone(parts: Path, image: Any) -> bytes:
    """Compute the first part; its outputs, one behind the other."""
    import keras
    import numpy as np

    outputs = keras.models.load_model(parts / "part-0.keras")(image)
    buffer = io.BytesIO()
    for value in outputs if isinstance(outputs, (list, tuple)) else [outputs]:
        buffer.write(np.ascontiguousarray(value).tobytes())
    return buffer.getvalue()


def server(parts: Path, sent: bytes) -> Any:
    """Cut the buffer into tensors as the manifest says, and compute the second part."""
    import keras
    import numpy as np

    manifest = json.loads((parts / "manifest.json").read_text())
    buffer, tensors = memoryview(sent), []
    for tensor in manifest["parts"][0]["outputs"]:
        shape = [1, *tensor["shape"][1:]]
        size = int(np.prod(shape)) * np.dtype(tensor["dtype"]).itemsize
        tensors.append(np.frombuffer(buffer[:size], tensor["dtype"]).reshape(shape))
        buffer = buffer[size:]
    taken = [tensors[item["from"]["output"]] for item in manifest["parts"][1]["inputs"]]
    return np.asarray(keras.models.load_model(parts / "part-1.keras")(taken if len(taken) > 1 else taken[0]))


def build(path: Path) -> None:
    """A stand-in for your trained network, with a cut inside a residual branch: two tensors cross."""
    import keras

    image = keras.Input((16, 16, 3), name="image")
    stem = keras.layers.Conv2D(8, 3, strides=4, padding="same", name="stem")(image)
    branch = keras.layers.Conv2D(8, 3, padding="same", name="branch")(stem)
    joined = keras.layers.Add(name="joined")([stem, branch])
    pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(joined)
    keras.Model(image, keras.layers.Dense(4, name="scores")(pooled)).save(path)


if __name__ == "__main__":
    main()
