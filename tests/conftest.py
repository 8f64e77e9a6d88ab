"""For all tests: quiet frameworks off the GPU, `support` to import, shared frameworks, long matrices only where asked for.

Nothing outlives a run: its temporary folder, which all processes of a test have for theirs, goes when the run has passed.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # TensorFlow does so on some processors alone; channels first need it
os.environ.setdefault("JAX_TRACEBACK_FILTERING", "off")  # each error that is caught costs milliseconds of looking at paths
os.environ.setdefault("OMP_NUM_THREADS", "1")  # as many processes run as there are processors
sys.path.insert(0, str(Path(__file__).resolve().parent))

from support.frameworks import FrameworkProcess, end_all
from support.recurrent import for_processors_alone
from support.thinned import LONG, mark_out_of_turn

for_processors_alone()

gc.set_threshold(50_000, 20, 20)  # models are many small objects: at 700 a sixth of the time goes into looking for rubbish


def pytest_configure(config: pytest.Config) -> None:
    """Before any test is collected: Hypothesis tests belong to the long ones too, with more examples."""
    if config.option.markexpr == "exhaustive":
        os.environ[LONG] = "1"


HELPED = pytest.StashKey[set[Path]]()
"""Files that ask for frameworks in processes of their own; where tests are shared they are run one after the other."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A matrix of an hour is nothing that plain `pytest` may start; what takes long is not what others wait for at the end."""
    mark_out_of_turn(items)
    if "exhaustive" not in config.option.markexpr:
        long = {item for item in items if item.get_closest_marker("exhaustive")}
        config.hook.pytest_deselected(items=list(long))
        items[:] = [item for item in items if item not in long]
    if hasattr(config, "workerinput"):
        tests = Counter(item.path for item in items)
        helped = config.stash[HELPED] = {item.path for item in items if "processes" in getattr(item, "fixturenames", ())}
        items.sort(
            key=lambda item: (
                item.get_closest_marker("first") is None,
                item.path not in helped,
                -tests[item.path],
                str(item.path),
            )
        )


@pytest.fixture(scope="session", autouse=True)
def _temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever tests and the processes that they kill leave behind, they leave in the folder of this run."""
    folder, before = tmp_path_factory.mktemp("temporary", numbered=False), os.environ.get("TMPDIR")
    os.environ["TMPDIR"], tempfile.tempdir = str(folder), None
    yield
    os.environ.pop("TMPDIR")
    os.environ.update({} if before is None else {"TMPDIR": before})
    tempfile.tempdir = None


def pytest_unconfigure(config: pytest.Config) -> None:
    """pytest takes the folder of a run that passed away, but not the empty one above it."""
    made = getattr(config, "_tmp_path_factory", None)
    if made is not None and made._basetemp is not None and not hasattr(config, "workerinput"):
        with suppress(OSError):
            made._basetemp.parent.rmdir()


ROOM = 256 << 20
"""Bytes by which a process of tests may grow before it is tidied up behind a file."""


def _resident() -> int:
    """Bytes that this process holds, where the system tells (Linux)."""
    statistics = Path("/proc/self/statm")
    return int(statistics.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statistics.exists() else 0


def _lasting() -> None:
    """What lives now is passed over where garbage is looked for, as Keras does behind each model: of all frameworks and tests
    together half a second each time, a third of a whole run."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def _begun() -> list[int]:
    """What this process held when it was last tidied up."""
    _lasting()
    return [_resident()]


@pytest.fixture(scope="module", autouse=True)
def _tidy(_begun: list[int]) -> Iterator[None]:
    """Behind a file of tests models go for good, where they have become many, and their memory back to the system."""
    yield
    grown = _resident() > _begun[0] + ROOM
    if grown:
        for name in ("keras", "tf_keras"):
            if name in sys.modules:
                sys.modules[name].backend.clear_session()
        gc.unfreeze()  # only now: each of the two looks for garbage as well, and all together it is some seconds
    _lasting()
    if grown:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        _begun[0] = _resident()


@pytest.fixture(scope="session")
def processes() -> Iterator[dict[str, FrameworkProcess]]:
    """One process for each framework, shared by all rooms; it lives as long as it is asked for."""
    found: dict[str, FrameworkProcess] = {}
    yield found
    end_all()


@pytest.fixture(scope="module", autouse=True)
def _unneeded(request: pytest.FixtureRequest) -> None:
    """The processes of frameworks end with the last file that asks for them: each holds a third of a gigabyte."""
    if request.path not in request.config.stash.get(HELPED, {request.path}):
        end_all()


@pytest.fixture
def near_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs models in a confined process runs them here, still through files: such a process takes four seconds to start.

    What that process adds is tested in tests/runtime/test_runtime_process.py, tests/attacks/code and tests/cli.
    """
    from configsplit.runtime.confinement import policy

    def run(module: str, arguments: Sequence[str], *_: object, log: BinaryIO, **__: object) -> int:
        try:
            return int(importlib.import_module(module).main(arguments))
        except Exception:  # noqa: BLE001 - it would end a process
            log.write(traceback.format_exc().encode())
            return 1

    monkeypatch.setattr(policy, "run", run)


@pytest.fixture
def near_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch on this machine does its jobs here, as one on ``memory://`` does: a worker takes a third of a second to start.

    What workers add is tested in tests/batches/test_batches_workers.py and test_batches_causes.py, and from the command line.
    """
    from configsplit.batches import engines

    @contextmanager
    def local(jobs: int) -> Iterator[engines.Engine]:
        with ThreadPoolExecutor(1) as executor:
            yield engines.Engine(executor, jobs, f"{jobs} workers", engines.attempt_here)

    monkeypatch.setattr(engines, "local", local)


LEASHED = {"attacks", "cli", "containers", "laws", "weights"}
"""Rooms whose files may be hostile or damaged."""


@pytest.fixture(scope="module")
def unleashed() -> Iterator[None]:
    """Where files are whole, HDF5 reads at once what would be tried in a forked process first.

    To fork a process that holds all frameworks takes as long as ten such reads.
    """
    from configsplit.containers.system import confined

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(confined, "can_fork", lambda: False)
        yield


@pytest.fixture(scope="module", autouse=True)
def _leash(request: pytest.FixtureRequest) -> None:
    rooms = Path(__file__).parent
    assert all((rooms / room).is_dir() for room in LEASHED), "a room of hostile files has moved"
    if request.path.relative_to(rooms).parts[0] not in LEASHED:
        request.getfixturevalue("unleashed")
