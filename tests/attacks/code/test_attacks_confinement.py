"""Code that got past every check (it is let in on purpose) meets the operating system; without it the same code succeeds."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from configsplit.errors import RuntimeUnavailableError, VerificationError
from configsplit.runtime.confinement import policy, start
from configsplit.runtime.confinement.policy import Limits, in_force, mode, profile, run

pytestmark = pytest.mark.first

HERE = Path(__file__).resolve().parent
PATIENCE = 120
"""Seconds for what is certain to come, however busy the machine is."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="what Linux has")

# with a network of its own nothing there can be reached either; these are of Landlock and not of namespaces
READING = {"read a secret", "list a foreign folder", "read another process"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A model that may be read, a secret that may not, and somebody who listens."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.json").write_text("{ }  ")
    for name in ("removable", "renamable"):
        (tmp_path / "models" / name).write_text("x")
    (tmp_path / "private").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.syspath_prepend(str(HERE))
    place = os.path.relpath(tmp_path / "s")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(place)
        unix.listen()
        yield {
            "outside": str(tmp_path / "outside"),
            "model": str(tmp_path / "models" / "model.json"),
            "parent": os.getpid(),
            "port": server.getsockname()[1],
            "socket": str(tmp_path / "s"),
        }


def told(world: dict[str, Any], limits: Limits) -> dict[str, str]:
    private = Path(world["outside"]).parent / "private"
    (private / "job.json").write_text(json.dumps(world))
    with (private / "log").open("w+b") as log:
        code = run("attempts", [str(private / "job.json")], private, read=[Path(world["model"])], limits=limits, log=log)
        log.seek(0)
        assert code == 0, log.read().decode()
    answer: dict[str, str] = json.loads((private / "result.json").read_text())
    return answer


@linux
def test_every_attempt_is_stopped(world: dict[str, Any]) -> None:
    before = _state(world)
    found = told(world, Limits(timeout=600))
    assert {name for name, end in found.items() if end == "done"} == set()
    assert len(found) > 25
    assert _state(world) == before


@linux
def test_without_confinement_the_same_attempts_succeed(world: dict[str, Any]) -> None:
    found = told(world, Limits(timeout=600, confined=False))
    failed = {name for name, end in found.items() if end != "done"}
    assert failed <= {"trace", "io_uring", "call by 32-bit numbers", "leave the group", "raise its limits", "unshare"}, found


@linux
def test_where_there_is_no_landlock_namespaces_hold(world: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    if subprocess.run(["unshare", "-Urnm", "true"], check=False, capture_output=True).returncode:
        monkeypatch.setattr(policy, "mode", lambda limits: "namespaces")
        with pytest.raises(RuntimeUnavailableError) as caught:  # and where there are none either, nothing is built
            told(world, Limits(timeout=600))
        assert caught.value.code == "runtime-not-confined"
        return
    monkeypatch.setattr(policy, "mode", lambda limits: "namespaces")
    before = _state(world)
    found = told(world, Limits(timeout=600))
    assert {name for name, end in found.items() if end == "done"} <= READING
    assert _state(world) == before


def _state(world: dict[str, Any]) -> dict[str, tuple[int, float]]:
    places = [Path(world["outside"]), Path(world["model"]).parent]
    return {str(path): (path.stat().st_size, path.stat().st_mtime) for place in places for path in sorted(place.rglob("*"))}


@linux
def test_time_ends_the_whole_group(world: dict[str, Any], tmp_path: Path) -> None:
    number, private = tmp_path / "private" / "number", tmp_path / "private"
    for seconds in (3, 30, 300):  # until it was long enough to start
        with (private / "log").open("wb") as log, pytest.raises(TimeoutError):
            run("sleeper", [str(number)], private, read=[], limits=Limits(timeout=seconds, confined=False), log=log)
        if number.exists():
            break
    _assert_ends(int(number.read_text()))


PARENT = """
import sys
from pathlib import Path
from configsplit.runtime.confinement.policy import Limits, run
private = Path(sys.argv[1])
with (private / "log").open("wb") as log:
    run("sleeper", [str(private / "number")], private, read=[], limits=Limits(confined=False), log=log)
"""


@linux
def test_a_worker_ends_with_its_parent(world: dict[str, Any], tmp_path: Path) -> None:
    """The parent is killed, so that it can do nothing about it; a worker that is confined has no processes of its own."""
    private = tmp_path / "private"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(private)])
    worker = _wait_for(lambda: _child_of(parent.pid))
    parent.kill()
    parent.wait()
    _assert_ends(worker)


