"""The architectures of keras.applications as JSON, made once by the framework itself: ``python -m support.architectures``."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

from configsplit.runtime.confinement.policy import environment

_CACHE = Path(__file__).resolve().parents[2] / ".exhaustive" / "architectures"

_COMMON = [
    "Xception", "VGG16", "VGG19", "ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2",
    "InceptionV3", "InceptionResNetV2", "MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large",
    "DenseNet121", "DenseNet169", "DenseNet201", "NASNetMobile", "NASNetLarge", "EfficientNetB0", "EfficientNetB1",
    "EfficientNetB2", "EfficientNetB3", "EfficientNetB4", "EfficientNetB5", "EfficientNetB6", "EfficientNetB7",
    "EfficientNetV2B0", "EfficientNetV2B1", "EfficientNetV2B2", "EfficientNetV2B3", "EfficientNetV2S",
    "EfficientNetV2M", "EfficientNetV2L", "ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge",
    "ConvNeXtXLarge",
]  # fmt: skip

_REGNETS = [f"RegNet{kind}{size:03}" for kind in "XY" for size in (2, 4, 6, 8, 16, 32, 40, 64, 80, 120, 160, 320)]
_RESNETS_RS = [f"ResNetRS{depth}" for depth in (50, 101, 152, 200, 270, 350, 420)]

NETWORKS = {"keras": _COMMON, "tf_keras": [*_COMMON, *_REGNETS, *_RESNETS_RS]}
"""Every network of ``applications`` of the two packages; `test_no_network_is_left_out` holds this against them."""


def architecture(package: str, name: str) -> Path:
    """The JSON of a network, made if this was not done before."""
    path = _CACHE / package / f"{name}.json"
    if not path.exists():
        surroundings = environment()
        surroundings["PYTHONPATH"] = f"{Path(__file__).resolve().parents[1]}:{surroundings['PYTHONPATH']}"
        command = [sys.executable, "-m", "support.architectures", package, name, str(path)]
        subprocess.run(command, env=surroundings, check=True, capture_output=True)
    return path


def offered(package: str) -> list[str]:
    """Every network that a package offers, as a process of its own finds them."""
    surroundings = environment()
    surroundings["PYTHONPATH"] = f"{Path(__file__).resolve().parents[1]}:{surroundings['PYTHONPATH']}"
    command = [sys.executable, "-m", "support.architectures", package]
    return subprocess.run(command, env=surroundings, check=True, capture_output=True, text=True).stdout.split()


def main(package: str, name: str = "", path: str = "") -> int:
    """Write one network, or print the names of all."""
    applications = importlib.import_module(package).applications
    if not name:
        print(*(each for each in dir(applications) if each[0].isupper()))  # noqa: T201 - this is a program
        return 0
    text = getattr(applications, name)(weights=None).to_json()
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    waiting = target.with_suffix(".part")
    waiting.write_text(text)
    waiting.replace(target)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
