"""The qualitative findings of Neurosurgeon (Kang et al., ASPLOS 2017) on the networks that it uses and Keras has."""

from __future__ import annotations

from pathlib import Path

import networks
import pytest

from configsplit.boundaries.costs import Costs
from configsplit.graph.calls import call_graph
from configsplit.models.document import Document
from configsplit.verbs.cuts import ALL_HEAD, ALL_TAIL, Cut, TwoDevices, cuts

PHONE, SERVER = 1e11, 1e13
"""Multiply-accumulates a second of the two graphics processors, in round numbers."""

MEMORY = {PHONE: 1e10, SERVER: 2.5e11}
"""Bytes of weights that each reads in a second: what bounds the fully connected layers."""

LINKS = [10 ** (exponent / 10) for exponent in range(30, 101)]
"""Bytes a second, from 1 kB/s to 10 GB/s."""

JPEG = 150_000
"""Bytes of a photo as it is sent."""


@pytest.fixture(scope="module", params=["AlexNet", "VGG16", pytest.param("VGG19", marks=pytest.mark.exhaustive)])
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Document:
    return networks.document(str(request.param), tmp_path_factory.mktemp("networks"))


def roofline(document: Document, speed: float, memory: float) -> dict[str, float]:
    """Milliseconds of each layer: its multiply-accumulates or its weights, whichever takes longer."""
    costs = Costs(call_graph(document.model), document.infer())
    pairs = zip(costs.graph.calls, costs.macs.own, costs.weights.own, strict=True)
    return {call.layer: 1000 * max(macs / speed, weights / memory) for call, macs, weights in pairs}


def best(document: Document, link: float, *, head: float = 1.0, tail: float = 1.0, sent: int | None = None) -> Cut:
    """The best place, with a device and a server so many times faster than usual."""
    profiles = [roofline(document, factor * speed, factor * MEMORY[speed]) for factor, speed in ((head, PHONE), (tail, SERVER))]
    devices = TwoDevices(head=profiles[0], tail=profiles[1], link=link, input_bytes=sent)
    return cuts(document, devices=devices).places[0]


def test_a_slow_link_keeps_everything_on_the_device(network: Document) -> None:
    assert best(network, 1e3).through == ALL_HEAD


def test_a_fast_link_to_a_fast_server_sends_everything_there(network: Document) -> None:
    assert best(network, 1e10).through == ALL_TAIL


def test_a_device_that_is_as_fast_as_the_server_keeps_everything(network: Document) -> None:
    assert best(network, 1e6, head=100.0).through == ALL_HEAD


def test_between_them_the_best_place_is_right_behind_a_pooling_layer(network: Document) -> None:
    places = [best(network, link) for link in LINKS]
    inside = {place.at for place in places if place.at}
    assert any("pool" in at for at in inside)
    fully_connected = {"flatten", "fc1", "fc2", "fc6", "fc7", "fc8", "predictions"}
    assert all("pool" in at for at in inside - fully_connected)


def test_a_faster_link_moves_the_best_place_forward(network: Document) -> None:
    places = [best(network, link, sent=JPEG).before.macs for link in LINKS]
    assert places == sorted(places, reverse=True)


def test_a_slower_server_moves_the_best_place_back(network: Document) -> None:
    places = [best(network, 1e7, tail=1 / 2**step).before.macs for step in range(10)]
    assert places == sorted(places)


def test_a_slower_device_moves_the_best_place_forward(network: Document) -> None:
    places = [best(network, 3e5, head=1 / 2**step).before.macs for step in range(10)]
    assert places == sorted(places, reverse=True)
    assert len(set(places)) > 1


def test_a_network_whose_tensors_hardly_shrink_is_not_cut_in_the_middle(tmp_path: Path) -> None:
    """MobileNet, without pooling and with little to compute: one end or the other, as the paper finds for such networks."""
    document = networks.document("MobileNet", tmp_path)
    assert best(document, 1e3).through == ALL_HEAD
    assert best(document, 1e8, sent=JPEG).through == ALL_TAIL


def test_latency_is_the_sum_of_both_sides_and_the_link(network: Document) -> None:
    for place in cuts(network, devices=TwoDevices(head=1e9, tail=2e9, link=1e6)).places:
        assert place.latency is not None
        expected = place.before.macs / 1e9 + (place.bytes + place.input_bytes) / 1e6 + place.after.macs / 2e9
        assert place.latency.total == pytest.approx(expected)
