"""Inputs: a seed (a file of the corpus, or something that configsplit made of one), edits of it, and a verb to give it to.

``kind`` says what is edited: ``document`` (the architecture, put back into the container it came from), ``bytes`` (of the
file), ``weights`` (bytes of the HDF5 file inside an archive), ``record`` (manifest, provenance record or recipe).
``folder`` is one file of a SavedModel or a TensorFlow.js model, or the architecture in it. A ``file`` is given as it is.
"""

from __future__ import annotations

import functools
import io
import json
import random
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import fuzz_edits
import h5py
import yaml
from click.testing import CliRunner
from support.bundle_files import Hand
from support.tfjs_files import as_tfjs

from configsplit.catalog.table import BUILT_IN
from configsplit.cli.main import cli

CORPUS = Path(__file__).resolve().parents[2] / "corpus" / "releases"
LARGEST = 40_000
FILES = Path(__file__).parent / "files"
RESIDUAL = CORPUS / "tf-2.4" / "residual.h5"


def _is_seed(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size >= LARGEST or path.name == "index.json":
        return False
    return zipfile.is_zipfile(path) if path.suffix == ".keras" else path.suffix in (".json", ".h5")


SEEDS = tuple(path.relative_to(CORPUS).as_posix() for path in sorted(CORPUS.rglob("*")) if _is_seed(path))
CLASSES = (*sorted(BUILT_IN), "Sequential", "Model", "Functional", "Lambda", "Nobody>Knows", "TFOpLambda", "Merge")
_SPLIT = ("keras-3.15.1/residual.keras", "residual")
RECIPE = {
    "recipe": 1, "include": ["*.keras"], "exclude": [".*"], "verify": "proof", "timeout": "1m",
    "do": [{"split": {"at": "half the MACs"}}, {"convert": {}}, {"freeze": {"before": "x"}}],
}  # fmt: skip
VERBS = (
    "inspect", "validate", "cuts", "layers", "split", "extract", "insert", "remove", "rename", "freeze", "join", "convert",
    "weights", "plot",
)  # fmt: skip
ENDINGS = {"split": "", "weights": ".npz", "plot": ".html"}
"""Of what verbs write; of others that of a model."""
FOLDERS = {"saved_model": lambda place: Hand(RESIDUAL).write(place), "tfjs": lambda place: as_tfjs(RESIDUAL, place, shard=1000)}
"""Containers that are folders -> what writes one."""
ROOT = "root"
"""In place of a file of a SavedModel: the architecture in it."""
RECORDS = ("manifest.json", "provenance", "recipe")


@dataclass(frozen=True, slots=True)
class Input:
    """One input, as it is kept: all of it is JSON."""

    kind: str
    seed: str
    verb: str
    edits: list[fuzz_edits.Edit] = field(default_factory=list)
    options: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@functools.lru_cache(maxsize=64)
def document(seed: str) -> Any:
    """The architecture of a seed, as plain JSON; None where it has none (weights)."""
    path = CORPUS / seed
    if path.suffix == ".json":
        found = json.loads(path.read_text())
        return found if isinstance(found, dict) else None
    if path.suffix == ".keras":
        return json.loads(zipfile.ZipFile(path).read("config.json"))
    with h5py.File(path) as file:
        text = file.attrs.get("model_config")
    return None if text is None else json.loads(text)


def draw(number: int) -> Input:
    """The input of that number; the same in every run."""
    rng = random.Random(number)
    kind = rng.choices(("document", "bytes", "weights", "record", "folder"), (64, 14, 7, 7, 8))[0]
    if kind == "folder":
        return _draw_folder(rng)
    if kind == "record":
        name = rng.choice(RECORDS)
        edits = _document_edits(_record(name), rng)
        verb = "validate" if name == "recipe" else rng.choice(("verify", "validate", *(("join",) if name[0] == "m" else ())))
        return Input(kind, name, verb, edits)
    seed = rng.choice([each for each in SEEDS if kind != "weights" or each.endswith(".keras")])
    verb = rng.choice([each for each in VERBS if each != "convert" or not seed.startswith("keras-3")])
    if kind == "document":
        found = document(seed)
        if found is not None:
            edits = _document_edits(found, rng)
            return Input(kind, seed, verb, edits, options(verb, fuzz_edits.apply(found, edits), rng))
        kind = "bytes"
    data = member(seed) if kind == "weights" else (CORPUS / seed).read_bytes()
    return Input(kind, seed, verb, _byte_edits(data, rng), options(verb, document(seed), rng))


def _draw_folder(rng: random.Random) -> Input:
    name, verb = rng.choice([*FOLDERS]), rng.choice(VERBS)
    file = rng.choice([*sorted(folder_files(name)), *([ROOT] if name == "saved_model" else [])])
    found = _told_in(name, file)
    edits = _byte_edits(folder_files(name)[file], rng) if found is None else _document_edits(found, rng)
    return Input("folder", f"{name}:{file}", verb, edits, options(verb, document("tf-2.4/residual.h5"), rng))


def _told_in(name: str, file: str) -> Any:
    """What a file of a folder says, where that is JSON; else None."""
    if file == ROOT:
        return Hand(RESIDUAL).told[0][2]
    return json.loads(folder_files(name)[file]) if file.endswith(".json") else None


@functools.cache
def folder_files(name: str) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch, name)
        FOLDERS[name](place)
        return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def _document_edits(found: Any, rng: random.Random) -> list[fuzz_edits.Edit]:
    edits: list[fuzz_edits.Edit] = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        now = fuzz_edits.apply(found, edits)
        if isinstance(now, (dict, list)) and now:
            edits.append(fuzz_edits.draw(now, rng, CLASSES))
    return edits