def _child_of(pid: int) -> int:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(text[0]) if text else 0


def _wait_for(find: Any) -> int:
    for _ in range(20 * PATIENCE):
        if found := find():
            return int(found)
        time.sleep(0.05)
    raise AssertionError("it never came")


def _assert_ends(pid: int) -> None:
    for _ in range(20 * PATIENCE):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError(f"{pid} is still there")


@linux
def test_a_process_with_threads_is_not_confined_and_builds_nothing(tmp_path: Path) -> None:
    code = (
        "import threading, os, json\n"
        "from configsplit.runtime.confinement import start\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        f"p = {str(tmp_path / 'policy.json')!r}\n"
        "json.dump({'mode': 'linux', 'read': [], 'write': [], 'parent': os.getppid()}, open(p, 'w'))\n"
        "os._exit(start.main([p, 'antigravity']))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == start.NOT_CONFINED


def test_other_systems_need_to_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy.sys, "platform", "win32")
    with pytest.raises(RuntimeUnavailableError) as caught:
        mode(Limits())
    assert caught.value.code == "runtime-not-confined"
    assert "--unconfined" in caught.value.hint
    assert mode(Limits(confined=False)) == "none"


def test_the_profile_for_macos_denies_by_default(tmp_path: Path) -> None:
    text = profile(["/models/a b"], [str(tmp_path)])
    assert text.splitlines()[:2] == ["(version 1)", "(deny default)"]
    assert "network" not in text
    assert "process-fork" not in text
    assert f'(allow file-write* (subpath "{tmp_path}") (literal "/dev/null"))' in text
    assert text.count("(") == text.count(")")


@linux
def test_what_is_in_force_is_found_out_and_told() -> None:
    held = " ".join(in_force())
    assert "Landlock" in held or "namespaces" in held
    assert all(word in held for word in ("seccomp", "memory"))
    assert "seccomp" not in " ".join(in_force(Limits(confined=False)))


def test_the_environment_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "LD_PRELOAD", "PYTHONSTARTUP", "TF_XLA_FLAGS", "KERAS_HOME"):
        monkeypatch.setenv(name, "x")
    assert not {"AWS_SECRET_ACCESS_KEY", "LD_PRELOAD", "PYTHONSTARTUP", "TF_XLA_FLAGS", "KERAS_HOME"} & set(
        policy.environment()
    )


# --------------------------------------------------------------------------------------------- in real frameworks

PLUGIN = """
from configsplit.catalog.facts import LayerFacts, same_as_input
LAYERS = [LayerFacts(class_name="Canary", outputs=same_as_input, keras_class="canary_class:Canary")]
"""
CLASS = """
import keras, os, socket, subprocess
from pathlib import Path

class Canary(keras.layers.Layer):
    def call(self, x):
        for attempt in (self.write, self.connect, self.spawn):
            try:
                attempt()
            except OSError:
                pass
        return x * 2
    def write(self):
        Path(CANARY).write_text("x")
    def connect(self):
        socket.create_connection(("127.0.0.1", PORT), 1).close()
    def spawn(self):
        subprocess.run(["touch", CANARY])
"""


def _model(layers: list[dict[str, Any]], path: Path) -> Path:
    import attacks

    document = attacks.keras3_document(layers[0])
    path.write_text(json.dumps(document))
    return path


def _numeric(path: Path, parts: Path, *, limits: Limits, specs: tuple[str, ...] = ()) -> Any:
    from configsplit.models.document import load
    from configsplit.saving.parts import save
    from configsplit.verbs.split import split

    return save(split(load(path, custom_objects=specs), ["d"]), parts, verify="numeric", specs=specs, limits=limits)


