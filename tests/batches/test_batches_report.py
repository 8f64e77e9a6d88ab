"""``report.html`` in a real browser: readable, filters that filter, nothing loaded, no complaints; and everything escaped."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import zoos
from support.browser import visit

from configsplit.batches.batch import batch

KERAS3 = zoos.RELEASES / "keras-3.15.1"
EVIL = "<img src=x onerror=alert(1)>'\"&.json"
ROWS = "[...document.querySelectorAll('tr.model')].map(row => row.dataset.model)"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a batch with everything in it that a page has to show."""
    folder = tmp_path_factory.mktemp("report")
    zoo = zoos.architectures(folder / "zoo", 230)
    for name in ("residual.keras", "residual.h5", "lambdas.json", "subclassed.json", "struct_nested.json"):
        shutil.copy(KERAS3 / name, zoo / name)
    shutil.copy(zoos.RELEASES / "keras-2.3.1" / "residual.h5", zoo / "old.h5")
    (zoo / "broken.keras").write_bytes(b"PK\x03\x04")
    (zoo / EVIL).write_text(zoos.architecture("</script><script>alert(2)</script>", 4).replace("d1", "<b>d1</b>\u2028"))
    (zoo / "</b>.json".replace("/", "")).write_text("{")
    plan = {
        "recipe": 1,
        "do": [{"split": {"at": "half the layers"}}, {"inspect": {}}],
        "overrides": [
            {"models": "old.h5", "do": {"split": {"stages": "3 by params"}}},
            {"models": "model00007.json", "skip": "not now"},
        ],
    }
    batch(plan, zoo=zoo, out=folder / "out", jobs=2)
    return folder / "out"


def test_the_page_is_whole_and_holds_no_foreign_markup(out: Path) -> None:
    text = (out / "report.html").read_text("utf-8")
    assert not re.search(r"(src|href)=|@import|url\(|http://|https://", text.partition('id="data">')[0])
    assert text.count("<script") == 2
    assert text.count("</script>") == 2
    assert "<img" not in text
    assert "\u2028" not in text
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    shown = json.loads(data[1])
    ledger = zoos.ledger(out)
    assert [row["model"] for row in shown["models"]] == list(ledger)
    for row in shown["models"]:
        line = ledger[row["model"]]
        assert {key: value for key, value in row.items() if key not in ("outputs", "folder", "run")} == {
            key: value for key, value in line.items() if key != "outputs"
        }


def test_the_page_in_a_browser(out: Path, tmp_path: Path) -> None:
    ledger = zoos.ledger(out)
    with visit(out / "report.html", tmp_path / "profile") as (page, run):

        def shown() -> list[str]:
            return list(run(page.run(ROWS)))

        def press(selector: str) -> None:
            run(page.run(f"document.querySelector({json.dumps(selector)}).click()"))

        def choose(control: str, value: str) -> None:
            chosen = f"(e => {{ e.value = {json.dumps(value)}; e.dispatchEvent(new Event('change')); }})"
            run(page.run(f"{chosen}(document.getElementById({json.dumps(control)}))"))

        def text(selector: str) -> str:
            return str(run(page.run(f"document.querySelector({json.dumps(selector)}).innerText")))

        assert len(shown()) == 200
        assert text("#count") == f"{len(ledger)} of {len(ledger)} models"
        press("#more")
        assert shown() == list(ledger)
        for outcome in ("done", "failed", "skipped"):
            press(f"[data-outcome={outcome}]")
            wanted = [name for name, line in ledger.items() if line["outcome"] == outcome]
            assert shown() == wanted[:200]
            assert text("#count").startswith(f"{len(wanted)} of")
        press("#f-reset")
        choose("f-dialect", "keras2")
        assert shown() == ["old.h5"]
        choose("f-dialect", "")
        choose("f-release", "2.3.1")
        assert shown() == ["old.h5"]
        choose("f-release", "")
        choose("f-hazard", "hazard-lambda")
        assert shown() == ["lambdas.json"]
        press("#f-reset")
        choose("f-cause", "archive-damaged")
        assert shown() == ["broken.keras"]
        press("#f-reset")
        _check_search(page, run, shown)
        _check_order(page, run, press, shown, ledger)
        _check_details(page, run, press, text, ledger)
        assert set(page.requests) == {(out / "report.html").resolve().as_uri()}
        assert page.complaints == []


def _check_search(page: Any, run: Any, shown: Any) -> None:
    typed = "(e => { e.value = 'model0000'; e.dispatchEvent(new Event('input')); })(document.getElementById('f-text'))"
    run(page.run(f"{typed}, new Promise(done => setTimeout(done, 300))"))
    assert shown() == [f"000/model0000{digit}.json" for digit in range(10)]
    assert "text=model0000" in run(page.run("location.hash"))
    run(page.run("document.getElementById('f-reset').click()"))


def _check_order(page: Any, run: Any, press: Any, shown: Any, ledger: dict[str, Any]) -> None:
    press("th[data-key=layers] button")
    press("th[data-key=layers] button")
    layers = [ledger[name].get("layers", 0) for name in shown()]
    assert layers == sorted(layers, reverse=True)
    assert layers[0] > layers[-1]
    press("#f-reset")


def _check_details(page: Any, run: Any, press: Any, text: Any, ledger: dict[str, Any]) -> None:
    run(page.run("location.hash = '#outcome=done&text=residual.keras&open=residual.keras'"))
    run(page.run("new Promise(done => setTimeout(done, 100))"))
    told = text("tr.details")
    for part in ledger["residual.keras"]["steps"][0]["parts"]:
        assert part["file"] in told
    tensor = ledger["residual.keras"]["steps"][0]["boundaries"][0]["tensors"][0]
    assert tensor["tensor"] in told
    assert "×".join(map(str, tensor["shape"][1:])) in told
    assert "11 weights" in told
    drawn = "[...document.querySelectorAll('tr.details .cut > {}')].map(each => each.textContent)"
    parts, crossing = (run(page.run(drawn.format(kind))) for kind in ("rect", "line"))
    assert [each.partition(":")[0] for each in parts] == [
        part["file"] for part in ledger["residual.keras"]["steps"][0]["parts"]
    ]
    assert crossing[0].startswith(tensor["tensor"])
    links = run(page.run("[...document.querySelectorAll('tr.details a')].map(link => link.getAttribute('href'))"))
    assert [unquote(link).removeprefix("./models/residual.keras/") for link in links] == [
        item["file"] for item in ledger["residual.keras"]["outputs"]
    ]
    assert "archive" in text("#failed-causes")
    assert "not now" in text("#skipped-causes")
    run(page.run(f"location.hash = '#' + new URLSearchParams({json.dumps({'open': EVIL, 'text': 'img src'})})"))
    run(page.run("new Promise(done => setTimeout(done, 100))"))
    assert EVIL in text("tr.model")
    assert run(page.run("document.querySelectorAll('img, tr b').length")) == 0
    press("#failed-causes button")
    assert run(page.run("document.querySelectorAll('tr.model .badge.failed').length")) > 0


def test_a_link_into_the_page_and_a_narrow_screen(out: Path, tmp_path: Path) -> None:
    with visit(out / "report.html", tmp_path / "profile", "#outcome=failed", width=420) as (page, run):
        failed = [name for name, line in zoos.ledger(out).items() if line["outcome"] == "failed"]
        assert run(page.run(ROWS)) == failed
        assert run(page.run("document.documentElement.scrollWidth <= innerWidth"))
        assert page.complaints == []
