"""Plans of real documents: each can be carried out, and the parts are proven to be the whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import corpus
from support.thinned import in_turn

import configsplit
from configsplit.cli.main import cli
from configsplit.errors import ConfigSplitError, CutError, StoreError
from configsplit.verbs.plan import plan
from configsplit.verbs.planned import Plan

RELEASES = corpus.releases()
FINE = {"cut-mask-lost", "cut-mask-unknown", "shape-unknown", "plan-too-many-stages"}
"""Reasons for which a document of the corpus cannot be cut at all there."""

RESIDUAL = RELEASES / "keras-3.0.5" / "residual.json"


SOME = ("keras-3.0.5", "tf-2.15", "tf-2.4", "keras-2.3.1", "tf-1.15")


@pytest.mark.parametrize(("release", "turn"), in_turn([(release, turn) for turn in range(3)] for release in SOME))
def test_plans_of_the_corpus_are_carried_out_and_proven(release: str, turn: int, tmp_path: Path) -> None:
    """Every file in two stages and in three: a third of them each turn."""
    plans = [(path, stages) for path in sorted((RELEASES / release).glob("*.json")) for stages in (2, 3)]
    done = [_carried_out(path, stages, tmp_path / f"{path.stem}-{stages}") for path, stages in plans[turn::3]]
    assert sum(done) > 5


def _carried_out(path: Path, stages: int, out: Path) -> bool:
    try:
        document = configsplit.load(path)
        found = plan(document, stages, balance="params")
        saved = found.save(out, to="json", weights=False)
    except ConfigSplitError as error:
        reason: str | None = error.code
    else:
        reason = None
    if reason is not None:
        assert reason in FINE or reason.startswith(("dialect", "document", "store"))
        return False
    assert saved.proof is not None
    assert len(found.stages) == saved.proof.parts == stages
    assert found.state == ("bounded" if found.uncounted else "optimal")
    assert found.bytes_state == (
        "bounded" if found.uncounted or found.parts.whole.masks else "optimal"
    )  # masks that cross are not priced
    return True


def test_the_command_line_prints_a_plan_and_carries_it_out(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(cli, ["split", str(RESIDUAL), "--stages", "3", "--balance", "params", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "proven optimal" in done.output
    assert "the 3 parts recompose" in done.output
    assert (out / "manifest.json").is_file()


def test_json_has_the_plan_beside_the_manifest(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(cli, ["split", str(RESIDUAL), "--stages", "2", "--out", str(out), "--json"])
    found = json.loads(done.stdout)
    assert found["plan"]["state"] == "optimal"
    assert [set(stage) >= {"cost", "macs", "parameters", "weight_bytes"} for stage in found["plan"]["stages"]] == [True, True]
    given = [tensor["tensor"] for tensor in found["manifest"]["parts"][0]["outputs"]]
    assert found["plan"]["boundaries"][0]["tensors"] == given


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--at", "c2", "--stages", "2"],
        ["--at", "c2", "--balance", "macs"],
        ["--stages", "0"],
        ["--stages", "2", "--max-stage-bytes", "x"],
    ],
)
def test_wrong_usage(arguments: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["split", str(RESIDUAL), *arguments, "--out", str(tmp_path / "out")])
    assert done.exit_code == 2


def test_numbers_come_out_the_same(near_worker: None, tmp_path: Path) -> None:
    found = plan(configsplit.load(RESIDUAL.with_suffix(".keras")), 3)
    saved = found.save(tmp_path / "out", verify="numeric")
    assert saved.numeric is not None
    assert saved.numeric.identical


# ---------------------------------------------------------------- what is balanced, and within which limits


def residual(**options: object) -> Plan:
    return plan(configsplit.load(RESIDUAL), 2, **options)  # type: ignore[arg-type]


def profile_of(path: Path) -> dict[str, float]:
    model = configsplit.load(path).model
    return {layer.name: 1.0 + number for number, layer in enumerate(model.layers) if not layer.is_input}


@pytest.mark.parametrize("balance", ["params", "macs", "bytes"])
def test_stages_add_up(balance: str) -> None:
    found = residual(balance=balance)
    inspected = configsplit.inspect(configsplit.load(RESIDUAL))
    assert sum(stage.macs for stage in found.stages) == inspected.macs
    assert sum(stage.parameters for stage in found.stages) == inspected.parameters
    assert found.largest == max(stage.cost for stage in found.stages)


def test_latency_comes_from_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    times = profile_of(RESIDUAL)
    path.write_text(json.dumps(times))
    found = residual(balance="latency", profile=path)
    assert found.unit == "ns"
    assert sum(stage.cost for stage in found.stages) == round(sum(times.values()) * 1e6)


def test_a_profile_must_fit_the_model() -> None:
    times = profile_of(RESIDUAL)
    first = next(iter(times))
    with pytest.raises(CutError) as caught:
        residual(balance="latency", profile={name: time for name, time in times.items() if name != first})
    assert caught.value.code == "profile-missing-layer"
    with pytest.raises(CutError) as caught:
        residual(balance="latency", profile={**times, f"{first}x": 1.0})
    assert caught.value.code == "profile-unknown-layer"
    assert first in caught.value.hint
    with pytest.raises(CutError) as caught:
        residual(balance="latency")
    assert caught.value.code == "plan-profile"


DEVICES = """
devices:
  - {name: phone, speed: 1.0e9, link: 1.0e6}
  - {name: server, speed: 1.0e12}
