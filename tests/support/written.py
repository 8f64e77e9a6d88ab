"""The files of our own formats as this release writes them, one of each kind, for the tests of later releases.

    cd tests && python -m support.written

Written once for each release, into ``stability/written/RELEASE``, and never again: that is what they are for.
"""

from __future__ import annotations

import json
import shutil
import socket
from contextlib import chdir
from pathlib import Path

import configsplit
from configsplit.batches.batch import batch

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
WRITTEN = CORPUS.parent / "stability" / "written"
RECIPE = """\
recipe: 1
models: {include: ["*.h5"], exclude: ["*_old.*"]}
do:
  - convert: {}
    missing: skip
  - split: {at: half the layers, max-tensors: 4}
    of: convert
verify: proof
limits: {seconds: 600, memory: 4GB, source: 10GB}
retry: {times: 1, after: [killed, memory, remote]}
output: {layout: "{path}"}
overrides:
  - models: ["nothing*"]
    skip: an example
"""


def write(folder: Path) -> None:
    """All of it; the sources lie beside, so that ways from record to source hold wherever the folder is."""
    shutil.copy(CORPUS / "releases" / "keras-3.15.1" / "residual.keras", folder / "residual.keras")
    zoo = folder / "zoo"
    zoo.mkdir()
    shutil.copy(CORPUS / "releases" / "keras-2.3.1" / "residual.h5", zoo / "old.h5")
    model = folder / "residual.keras"
    configsplit.split(model, at=["c1", "bn2"]).save(folder / "parts")
    configsplit.plan(model, 2).save(folder / "stages")
    configsplit.freeze(configsplit.rename(model, {"c1": "stem"}), before="stem").save(folder / "frozen.keras")
    configsplit.convert(zoo / "old.h5").save(folder / "converted.keras")
    (folder / "recipe.yaml").write_text(RECIPE, "utf-8")
    with chdir(folder):  # the log has the zoo as it was named, and the machine
        batch("recipe.yaml", zoo="zoo", out="batch", jobs=1)
    log = folder / "batch" / "run.jsonl"
    log.write_text(log.read_text("utf-8").replace(socket.gethostname(), "machine"), "utf-8")
    (folder / "batch" / "report.html").unlink()  # no format: nobody reads it but people
    layers = [layer.name for layer in configsplit.layers(model)]
    (folder / "profile.json").write_text(json.dumps(dict.fromkeys(layers, 1.5), indent=2) + "\n", "utf-8")
    devices = [
        {"name": "phone", "memory": "2GB", "speed": 1e9, "link": 1e7},
        {"name": "server", "memory": "64GB", "speed": 1e11},
    ]
    (folder / "devices.json").write_text(json.dumps(devices, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    target = WRITTEN / configsplit.__version__
    target.mkdir(parents=True)
    write(target)
