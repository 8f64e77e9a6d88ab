"""Cut ResNet50 inside a residual branch, prove it, run both sides: what `make demo` shows.

Everything is measured while you watch. The network has seeded random weights, and BatchNormalization statistics that are
not the zeros and ones of a fresh model: a statistic that went astray would show in the outputs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

CUT = "conv3_block2_2_relu"
OUT = Path("demo-out")
MODEL, PARTS = OUT / "resnet50.keras", OUT / "parts"
QUIET = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}

BUILD = f"""
import keras, numpy
keras.utils.set_random_seed(2016)
model = keras.applications.ResNet50(weights=None)
numbers = numpy.random.default_rng(2016)
for layer in model.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
        gamma, beta, mean, variance = layer.get_weights()
        size = gamma.shape
        layer.set_weights([
            numbers.uniform(0.6, 1.2, size), numbers.normal(0, 0.2, size),
            numbers.normal(0, 0.2, size), numbers.uniform(0.7, 1.8, size),
        ])
model.save({str(MODEL)!r})
print(keras.__version__, len(model.layers), model.count_params())
"""

# What the same cut takes in Keras: import, load, slice. Keras says itself how far it gets.
KERAS = f"""
import json, resource, time
start = time.perf_counter()
import keras
imported = time.perf_counter()
model = keras.models.load_model({str(MODEL)!r})
loaded = time.perf_counter()
try:
    keras.Model(model.get_layer({CUT!r}).output, model.output)
    said = "it cuts there"
except ValueError as error:
    said = str(error).split(". ")[0].splitlines()[0]
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({{"import": imported - start, "load": loaded - imported, "said": said, "memory": memory}}))
"""


def main() -> int:
    """Build, cut, verify, compare; returns the exit code."""
    OUT.mkdir(exist_ok=True)
    build()
    split_seconds = command("2", "split", str(MODEL), "--at", CUT, "--out", str(PARTS), "--force")
    command("3", "verify", str(PARTS), "--numeric")
    beside_keras(split_seconds)
    return 0


def build() -> None:
    """Let Keras build the network and save it."""
    title("1", "Keras builds ResNet50 with seeded random weights and saves it")
    start = time.perf_counter()
    version, layers, parameters = keras(BUILD).split()
    size = MODEL.stat().st_size / 1e6
    say(
        f"{MODEL}  {layers} layers, {int(parameters):,} parameters, {size:.0f} MB, in {elapsed(start):.1f} s by Keras {version}"
    )


def command(number: str, *arguments: str) -> float:
    """Run the command line as a user would, and show what it says; returns the seconds of the whole process."""
    title(number, f"$ configsplit {' '.join(arguments)}")
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "configsplit", *arguments], capture_output=True, text=True, env=QUIET, check=False
    )
    seconds = elapsed(start)
    for line in (done.stdout + done.stderr).splitlines():
        say(line)
    if done.returncode:
        raise SystemExit(done.returncode)
    return seconds


def beside_keras(split_seconds: float) -> None:
    """Say how long Keras needs to get as far as a cut, and what it says to it."""
    title("4", "The same cut in Keras")
    start = time.perf_counter()
    measured = json.loads(keras(KERAS))
    whole = elapsed(start)
    say(f"import {measured['import']:.1f} s, load {measured['load']:.1f} s, {measured['memory'] / 1000:.0f} MB of memory; then")
    say(f"keras.Model(cut, output): {measured['said']}")
    say("")
    parts = json.loads((PARTS / "manifest.json").read_text())["parts"]
    crossing = [tensor["tensor"] for tensor in parts[0]["outputs"]]
    say(f"{len(crossing)} tensors cross at {CUT}: {', '.join(crossing)}.")
    say(f"{'Keras, whole process, loaded and no more':<55}{whole:5.1f} s")
    say(f"{'configsplit, whole process, cut, written and proven':<55}{split_seconds:5.1f} s")
    say("")
    say(f"The parts are in {PARTS}. Look at the cut, in the same environment: configsplit explore {PARTS}")


def keras(code: str) -> str:
    """What a script prints last in a process of its own, with the framework's chatter left out."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=QUIET, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr)
        raise SystemExit(done.returncode)
    return done.stdout.strip().splitlines()[-1]


def elapsed(start: float) -> float:
    return time.perf_counter() - start


def title(number: str, text: str) -> None:
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}{number}  {text}{plain}\n", flush=True)


def say(text: str) -> None:
    print(f"   {text}".rstrip(), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
