"""The site is built without a warning, its links and pictures lead somewhere, and it loads nothing from elsewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from support.browser import visit

import configsplit
from configsplit.verbs.table import VERBS, record

ROOT = Path(__file__).resolve().parents[2]
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    older = folder / "0.0.9"  # as another release has left it
    older.mkdir()
    (older / "index.html").write_text("<!doctype html><title>older</title>")
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr
    return folder / configsplit.__version__


class Page(HTMLParser):
    """What a page refers to, and what in it can be referred to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            if (tag, name) in LOADED and value and dict(attrs).get("rel") != "canonical":
                self.loaded.append(value)
            if (tag, name) == ("a", "href") and value:
                self.links.append(value)


def test_links_and_pictures_lead_somewhere(site: Path) -> None:
    pages = {path: Page(path) for path in site.rglob("*.html")}
    assert len(pages) > 30
    wrong = []
    for path, page in pages.items():
        base = site if path.name == "404.html" else path.parent
        for link in (*page.links, *page.loaded):
            place, anchor = urldefrag(link)
            if "://" in link or link.startswith(("mailto:", "data:", "javascript:")):
                continue
            target = (base / unquote(place).lstrip("/")).resolve() if place else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or (anchor and target in pages and unquote(anchor) not in pages[target].anchors):
                wrong.append(f"{path.relative_to(site)}: {link}")
    assert wrong == []


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    assert [link for path in site.rglob("*.html") for link in Page(path).loaded if "://" in link or link.startswith("//")] == []


def test_every_verb_option_and_public_name_is_told(site: Path) -> None:
    verbs, python = ((site / name).read_text("utf-8") for name in ("verbs.html", "python.html"))
    assert set(VERBS) <= Page(site / "verbs.html").anchors
    flags = {
        flag
        for name in VERBS
        for option in record(name).command_options()
        if not option.argument
        for flag in option.flags.split()
        if flag not in option.older
    }
    assert [flag for flag in sorted(flags) if flag not in verbs] == []
    told = Page(site / "python.html").anchors
    names = {name for name in configsplit.__all__ if callable(getattr(configsplit, name))}
    assert {name.lower() for name in names} <= told
    assert "Raises" in python


def test_every_page_says_of_which_version_it_is(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if "md-footer" in page.read_text("utf-8")]
    assert len(pages) > 40
    told = f"configsplit {configsplit.__version__}\n"
    assert [page.name for page in pages if told not in page.read_text("utf-8")] == []


def test_every_page_is_found_by_search(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    found = {entry["location"].partition("#")[0] for entry in index["docs"]}
    pages = {str(path.relative_to(site)) for path in site.rglob("*.html")} - {"404.html"}
    assert pages <= found | {"index.html"}
    assert any(re.search(r"phone", entry["text"]) for entry in index["docs"])


def test_versions_stand_beside_each_other(site: Path) -> None:
    newest = {"version": configsplit.__version__, "title": configsplit.__version__, "aliases": ["latest"]}
    older = {"version": "0.0.9", "title": "0.0.9", "aliases": []}
    assert json.loads((site.parent / "versions.json").read_text("utf-8")) == [newest, older]
    assert (site.parent / "latest" / "verbs.html").read_bytes() == (site / "verbs.html").read_bytes()
    assert 'url=latest/index.html"' in (site.parent / "index.html").read_text("utf-8")


def test_the_switcher_leads_from_version_to_version(site: Path, tmp_path: Path) -> None:
    """In a browser, from a server: the version of the page beside the title, the others in a list."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://127.0.0.1:{server.server_port}"
    try:
        with visit(f"{home}/{configsplit.__version__}/howto/cut.html", tmp_path) as (page, run):
            seen = """new Promise((done) => { const look = () => {
                const current = document.querySelector('.md-version__current');
                const links = [...document.querySelectorAll('.md-version__link')].map(a => [a.textContent.trim(), a.href]);
                return current ? done([current.textContent.trim(), links]) : setTimeout(look, 20);
            }; look(); })"""
            current, links = run(page.run(seen))
            assert current == configsplit.__version__
            assert links == [[each, f"{home}/{each}/"] for each in (configsplit.__version__, "0.0.9")]
            assert page.complaints == []
            assert [url for url in page.requests if not url.startswith((home, "data:"))] == []
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass
