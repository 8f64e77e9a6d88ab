"""The page of a picture: whole, closed to foreign code, and usable in a real browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from drawn_models import HOSTILE, chain, dense, functional, image, layer, loaded, nested_twice, residual
from support.browser import Page, chromium, visit_in

import configsplit
from configsplit.cli.main import cli
from configsplit.pictures.prices import Prices, option, shell_word
from configsplit.pictures.words import amount, size
from configsplit.verbs.plot import plot

SEED = Path(__file__).resolve().parents[1] / "corpus" / "seed" / "resnet152_scale_keras2.0.9.json"


class Parsed(HTMLParser):
    """What a browser makes of a page: its elements with their attributes, and the content of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag in self.raw:
            self.raw[tag].append("")

    def handle_data(self, data: str) -> None:
        if self._inside in self.raw:
            self.raw[self._inside][-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of a model all of whose names mean something, its file's too, and that gives each of them as a place to cut at."""
    folder = tmp_path_factory.mktemp("hostile")
    document = loaded(folder, nested_twice(chain(HOSTILE), name=HOSTILE[0]), "-m <b>'.json")
    plot(document, unfold=True).save(folder / "page.html")
    return folder / "page.html"


def test_the_page_lets_nothing_run_but_its_own_script(hostile: Path) -> None:
    page = Parsed(hostile.read_text("utf-8"))
    policy = next(each["content"] for tag, each in page.elements if each.get("http-equiv") == "Content-Security-Policy")
    style, (data, script) = page.raw["style"], page.raw["script"]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, *style)]
    allowed = f"default-src 'none'; script-src 'sha256-{digests[0]}'; style-src 'sha256-{digests[1]}'"
    assert policy == f"{allowed}; base-uri 'none'; form-action 'none'"
    assert json.loads(data)["places"]
    assert not {tag for tag, _ in page.elements} & {
        "img",
        "b",
        "iframe",
        "link",
        "object",
        "a",
        "image",
        "use",
        "foreignobject",
    }
    keys = {key for _, each in page.elements for key in each}
    assert not [key for key in keys if key.startswith("on") or key in ("src", "href", "xlink:href", "style")]
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", hostile.read_text("utf-8"))


def test_no_mark_turns_the_direction_of_writing(hostile: Path) -> None:
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\u2028]", hostile.read_text("utf-8"))


@pytest.mark.parametrize("word", [*HOSTILE, "plain/name@0:1", "it's", "a b", "=x", "~", "", "\x1b[2J", "line\nline", "é中"])
def test_words_of_commands_are_one_word_of_a_shell(word: str) -> None:
    told = subprocess.run(["bash", "-c", f"printf %s {shell_word(word)}"], capture_output=True, check=True)
    assert told.stdout.decode("utf-8") == word
    assert shell_word(word).isprintable()


def test_a_reference_with_a_dash_is_no_option() -> None:
    assert option("-rf") == "--at=-rf".replace("-rf", shell_word("-rf"))
    assert shlex.split(option("-rf")) == ["--at=-rf"]
    assert Prices("-x.json").command == "configsplit split ./-x.json"


def test_every_place_of_the_verb_cuts_is_there(tmp_path: Path) -> None:
    document = loaded(tmp_path, residual(4))
    plot(document).save(tmp_path / "page.html")
    data = json.loads(Parsed((tmp_path / "page.html").read_text("utf-8")).raw["script"][0])
    places = configsplit.cuts(document).places
    assert [place["said"][0] for place in data["places"]] == [place.at for place in places]
    assert [place["time"] for place in data["places"]] == [
        [place.before.macs, place.bytes + place.input_bytes, place.after.macs]  # type: ignore[operator]
        for place in places
    ]


def test_prices_of_open_sizes_ask_for_them(tmp_path: Path) -> None:
    document = loaded(tmp_path, functional([image("x", None, None, 3), layer("p", "Add", {}, ("x", "x"))], ["x"], ["p"]))  # type: ignore[arg-type]
    plot(document).save(tmp_path / "page.html")
    assert "Prices depend on sizes that are open; give it, for prices only: --size x=1,224,224,3." in (
        tmp_path / "page.html"
    ).read_text("utf-8")