def _byte_edits(data: bytes, rng: random.Random) -> list[fuzz_edits.Edit]:
    edits: list[fuzz_edits.Edit] = []
    for _ in range(rng.choice((1, 1, 2, 4))):
        edits.append(fuzz_edits.draw_bytes(fuzz_edits.apply_bytes(data, edits), rng))
    return edits


def options(verb: str, found: Any, rng: random.Random) -> list[str]:
    """Options that reach into the document: names of its layers."""
    names = [each["name"] for each in _layers(found) if isinstance(each.get("name"), str)] or ["dense"]
    names += [
        each["config"]["name"] for each in _layers(found) if isinstance(each.get("config"), dict) and "name" in each["config"]
    ]
    pick = functools.partial(rng.choice, [str(name).replace("\0", "") for name in names])
    table: dict[str, Callable[[], list[str]]] = {
        "cuts": lambda: rng.choice(
            ([], ["--sort", "balance"], ["--head-speed", "1e9", "--tail-speed", "1e10", "--link", "1e6"])
        ),
        "layers": lambda: rng.choice(([], [f"--before={pick()}"], [f"--after={pick()}"])),
        "split": lambda: [
            *rng.choice(([f"--at={pick()}"], ["--stages", "2"])),
            "--boundary",
            rng.choice(("smallest", "early", "late")),
        ],
        "extract": lambda: rng.choice(([f"--to={pick()}"], [f"--from={pick()}"], [f"--from={pick()}", f"--to={pick()}"])),
        "insert": lambda: [f"--after={pick()}"],
        "remove": lambda: [f"--layer={pick()}"],
        "rename": lambda: [f"{pick()}=renamed"],
        "freeze": lambda: [rng.choice((f"--before={pick()}", f"--after={pick()}", "--layer=*"))],
    }
    return [each.encode("utf-8", "surrogatepass").decode("utf-8", "replace") for each in table.get(verb, list)()]


def _layers(found: Any) -> list[dict[str, Any]]:
    config = found.get("config") if isinstance(found, dict) else None
    layers = config.get("layers") if isinstance(config, dict) else config
    return [each for each in layers if isinstance(each, dict)] if isinstance(layers, list) else []


def member(seed: str) -> bytes:
    with zipfile.ZipFile(CORPUS / seed) as archive:
        return archive.read("model.weights.h5") if "model.weights.h5" in archive.namelist() else b""


# ------------------------------------------------------------------------------------------------------------- to disk