@linux
def test_a_plug_ins_class_is_held_as_well(world: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("keras")
    canary = tmp_path / "outside" / "canary"
    (tmp_path / "plugin.py").write_text(PLUGIN)
    text = CLASS.replace("CANARY", repr(str(canary))).replace("PORT", str(world["port"]))
    (tmp_path / "canary_class.py").write_text(text)
    specs = (str(tmp_path / "plugin.py"),)
    path = _model([{"module": None, "class_name": "Canary", "registered_name": "Canary", "config": {}}], tmp_path / "m.json")
    saved = _numeric(path, tmp_path / "held", limits=Limits(timeout=600), specs=specs)
    assert saved.numeric.identical
    assert not canary.exists()
    _numeric(path, tmp_path / "free", limits=Limits(timeout=600, confined=False), specs=specs)
    assert canary.exists()


@linux
@pytest.mark.exhaustive  # TensorFlow waits ten seconds for memory that never comes
def test_a_layer_of_a_thousand_million_units_ends_in_a_coded_error(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    dense = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1_000_000_000}}
    path = _model([dense], tmp_path / "m.json")
    with pytest.raises(VerificationError) as caught:
        _numeric(path, tmp_path / "parts", limits=Limits(timeout=600, memory=4 << 30))
    assert caught.value.code == "runtime-out-of-memory"
    assert not (tmp_path / "parts").exists()


BARE = """
import json, sys
from pathlib import Path
from configsplit.runtime import build
from configsplit.runtime.frameworks import framework

build.refuse_hazards = lambda *_, **__: None  # the first gate is taken away: what is left must hold

def main(arguments):
    told = {}
    for name, place in json.loads(Path(arguments[0]).read_text()).items():
        try:
            works = framework("keras" if place["dialect"] == "keras3" else "tf_keras")
            model = build.load(Path(place["path"]), framework=works, classes={})
            told[name] = "built"
        except BaseException as error:
            told[name] = f"{type(error).__name__}: {error}"[:300]
    Path(arguments[0]).with_name("result.json").write_text(json.dumps(told))
    return 0
"""


