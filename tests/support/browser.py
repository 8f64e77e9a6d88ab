"""A page in headless Chromium, driven through its DevTools: what it shows, what it asks for, what it complains of."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


def executable() -> str:
    """Where Chromium is. A person who has none is asked for it; one who names one, by CHROMIUM, must have it there."""
    named = os.environ.get("CHROMIUM")
    found = next((path for name in ([named] if named else [*NAMES, MAC]) if (path := shutil.which(name))), None)
    assert found or not named, f"CHROMIUM={named} is no program"
    if found is None:
        pytest.skip("the pages were NOT looked at: install Chromium or Chrome, or set CHROMIUM=/path")
    return found


@contextmanager
def chromium(profile: Path) -> Iterator[str]:
    """A headless Chromium that reaches nothing but this machine; the address of its DevTools."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    flags += [
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
    ]
    process = subprocess.Popen([executable(), *flags, "about:blank"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        lines = (re.search(r"DevTools listening on (ws://\S+)", line) for line in process.stderr)
        address = next((found[1] for found in lines if found), None)
        assert address, "Chromium did not start"
        threading.Thread(target=process.stderr.read, daemon=True).start()  # what nobody reads it waits for in the end
        yield address
    finally:
        process.kill()
        process.wait()


class Page:
    """One page, opened. ``complaints`` are errors and warnings of its console, ``requests`` all that it asked for."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._session = ""
        self._loaded = asyncio.Event()
        self.complaints: list[str] = []
        self.requests: list[str] = []

    async def open(self, url: str, width: int = 1400, height: int = 1000) -> None:
        alone = await self._call("Target.createBrowserContext", disposeOnDetach=True)
        target = await self._call("Target.createTarget", url="about:blank", browserContextId=alone["browserContextId"])
        self._session = (await self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True))["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self._call(f"{domain}.enable")
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self._call("Emulation.setDeviceMetricsOverride", **screen)
        await self._call("Page.navigate", url=url)
        while not self._loaded.is_set():
            self._noted(await self._next())

    async def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = await self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def dark(self) -> None:
        await self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])

    async def picture(self) -> str:
        """A screenshot of the whole page, base64."""
        return str((await self._call("Page.captureScreenshot", captureBeyondViewport=True))["data"])

    async def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": number, "method": method, "params": parameters, **session})
        while True:
            message = await self._next()
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])
            self._noted(message)

    async def _next(self) -> dict[str, Any]:
        return dict(json.loads((await asyncio.wait_for(self._socket.receive(), 30)).data))

    def _noted(self, message: dict[str, Any]) -> None:
        method, told = message.get("method", ""), message.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(told["args"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.complaints.append(told["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])


@contextmanager
def visit(path: Path | str, profile: Path, fragment: str = "", width: int = 1400) -> Iterator[tuple[Page, Any]]:
    """A local file, or an address of this machine, in a browser; what comes beside the page runs a coroutine to its end."""
    with chromium(profile) as address, visit_in(address, path, fragment, width) as visited:
        yield visited


@contextmanager
def visit_in(address: str, path: Path | str, fragment: str = "", width: int = 1400) -> Iterator[tuple[Page, Any]]:
    """The same in a browser that runs already, of which nothing that was shown before is left."""
    loop = asyncio.new_event_loop()
    client = loop.run_until_complete(_client())
    try:
        socket = loop.run_until_complete(client.ws_connect(address, max_msg_size=0))
        page = Page(socket)
        loop.run_until_complete(page.open((path if isinstance(path, str) else path.resolve().as_uri()) + fragment, width))
        yield page, loop.run_until_complete
    finally:
        loop.run_until_complete(client.close())
        loop.close()


async def _client() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()