def put(item: Input, folder: Path) -> list[str]:
    """Write the input's files into a folder; the arguments of the verb."""
    if item.kind == "record":
        return _put_record(item, folder)
    path = folder / ("model" if item.kind == "folder" else f"model{Path(item.seed).suffix}")
    if item.kind == "folder":
        _put_folder(item, path)
    else:
        path.write_bytes(_data(item))
    bare = path.suffix == ".json"
    out = ["--out", str(folder / f"out{ENDINGS.get(item.verb, '.json' if bare else '.keras')}")]
    out += ["--no-weights"] if bare and item.verb != "convert" and item.verb not in ENDINGS else []
    if item.verb == "insert":
        layer = folder / "one.json"
        layer.write_text('{"class_name": "Activation", "config": {"name": "probe", "activation": "tanh"}}')
        out += ["--donor", str(layer)]
    if item.verb in ("inspect", "validate", "cuts", "layers"):
        out = []
    given = path / "model.json" if item.seed.startswith("tfjs:") else path
    files = [str(given)] * (2 if item.verb == "join" else 1)
    json_too = [] if item.verb in ("extract", "freeze", "convert") else ["--json"]
    return [item.verb, *out, *json_too, *[each for each in item.options if each.startswith("-") or "=" not in each], *files] + [
        each for each in item.options if not each.startswith("-") and "=" in each
    ]


def _put_folder(item: Input, place: Path) -> None:
    name, _, file = item.seed.partition(":")
    if file == ROOT:
        hand = Hand(RESIDUAL)
        hand.told[0] = (*hand.told[0][:2], fuzz_edits.apply(hand.told[0][2], item.edits))
        hand.write(place)
        return
    for each, data in folder_files(name).items():
        (place / each).parent.mkdir(parents=True, exist_ok=True)
        (place / each).write_bytes(data)
    found = _told_in(name, file)
    made = (
        fuzz_edits.apply_bytes(folder_files(name)[file], item.edits)
        if found is None
        else fuzz_edits.text_of(fuzz_edits.apply(found, item.edits)).encode("utf-8", "surrogatepass")
    )
    (place / file).write_bytes(made)


def _data(item: Input) -> bytes:
    path = CORPUS / item.seed
    if item.kind == "file":
        return (FILES / item.seed).read_bytes()
    if item.kind == "bytes":
        return fuzz_edits.apply_bytes(path.read_bytes(), item.edits)
    if item.kind == "weights":
        return _archive(path, "model.weights.h5", fuzz_edits.apply_bytes(member(item.seed), item.edits))
    text = fuzz_edits.text_of(fuzz_edits.apply(document(item.seed), item.edits))
    if path.suffix == ".keras":
        return _archive(path, "config.json", text.encode())
    return text.encode() if path.suffix == ".json" else _hdf5(path, text)


def _archive(path: Path, name: str, data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w") as new:
        for info in old.infolist():
            new.writestr(info.filename, data if info.filename == name else old.read(info.filename))
    return made.getvalue()


def _hdf5(path: Path, text: str) -> bytes:
    made = io.BytesIO(path.read_bytes())
    with h5py.File(made, "r+") as file:
        file.attrs["model_config"] = text
    return made.getvalue()


@functools.cache
def _made() -> Path:
    """A folder of parts, and a file that surgery wrote with its record beside it: the seeds of records."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    model = folder / "model.keras"
    shutil.copy(CORPUS / _SPLIT[0], model)
    runner = CliRunner()
    names = [each["name"] for each in _layers(document(_SPLIT[0]))]
    for arguments in (
        ["split", str(model), f"--at={names[2]}", "--out", str(folder / "parts")],
        ["freeze", str(model), f"--before={names[2]}", "--out", str(folder / "frozen.keras")],
    ):
        done = runner.invoke(cli, arguments)
        assert done.exit_code == 0, done.output
    return folder


def _record(name: str) -> Any:
    if name == "recipe":
        return RECIPE
    file = _made() / ("parts/manifest.json" if name == "manifest.json" else "frozen.keras.provenance.json")
    return json.loads(file.read_text())


def _put_record(item: Input, folder: Path) -> list[str]:
    text = fuzz_edits.text_of(fuzz_edits.apply(_record(item.seed), item.edits))
    if item.seed == "recipe":
        path = folder / "recipe.yaml"
        path.write_text(text if len(text) % 2 else yaml.safe_dump(fuzz_edits.apply(RECIPE, item.edits)), "utf-8", "replace")
        return ["validate", "--json", str(path)]
    shutil.copytree(_made(), folder / "made")
    parts, record = folder / "made" / "parts", folder / "made" / "frozen.keras.provenance.json"
    path = parts / "manifest.json" if item.seed == "manifest.json" else record
    path.write_text(text)
    if item.verb == "validate":
        return ["validate", "--json", str(path)]
    if item.verb == "join":
        return ["join", str(parts), "--out", str(folder / "out.keras")]
    return ["verify", "--json", str(parts if item.seed == "manifest.json" else folder / "made" / "frozen.keras")]