@linux
def test_with_the_first_gate_open_nothing_gets_out(
    world: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every attack is given to the framework's own loader: the resolver and the operating system are all that is left."""
    pytest.importorskip("keras")
    import attacks

    private, canary = tmp_path / "private", tmp_path / "outside" / "canary"
    (tmp_path / "models" / "bare.py").write_text(BARE)
    monkeypatch.setenv("PYTHONPATH", f"{HERE}{os.pathsep}{tmp_path / 'models'}")
    before = _state(world)
    last = sorted(attacks.ATTACKS, key=lambda each: each.name == "dump_debug_info")  # it spoils the process for all others
    files = {each.name: {"path": str(each.write(private, canary)), "dialect": each.dialect} for each in last}
    (private / "files.json").write_text(json.dumps(files))
    with (private / "log").open("w+b") as log:
        code = run(
            "bare", [str(private / "files.json")], private, read=[tmp_path / "models"], limits=Limits(timeout=6000), log=log
        )
        log.seek(0)
        assert code == 0, log.read().decode("utf-8", "replace")[-3000:]
    found = json.loads((private / "result.json").read_text())
    assert not canary.exists()
    assert _state(world) == {**before, **{k: v for k, v in _state(world).items() if "models" in k and "bare" in k}}
    built = {name for name, end in found.items() if end == "built"}
    assert not {name for name in built if name.startswith(("lambda", "keras_hub", "activation_e", "activation_o"))}, found
    by_name = {name for name, end in found.items() if "not known to be harmless" in end}
    assert {"lambda_exec", "keras_hub", "saved_model", "cell_wrapper_bytecode", "operation_map", "gfile"} <= by_name, found


PLAIN = """
import json, sys
from pathlib import Path
import keras, numpy, tf_keras

def end(place):
    works = keras if place["dialect"] == "keras3" else tf_keras
    told = ""
    try:
        model = works.models.model_from_json(Path(place["path"]).read_text())
        told = "loaded"
        model(numpy.zeros((1, 4, 3), "float32"))
        told = "run"
    except BaseException as error:
        told = told or f"{type(error).__name__}: {error}"[:300]
    return "fired" if place["canary"] and Path(place["canary"]).exists() else told

def main(arguments):
    keras.config.enable_unsafe_deserialization()
    tf_keras.src.saving.serialization_lib.enable_unsafe_deserialization()
    files = json.loads(Path(arguments[0]).read_text())
    told = [{name: end(place) for name, place in each.items()} for each in files]
    Path(arguments[0]).with_name("result.json").write_text(json.dumps(told))
    return 0
"""


@linux
def test_the_attacks_are_live_and_their_controls_run(
    world: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same files in Keras itself, out of safe mode and not confined: a canary that no attack can reach would prove nothing
    above. Without the hostile bit it builds and runs them, so an attack is refused for what it is. A call on constants alone no
    Keras can finish, whatever it calls."""
    pytest.importorskip("tf_keras")
    import attacks

    private, outside = tmp_path / "private", tmp_path / "outside"
    harmless = {
        each.name: {"path": str(each.write_control(private)), "canary": "", "dialect": each.dialect}
        for each in attacks.CONTROLS
    }
    last = sorted(attacks.ATTACKS, key=lambda each: each.name == "dump_debug_info")  # it spoils the process for all others
    hostile = {
        each.name: {
            "path": str(each.write(private, outside / each.name)),
            "canary": str(outside / each.name),
            "dialect": each.dialect,
        }
        for each in last
    }
    (tmp_path / "models" / "plain.py").write_text(PLAIN)
    monkeypatch.setenv("PYTHONPATH", f"{HERE}{os.pathsep}{tmp_path / 'models'}")
    (private / "files.json").write_text(json.dumps([harmless, hostile]))
    with (private / "log").open("w+b") as log:
        run("plain", [str(private / "files.json")], private, read=[], limits=Limits(timeout=600, confined=False), log=log)
        log.seek(0)
        assert (private / "result.json").exists(), log.read().decode("utf-8", "replace")[-3000:]
    ran, told = json.loads((private / "result.json").read_text())
    for attack in attacks.CONTROLS:
        if attack.on_constants:
            assert "_keras_history" in ran[attack.name], (attack.name, ran[attack.name])
        else:
            assert ran[attack.name] == "run", (attack.name, ran[attack.name])
    assert {name for name, end in told.items() if end == "fired"} == {each.name for each in attacks.ATTACKS if each.fires}


def test_what_compile_would_use_is_not_even_looked_up(tmp_path: Path) -> None:
    """It is no hazard, since nothing here trains; Keras 3 compiles what it reads from JSON, if it is let."""
    keras = pytest.importorskip("keras")
    from configsplit.runtime import build
    from configsplit.runtime.frameworks import framework

    path = _model([{"module": "keras.layers", "class_name": "Dense", "config": {"units": 2}}], tmp_path / "m.json")
    document = json.loads(path.read_text())
    evil = {"module": "os", "class_name": "system", "config": {"command": "true"}, "registered_name": None}
    for optimizer in ("adam", evil):
        path.write_text(json.dumps({**document, "compile_config": {"optimizer": optimizer, "loss": "mse"}}))
        assert not build.load(path, framework=framework("keras"), classes={}).compiled
    with pytest.raises(TypeError, match="system"):
        keras.models.model_from_json(path.read_text())


@linux
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_kernel_sees_no_foreign_file_written_and_no_connection(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    dense = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 2}}
    path, log = _model([dense], tmp_path / "m.json"), tmp_path / "strace.log"
    calls = "trace=execve,execveat,fork,vfork,connect,bind,sendto,openat,open,creat,rename,renameat2,unlink,unlinkat,mkdir"
    command = [sys.executable, "-m", "configsplit", "split", str(path), "--at", "d", "--out", str(tmp_path / "parts")]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", "CUDA_VISIBLE_DEVICES": "-1"}
    subprocess.run(
        ["strace", "-f", "-qq", "-e", calls, "-o", str(log), *command, "--verify", "numeric"],
        check=True, env=environment, timeout=300, capture_output=True,
    )  # fmt: skip
    done = [line for line in log.read_text("utf-8", "replace").splitlines() if " = -1 " not in line]
    opened = [line for line in done if "open" in line and any(flag in line for flag in ("O_WRONLY", "O_RDWR", "O_CREAT"))]
    foreign = [line for line in opened if str(tmp_path) not in line and "/dev/null" not in line and "/proc/self/" not in line]
    assert foreign == []
    assert [line for line in done if any(name in line for name in ("connect(", "bind(", "sendto("))] == []
    programs = [line for line in done if "execve(" in line and "configsplit" not in line]
    assert programs == []