def test_the_page_of_resnet152_is_small(tmp_path: Path) -> None:
    found = plot(SEED)
    found.save(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert text.count("data-box=") >= len(configsplit.load(SEED).model.layers)
    assert len(text.encode()) < 1_500_000


def test_no_folder_is_told(tmp_path: Path) -> None:
    plot(loaded(tmp_path, residual(2))).save(tmp_path / "page.html")
    assert str(tmp_path) not in (tmp_path / "page.html").read_text("utf-8")


def test_views_that_are_too_many_boxes_do_not_open(tmp_path: Path) -> None:
    plot(loaded(tmp_path, chain([f"d{number}" for number in range(9000)]))).save(tmp_path / "page.html")
    data = json.loads(Parsed((tmp_path / "page.html").read_text("utf-8")).raw["script"][0])
    assert list(data["views"]) == ["0"]
    assert [box[2] for box in data["views"]["0"]["boxes"]] == [0, 0]
    assert data["places"] == []
    assert "`configsplit cuts` lists where a model of 9,001 layer calls can be cut" in (tmp_path / "page.html").read_text(
        "utf-8"
    )


# ------------------------------------------------------------------------------------------------------- in a real browser


class Seen(NamedTuple):
    """A page that is open, what runs a script in it to its end, and what makes the room dark."""

    page: Page
    run: Callable[[str], Any]
    darken: Callable[[], Any]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chromium(tmp_path_factory.mktemp("profile")) as address:
        yield address


@pytest.fixture
def seen(browser: str) -> Iterator[Callable[..., Seen]]:
    """Opens pages; closes them when the test is over."""
    with ExitStack() as stack:

        def opened(path: Path, width: int = 1300) -> Seen:
            page, run = stack.enter_context(visit_in(browser, path, width=width))
            return Seen(page, lambda script: run(page.run(script)), lambda: run(page.dark()))

        yield opened


VISIBLE = "[...document.querySelectorAll('#picture .b')].map(b => b.querySelector('title').textContent.split(' · ')[0])"
COMMAND = "document.getElementById('command').textContent"


def key(name: str, on: str = "document.activeElement") -> str:
    return f"{on}.dispatchEvent(new KeyboardEvent('keydown', {{key: {json.dumps(name)}, bubbles: true, cancelable: true}}))"


def typed(words: str) -> str:
    return f"(e => {{ e.value = {json.dumps(words)}; e.dispatchEvent(new Event('input')) }})(document.getElementById('search'))"


def test_boxes_unfold_and_fold(seen: Callable[..., Seen], tmp_path: Path) -> None:
    plot(loaded(tmp_path, residual(5))).save(tmp_path / "page.html")
    page, run, _ = seen(tmp_path / "page.html")
    assert run(VISIBLE) == ["x", "stem", "b0 … b4", "pool", "head"]
    height = run("document.getElementById('picture').viewBox.baseVal.height")
    run("document.querySelector('.group').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert run(VISIBLE) == ["x", "stem", "b0 … b4", "pool", "head", "b0", "b1", "b2", "b3", "b4"]
    assert run("document.getElementById('picture').viewBox.baseVal.height") > height + 5 * 60
    assert run("document.querySelector('.group').getAttribute('aria-expanded')") == "true"
    run("document.querySelector('[data-box=\"1.2\"]').focus()")
    run(key("Enter"))
    assert run(VISIBLE)[-3:] == ["b2_1", "b2_2", "b2_out"]
    run(key("f", "document.body"))
    assert run(VISIBLE) == ["x", "stem", "b0 … b4", "pool", "head"]
    assert run("document.getElementById('picture').viewBox.baseVal.height") == height
    assert (page.complaints, len(page.requests)) == ([], 1)


FAULTS = """(() => {
  const faults = [], near = (one, other) => Math.abs(one - other) < 3;
  const frame = box => box.querySelector(box.classList.contains('isOpen') ? '.opened rect' : 'rect:last-of-type');
  for (const view of document.querySelectorAll('#picture .view')) {
    const of = kind => [...view.children].filter(each => each.classList.contains(kind));
    const rects = of('b').map(box => frame(box).getBoundingClientRect());
    const meet = (one, two) => one.left < two.right && two.left < one.right && one.top < two.bottom && two.top < one.bottom;
    rects.forEach((one, number) => { if (rects.slice(0, number).some(two => meet(one, two))) faults.push('boxes'); });
    for (const line of of('l')) {
      const at = length => line.getPointAtLength(length).matrixTransform(line.getScreenCTM());
      const touches = point => rects.some(each => point.x > each.left && point.x < each.right
        && (near(point.y, each.top) || near(point.y, each.bottom)));
      const ends = [at(0), at(line.getTotalLength())], edge = view.parentNode.classList.contains('view');
      if (ends.filter(touches).length < (edge ? 1 : 2)) faults.push(line.textContent);
    }
  }
  return faults;
})()"""


def test_what_is_open_lies_inside_and_lines_meet_boxes(seen: Callable[..., Seen], tmp_path: Path) -> None:
    """With everything open no two boxes of a view lie on each other, and each line ends at boxes."""
    plot(loaded(tmp_path, nested_twice(residual(3)))).save(tmp_path / "page.html")
    _, run, _ = seen(tmp_path / "page.html")
    for _ in range(4):
        run(key("u", "document.body"))
    assert run(FAULTS) == []
    assert len(run(VISIBLE)) > 2 * (5 + 3 + 9)


def test_search_opens_what_is_folded(seen: Callable[..., Seen], tmp_path: Path) -> None:
    plot(loaded(tmp_path, residual(5))).save(tmp_path / "page.html")
    page, run, _ = seen(tmp_path / "page.html")
    run(key("/", "document.body"))
    assert run("document.activeElement.id") == "search"
    run(typed("b3_2"))
    assert run("[...document.querySelectorAll('#found button')].map(b => b.textContent.split(' · ')[0])") == ["b3_2"]
    run(key("Enter"))
    assert run("document.querySelector('.picked > title').textContent").startswith("b3_2 · Conv2D · 8×8×4")
    assert run("document.getElementById('about').textContent") == "b3_2"
    assert page.complaints == []


def test_a_place_writes_the_command(seen: Callable[..., Seen], tmp_path: Path) -> None:
    """By mouse and by keys; the command cuts there."""
    document = loaded(tmp_path, residual(4))
    plot(document).save(tmp_path / "page.html")
    page, run, _ = seen(tmp_path / "page.html")
    places = [place.at for place in configsplit.cuts(document).places]
    number = places.index("b1_out")
    share = (number + 0.5) / len(places)
    event = f"new MouseEvent('click', {{bubbles: true, clientX: place.left + place.width * {share}}})"
    curve = "document.getElementById('curve')"
    run(f"(place => {curve}.dispatchEvent({event}))({curve}.getBoundingClientRect())")
    assert run(COMMAND) == "configsplit split m.json --at b1_out --out parts"
    assert run("[...document.querySelectorAll('.gives > title')].map(t => t.textContent.split(' · ')[0])") == ["b0 … b3"]
    run("document.getElementById('curve').focus()")
    run(key("Home"))
    run(key(" "))
    assert run(COMMAND) == f"configsplit split m.json --at {places[0]} --at b1_out --out parts"
    done = subprocess.run(
        ["bash", "-c", run(COMMAND).replace("configsplit", "python -m configsplit", 1)],
        cwd=tmp_path,
        env={
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "parts" / "part-2.json").is_file()
    assert page.complaints == []


RED_BELOW = """new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
  const map = document.getElementById('map'), half = Math.floor(map.height / 2);
  const {data} = map.getContext('2d').getImageData(1, half, 1, half);
  done([...Array(half).keys()].filter(y => data[4 * y] > 200 && data[4 * y + 1] < 80).length);
})))"""
GIVES_ON_SCREEN = """(room => [...document.querySelectorAll('.gives')].map(each => each.getBoundingClientRect())
  .every(r => r.top > room.top && r.bottom < room.bottom))(document.getElementById('paper').getBoundingClientRect())"""


def test_what_crosses_is_named_seen_small_and_led_to(seen: Callable[..., Seen], tmp_path: Path) -> None:
    """Pointing at a place moves nothing, and marks it in the small picture; the click brings what crosses onto the screen."""
    document = loaded(tmp_path, residual(12))
    plot(document, unfold=True).save(tmp_path / "page.html")
    page, run, _ = seen(tmp_path / "page.html")
    found = configsplit.cuts(document)
    number = next(number for number, place in enumerate(found) if place.at == "b9_1")

    def mouse(event: str) -> None:
        at = f"clientX: place.left + place.width * {(number + 0.5) / len(found)}, bubbles: true"
        curve = "document.getElementById('curve')"
        run(f"(place => {curve}.dispatchEvent(new {event}, {{{at}}})))({curve}.getBoundingClientRect())")

    mouse("PointerEvent('pointermove'")
    assert run("document.getElementById('place').children[1].textContent").endswith(" cross in 2 tensors: b8_out, b9_1")
    assert (run("document.getElementById('paper').scrollTop"), run(GIVES_ON_SCREEN)) == (0, False)
    assert run(RED_BELOW) > 0
    mouse("MouseEvent('click'")
    assert run(GIVES_ON_SCREEN)
    assert page.complaints == []


def test_sliders_move_the_best_place(seen: Callable[..., Seen], tmp_path: Path) -> None:
    """A slow link asks for few bytes; a fast one and a slow first device for the beginning."""
    plot(SEED).save(tmp_path / "page.html")
    page, run, _ = seen(tmp_path / "page.html")

    def best(head: float, tail: float, link: float) -> str:
        for name, value in (("head-speed", head), ("tail-speed", tail), ("link", link)):
            run(f"(e => {{ e.value = {value}; e.dispatchEvent(new Event('input')) }})(document.getElementById('{name}'))")
        return str(run("document.getElementById('best').textContent")).partition(":")[0]

    places = {place.at: place for place in configsplit.cuts(configsplit.load(SEED)).places}
    assert places[best(14, 14, 4)].bytes == min(place.bytes for place in places.values())
    early = places[best(8, 14, 10)]
    assert early.before.macs == min(place.before.macs for place in places.values())  # type: ignore[type-var]
    assert page.complaints == []


def test_the_best_place_is_that_of_cuts(seen: Callable[..., Seen], tmp_path: Path) -> None:
    """Speeds are typed off the page into `configsplit cuts`, which ranks the same place first, by the same milliseconds."""
    document = loaded(tmp_path, residual(4))
    plot(document).save(tmp_path / "page.html")
    page, run, _ = seen(tmp_path / "page.html")
    for positions in ((8.3, 11.7, 4.9), (9, 9, 8), (13.1, 8.2, 9.9), (8, 8, 4)):
        for name, value in zip(("head-speed", "tail-speed", "link"), positions, strict=True):
            run(f"(e => {{ e.value = {value}; e.dispatchEvent(new Event('input')) }})(document.getElementById('{name}'))")
        shown = [
            run(f"document.getElementById('{name}').nextElementSibling.textContent") for name in ("head-speed", "tail-speed")
        ]
        speeds = [f"--head-speed={shown[0].replace(' ', '')[:-5]}", f"--tail-speed={shown[1].replace(' ', '')[:-5]}"]
        link = run("document.getElementById('link').nextElementSibling.textContent").replace(" ", "")[:-3]
        told = CliRunner().invoke(cli, ["cuts", str(document.path), *speeds, f"--link={link}", "--json"])
        rows = json.loads(told.stdout)["cuts"]
        first = next(row for row in rows if row["at"])
        seconds = {row["through"]: row["seconds"]["total"] for row in rows if not row["at"]}
        at, shown_ms = run("document.getElementById('best').textContent").split(": ")
        assert at == first["at"]
        assert float(shown_ms.removesuffix(" ms")) == float(f"{first['seconds']['total'] * 1000:.4g}")
        uncut = re.findall(r"([\d.e+-]+) ms", run("document.getElementById('uncut').textContent"))
        ends = [seconds["(all on the tail)"], seconds["(all on the head)"]]
        assert list(map(float, uncut)) == [float(f"{second * 1000:.4g}") for second in ends]
    assert page.complaints == []


def test_pipelines_are_those_of_the_planner(seen: Callable[..., Seen], tmp_path: Path) -> None:
    document = loaded(tmp_path, residual(4))
    plot(document, stages=16).save(tmp_path / "page.html")
    page, run, _ = seen(tmp_path / "page.html")
    counts = run("[...document.getElementById('stages').options].map(each => each.value)")
    assert counts == ["", *map(str, range(2, 16))]  # the layers that compute, and no more
    for count in (2, 5, 15):
        plan = configsplit.plan(document, count)
        run(f"(e => {{ e.value = '{count}'; e.dispatchEvent(new Event('change')) }})(document.getElementById('stages'))")
        largest, across, *boundaries = run("[...document.querySelectorAll('#staged li')].map(each => each.textContent)")
        assert largest == f"largest stage {amount(int(plan.largest))} multiply-accumulates, {plan.state}"  # type: ignore[call-overload]
        assert across == f"{size(int(plan.bytes))} across all boundaries, {plan.bytes_state}"  # type: ignore[call-overload]
        assert boundaries == [f"{number}. {', '.join(each.tensors)}" for number, each in enumerate(plan.boundaries, 1)]
        assert run(COMMAND) == f"configsplit split m.json --stages {count} --out parts"
    run("document.getElementById('clear').click()")
    assert run("document.getElementById('chosen').hidden")
    assert page.complaints == []


def test_keys_walk_from_box_to_box(seen: Callable[..., Seen], tmp_path: Path) -> None:
    """Along lines, into what is open and out again, beside each other; Enter opens, Escape lets go; here, too, one can cut."""
    plot(loaded(tmp_path, nested_twice(residual(4)))).save(tmp_path / "page.html")
    page, run, _ = seen(tmp_path / "page.html")

    def walked(*keys: str) -> str:
        for each in keys:
            run(key(each, "document.body"))
        return str(run("document.querySelector('.picked > title')?.textContent.split(' · ')[0]"))

    assert walked("ArrowDown") == "left"
    assert walked("ArrowRight") == "right"
    assert walked("ArrowDown", "ArrowDown") == "stem"  # into the second call, which is open
    assert walked("ArrowDown") == "b0 … b3"
    assert walked("Enter", "ArrowDown", "ArrowUp") != "b0 … b3"
    assert walked("Escape") == "None"
    run("document.querySelector('[data-box=\"0.0\"]').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert walked("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown") == "sum"
    run("document.querySelector('[data-box$=\".1\"]').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert page.complaints == []


def test_a_box_is_cut_at(seen: Callable[..., Seen], tmp_path: Path) -> None:
    plot(loaded(tmp_path, residual(4)), unfold=True).save(tmp_path / "page.html")
    page, run, _ = seen(tmp_path / "page.html")
    for number in (6, 10):  # b1_2, b2_out
        run(f"document.querySelector('[data-box=\"0.{number}\"]').dispatchEvent(new MouseEvent('click', {{bubbles: true}}))")
        run("document.getElementById('cut-here').click()")
    assert run(COMMAND) == "configsplit split m.json --at b1_2 --at b2_out --out parts"
    run("document.querySelector('[data-box=\"0.0\"]').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert run("document.getElementById('cut-here').hidden")
    assert page.complaints == []


def test_the_whole_is_shown_small_where_it_is_large(seen: Callable[..., Seen], tmp_path: Path) -> None:
    """A press on it leads there."""
    plot(loaded(tmp_path, residual(12)), unfold=True).save(tmp_path / "page.html")
    page, run, _ = seen(tmp_path / "page.html")
    assert not run("document.getElementById('map').hidden")
    painted = "(m => [...m.getContext('2d').getImageData(0, 0, m.width, m.height).data].filter(each => each).length)"
    assert run(f"{painted}(document.getElementById('map'))") > 1000
    edge = "document.getElementById('{}').getBoundingClientRect().{}"
    assert run(f"{edge.format('map', 'left')} >= {edge.format('paper', 'right')}"), "it covers boxes"
    before = run("document.getElementById('paper').scrollTop")
    run(
        "(m => { const r = m.getBoundingClientRect(); m.setPointerCapture = () => {}; m.dispatchEvent(new PointerEvent("
        "'pointerdown', {clientX: r.left + r.width / 2, clientY: r.bottom - 2, buttons: 1})) })(document.getElementById('map'))"
    )
    assert run("document.getElementById('paper').scrollTop") > before + 500
    run(key("f", "document.body"))
    assert page.complaints == []


def test_a_frame_that_is_opened_later_is_filled(seen: Callable[..., Seen], tmp_path: Path) -> None:
    """As in a notebook, where the page is behind a line to click at: it is not drawn as small as what has no room."""
    inside = escape(plot(loaded(tmp_path, chain(["a", "b"]))).text(".html"))
    frame = f'<iframe srcdoc="{inside}" width="1200" height="600"></iframe>'
    (tmp_path / "host.html").write_text(f"<!doctype html><details><summary>look</summary>{frame}</details>")
    page, run, _ = seen(tmp_path / "host.html")
    run("document.querySelector('details').open = true")
    filled = """new Promise((done) => { const look = () => {
        const picture = document.querySelector('iframe').contentDocument.getElementById('picture');
        const whole = picture && Number(picture.getAttribute('width')) === picture.viewBox.baseVal.width;
        return whole ? done(true) : setTimeout(look, 20);
    }; look(); })"""
    assert run(filled)
    assert page.complaints == []


def test_hostile_names_stay_text(seen: Callable[..., Seen], hostile: Path) -> None:
    page, run, _ = seen(hostile)
    run(typed("img"))
    run("document.querySelector('#found button').click()")
    assert run("document.querySelectorAll('img, b, iframe').length") == 0
    assert "<img src=x onerror=alert(1)>" in run("document.getElementById('about').textContent")
    run("document.getElementById('curve').focus()")
    for _ in range(3):
        run(key("ArrowRight"))
        run(key("Enter"))
    words = shlex.split(run(COMMAND))
    assert words[:3] == ["configsplit", "split", "./-m <b>'.json"]
    assert (page.complaints, len(page.requests)) == ([], 1)


def test_a_phone_and_a_dark_room(seen: Callable[..., Seen], tmp_path: Path) -> None:
    plot(loaded(tmp_path, nested_twice(residual(4)))).save(tmp_path / "page.html")
    page, run, darken = seen(tmp_path / "page.html", width=390)
    assert run("document.documentElement.scrollWidth <= innerWidth")
    run(key("f", "document.body"))
    edge = "document.querySelector('{}').getBoundingClientRect().{}"
    assert abs(run(edge.format("aside", "top")) - run(edge.format("#paper", "bottom"))) < 2, "no hole below a small drawing"
    colour = "getComputedStyle(document.querySelector('{}')).{}"
    light = [run(colour.format(*of)) for of in (("body", "backgroundColor"), (".n", "fill"), (".s", "fill"))]
    darken()
    dark = [run(colour.format(*of)) for of in (("body", "backgroundColor"), (".n", "fill"), (".s", "fill"))]
    assert light[0] == "rgb(255, 255, 255)"
    assert not set(light) & set(dark)
    assert page.complaints == []


def test_parts_move_with_what_is_opened(seen: Callable[..., Seen], tmp_path: Path) -> None:
    """The cut stays between the parts, and what is written on it stays on it."""
    configsplit.split(loaded(tmp_path, residual(8)), at="b5_1").save(tmp_path / "parts")
    plot(tmp_path / "parts").save(tmp_path / "page.html")
    page, run, _ = seen(tmp_path / "page.html")

    def middle(selector: str) -> float:
        place = f"document.querySelector('{selector}').getBoundingClientRect()"
        return float(run(f"{place}.top + {place}.height / 2"))

    before = middle(".cut")
    run(key("u", "document.body"))
    after = middle(".cut")
    assert after > before + 100
    assert abs(middle(".pill") - after) < 2
    lowest = "Math.max(...[...document.querySelectorAll('#picture .b')].filter(b => / part 0/.test(b.textContent))"
    assert run(f"{lowest}.map(b => b.getBoundingClientRect().bottom))") < after
    assert run("document.getElementById('places').hidden")
    assert page.complaints == []


def test_rules_of_a_conversion_are_told_and_move(seen: Callable[..., Seen], tmp_path: Path) -> None:
    plot(loaded(tmp_path, nested_twice(chain(["a", "b"]))), convert=True).save(tmp_path / "page.html")
    page, run, _ = seen(tmp_path / "page.html")
    before = run("document.querySelectorAll('.link').length")
    run("document.querySelector('.rule').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert run("document.querySelector('#details li').textContent") == "batch_input_shape → batch_shape"
    run(key("u", "document.body"))
    touching = """[...document.querySelectorAll('#picture > .view > .link')].every(line => {
      const [from, to] = [line.getPointAtLength(0), line.getPointAtLength(line.getTotalLength())];
      const boxes = [...document.querySelectorAll('#picture > .view > .b')];
      return from.x < to.x && [[from, 1], [to, 0]].every(([point, right]) => boxes
        .some(box => { const r = box.querySelector(box.classList.contains('isOpen') ? '.opened rect' : 'rect:last-of-type');
          const at = point.matrixTransform(line.getScreenCTM()), edge = r.getBoundingClientRect();
          return Math.abs(at.x - (right ? edge.right : edge.left)) < 3 && at.y > edge.top && at.y < edge.bottom; }));
    })"""
    assert run(touching)
    assert before == run("document.querySelectorAll('#picture > .view > .link').length") > 3
    assert page.complaints == []


def test_what_differs_and_what_crosses_is_listed_and_led_to(seen: Callable[..., Seen], tmp_path: Path) -> None:
    one = loaded(tmp_path, residual(8))
    plot(one, configsplit.rename(one, {"b6_1": "other"})).save(tmp_path / "page.html")
    page, run, _ = seen(tmp_path / "page.html")
    listed = "[...document.querySelectorAll('#pointed button')].map(b => b.textContent)"
    assert run(listed) == ["added: other", "gone: b6_1"]
    assert run("document.querySelector('#points h2').textContent") == "What differs"
    run("document.querySelectorAll('#pointed button')[1].click()")
    assert run("document.getElementById('about').textContent") == "b6_1"
    assert page.complaints == []
    plot(configsplit.split(one, "b5_1"), unfold=True).save(tmp_path / "parts.html")
    page, run, _ = seen(tmp_path / "parts.html", width=1200)
    assert sorted(each.partition(" · ")[0] for each in run(listed)) == ["b4_out", "b5_1"]
    middle = "document.querySelector('.onCut').getBoundingClientRect().top"
    assert run(f"{middle} > 100 && {middle} < innerHeight - 100")
    assert page.complaints == []


DANGERS = "[...document.querySelectorAll('#hazards summary, #dangers button')].map(b => b.textContent)"
IN_THE_OPEN = "document.querySelector('#hazards details').open"
LAMBDAS = SEED.parents[1] / "releases" / "keras-2.3.1" / "lambdas.json"
LAMBDA = "a Lambda with marshalled Python code, which building the model would run"


def test_hazards_and_rules_are_listed_and_led_to(seen: Callable[..., Seen], tmp_path: Path) -> None:
    plot(LAMBDAS).save(tmp_path / "hazards.html")
    page, run, _ = seen(tmp_path / "hazards.html")
    assert run(DANGERS) == ["2 hazards", f"lam: {LAMBDA}", f"named: {LAMBDA}"]
    assert run(IN_THE_OPEN)
    run("document.querySelectorAll('#dangers button')[1].click()")
    assert run("document.getElementById('about').textContent") == "named"
    assert run("document.getElementById('place').textContent") == ""
    assert page.complaints == []
    plot(loaded(tmp_path, chain(["a", "b"])), convert=True).save(tmp_path / "rules.html")
    page, run, _ = seen(tmp_path / "rules.html", width=1200)
    listed = "[...document.querySelectorAll('#points h2, #pointed button')].map(b => b.textContent)"
    assert run(listed)[:2] == ["What was converted", "x: batch_input_shape → batch_shape"]
    assert run("document.getElementById('hazards').hidden")
    assert page.complaints == []


def test_hazards_are_told_beside_whatever_else_a_page_lists(seen: Callable[..., Seen], tmp_path: Path) -> None:
    """Beside the places to cut, in parts, in a difference: also of what is gone. Folded where there is more."""
    model = chain(["a", "b", "c"])
    code = {"function": ["4wEAAAA=", None, None], "function_type": "lambda", "output_shape": [4], "output_shape_type": "raw"}
    model["config"]["layers"] += [layer("evil", "Lambda", code, ("c",)), layer("worse", "Lambda", code, ("evil",))]
    model["config"]["output_layers"] = [["worse", 0, 0]]
    document = loaded(tmp_path, model)
    head = configsplit.extract(document, to="evil")
    pictures = {"places": plot(document), "parts": plot(configsplit.split(document, "b")), "difference": plot(document, head)}
    told = {}
    for number, (name, picture) in enumerate(pictures.items()):
        picture.save(tmp_path / f"{name}.html")
        page, run, _ = seen(tmp_path / f"{name}.html", width=1300 + number)
        beside = run("document.querySelector('#points h2').textContent") or run("!!document.querySelector('#curve')")
        told[name] = (run(DANGERS), run(IN_THE_OPEN), beside)
        assert "2 hazardous" in picture.picture.facts
        assert page.complaints == []
    both = ["2 hazards", f"evil: {LAMBDA}", f"worse: {LAMBDA}"]
    assert told == {
        "places": (both, True, True),
        "parts": (both, False, "What crosses"),
        "difference": (both, False, "What differs"),
    }


def test_what_a_part_is_stands_beside_the_lines(seen: Callable[..., Seen], tmp_path: Path) -> None:
    """Neither its name nor its size is written over a tensor that crosses, nor over a box."""
    plot(configsplit.split(loaded(tmp_path, residual(4)), "b2_1")).save(tmp_path / "page.html")
    _, run, _ = seen(tmp_path / "page.html")
    apart = """(() => {
      const free = (one, other) => one.right < other.left || other.right < one.left
        || one.bottom < other.top || other.bottom < one.top;
      const texts = [...document.querySelectorAll('.bt text')].map(e => e.getBoundingClientRect());
      const boxes = [...document.querySelectorAll('#picture .b')].map(e => e.getBoundingClientRect());
      const points = [...document.querySelectorAll('.l.x')].flatMap(line => [...Array(200).keys()].map(step => line
        .getPointAtLength(line.getTotalLength() * step / 200).matrixTransform(line.getScreenCTM())));
      return [texts.length, texts.every(text => boxes.every(box => free(text, box))
        && points.every(({x, y}) => x < text.left || x > text.right || y < text.top || y > text.bottom))]; })()"""
    assert run(apart) == [4, True]


def siamese() -> dict[str, Any]:
    """One layer called on two inputs, and what becomes of both."""
    tower = {**dense("tower", "left", 3), "inbound_nodes": [[["left", 0, 0, {}]], [["right", 0, 0, {}]]]}
    both = {**layer("both", "Add", {}, ("late",)), "inbound_nodes": [[["late", 0, 0, {}], ["tower", 1, 0, {}]]]}
    layers = [image("left", 4), image("right", 4), tower, dense("late", "tower", 3), both]
    return functional(layers, ("left", "right"), ("both",))


def test_parts_tell_what_the_manifest_says_and_what_they_share(seen: Callable[..., Seen], tmp_path: Path) -> None:
    saved = configsplit.split(loaded(tmp_path, siamese()), at="late", boundary="early").save(tmp_path / "parts")
    plot(tmp_path / "parts").save(tmp_path / "page.html")
    page, run, _ = seen(tmp_path / "page.html")
    told = "[...document.querySelectorAll('#about, #details li')].map(e => e.textContent)"
    for number, part in enumerate(saved.manifest.parts):
        run(f"document.querySelectorAll('.bt')[{number}].dispatchEvent(new MouseEvent('click', {{bubbles: true}}))")
        file, *facts = run(told)
        assert (file, facts[-1]) == (part.file, f"SHA-256 {part.sha256}")
        assert facts[0].startswith(f"{len(configsplit.load(tmp_path / 'parts' / part.file).model.layers)} layers, ")
        assert [fact for fact in facts if fact.startswith("takes ")] == [
            f"takes {tensor.name}, float32 (any, {(tensor.shape or ())[1]}): "
            + (f"output {source['output']} of part {source['part']}" if "part" in source else "an input of the model")
            for tensor in part.inputs
            for source in [tensor.source.plain()]
        ]
        assert [fact for fact in facts if fact.startswith("gives ")] == [
            f"gives {tensor.tensor}, float32 (any, 3)" for tensor in part.outputs
        ]
    titles = run("[...document.querySelectorAll('#picture .b title')].map(e => e.textContent)")
    towers = [title for title in titles if " shared with " in title]
    assert [(text.split(" · ")[0], text.rpartition(" · ")[2]) for text in towers] == [
        ("tower", "shared with part 1"),
        ("tower", "shared with part 0"),
    ]
    assert run("document.querySelectorAll('.again').length") == 1
    assert page.complaints == []


def test_calls_of_one_layer_say_so(tmp_path: Path) -> None:
    text = plot(loaded(tmp_path, siamese())).text(".svg")
    assert [f"call {number} of 2 of one layer" in text for number in (1, 2, 3)] == [True, True, False]