"""


def test_devices_have_speeds_and_links(tmp_path: Path) -> None:
    path = tmp_path / "devices.yaml"
    path.write_text(DEVICES)
    found = residual(devices=path)
    phone, server = found.stages
    assert [phone.device, server.device] == ["phone", "server"]
    times = [-(-phone.macs // 1), -(-server.macs // 1000), found.boundaries[0].bytes * 1000]
    assert found.largest == max(times)
    assert found.unit == "ns"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[]", "devices-syntax"),
        ('[{"speed": 0}, {}]', "devices-syntax"),
        ('[{"spede": 1}, {}]', "devices-syntax"),
        ('[{"speed": 1}]', "devices-count"),
        ('[{"speed": 1}, {}]', "devices-speed"),
        ("{", "table-syntax"),
    ],
)
def test_devices_that_cannot_be_used(text: str, code: str, tmp_path: Path) -> None:
    path = tmp_path / "devices.json"
    path.write_text(text)
    with pytest.raises((CutError, StoreError)) as caught:
        residual(devices=path)
    assert caught.value.code == code


def test_memory_bounds_the_weights_of_a_stage() -> None:
    free = residual(balance="params")
    most = max(stage.weight_bytes for stage in free.stages)
    assert residual(balance="macs", max_stage_bytes=most).largest >= residual(balance="macs").largest
    with pytest.raises(CutError) as caught:
        residual(balance="macs", max_stage_bytes=most - 1)
    assert caught.value.code == "plan-infeasible"


def test_boundaries_can_be_bounded() -> None:
    least = min(place.bytes for place in configsplit.cuts(configsplit.load(RESIDUAL)).places if place.bytes)
    assert residual(max_boundary_bytes=least).bytes == least
    with pytest.raises(CutError):
        residual(max_boundary_bytes=least - 1)


def test_the_same_plan_every_time() -> None:
    assert residual().as_json() == residual().as_json()


@pytest.mark.parametrize(
    ("function", "given", "state"),
    [
        ("nn.conv2d", {"filters": [[[[1.0] * 3] * 3]], "strides": 1, "padding": "SAME"}, "bounded"),
        ("nn.nobody_knows", {}, "bounded"),
        ("nn.relu", {}, "optimal"),
    ],
)
def test_an_operation_whose_products_nobody_counts_makes_no_plan_optimal(
    function: str, given: dict[str, object], state: str, tmp_path: Path
) -> None:
    def layer(class_name: str, name: str, config: dict[str, object], *source: object) -> dict[str, object]:
        nodes = [[[*source]]] if source else []
        return {"class_name": class_name, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}

    conv = {"filters": 3, "kernel_size": [1, 1]}
    layers = [
        layer("InputLayer", "image", {"batch_input_shape": [None, 8, 8, 3], "dtype": "float32"}),
        layer("Conv2D", "first", conv, "image", 0, 0, {}),
        layer("TFOpLambda", "called", {"function": function}, "first", 0, 0, given),
        layer("Conv2D", "last", conv, "called", 0, 0, {}),
    ]
    layers[2]["inbound_nodes"] = [["first", 0, 0, given]]
    config = {"name": "whole", "layers": layers, "input_layers": [["image", 0, 0]], "output_layers": [["last", 0, 0]]}
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"class_name": "Functional", "config": config, "keras_version": "2.15.0"}))
    found = plan(configsplit.load(path), 2, shapes=["called=None,8,8,3"])
    assert found.state == state
    assert found.uncounted == (() if state == "optimal" else ("called",))
