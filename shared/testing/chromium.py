"""A real Chromium, spoken to over its debugging protocol, and a server that it can reach."""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import websockets
from starlette.types import ASGIApp

from shared.testing.once import one_at_a_time
from shared.testing.ports import free_port

ROOT = Path(__file__).parents[2]
AXE = "axe-core@4.10.3"
INSTALL_SECONDS = 300
FLAGS = (
    *(
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--no-proxy-server",
    ),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio"),
    *("--hide-scrollbars", "--remote-debugging-port=0", "--force-color-profile=srgb", "--lang=vi"),
)
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
DESK = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}


def missing(what: str) -> None:
    """Skip with one clear line, or fail where a browser is required."""
    reason = f"pages cannot be tried in a browser: {what}"
    if os.environ.get("TAM_REQUIRE_BROWSER") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def chromium_program() -> str:
    """Where Chromium is."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        missing("there is no chromium (Debian: apt install chromium)")
    assert found is not None
    return found


def axe_script() -> str:
    """The accessibility checker axe-core, installed once into `.cache`."""
    folder = ROOT / ".cache" / "axe"
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if shutil.which("npm") is None:
        # CI's own machine may have none: the browser is what is required.
        pytest.skip("pages cannot be checked by axe-core: there is no npm, which brings it")
    with one_at_a_time(ROOT / ".cache"):
        done = folder / "installed"
        if not (done.exists() and done.read_text() == AXE):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "package.json").write_text('{"private": true}')
            npm = ["npm", "install", "--no-fund", "--no-audit", "--ignore-scripts", "--prefix", str(folder), AXE]
            ended = subprocess.run(npm, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
            if ended.returncode != 0:
                missing((ended.stderr.strip().splitlines() or ["axe-core could not be installed"])[-1])
            done.write_text(AXE)
    return script.read_text()


@dataclass
class Tab:
    """One page of its own profile: no cookies or storage of another's."""

    wire: "Wire"
    session: str
    errors: list[str] = field(default_factory=list)

    async def call(self, method: str, **parameters: Any) -> Any:
        return await self.wire.call(method, parameters, self.session)

    async def look(self, screen: Mapping[str, Any] = PHONE, *, scheme: str = "light", scripts: bool = True) -> None:
        """A screen of a size, by day or by night, with or without scripts."""
        await self.call("Emulation.setDeviceMetricsOverride", **screen)
        await self.call("Emulation.setTouchEmulationEnabled", enabled=bool(screen["mobile"]))
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", features=features)
        await self.call("Emulation.setScriptExecutionDisabled", value=not scripts)

    async def open(self, url: str) -> None:
        """Go to a page, and wait until it is loaded."""
        async with self.loading():
            await self.call("Page.navigate", url=url)

    @asynccontextmanager
    async def loading(self) -> AsyncIterator[None]:
        """What happens inside leads to another page."""
        loaded = self.wire.expect("Page.loadEventFired", self.session)
        yield
        await asyncio.wait_for(loaded, 20)

    async def run(self, script: str) -> Any:
        """What a script says; a promise is waited for."""
        said = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    async def becomes(self, script: str, value: object) -> None:
        """Wait until a script says this: what takes the focus does so after the page has loaded."""
        async with asyncio.timeout(20):
            while await self.run(script) != value:
                await asyncio.sleep(0.05)

    async def press(self, *keys: str) -> None:
        """Press keys as a person does: `Tab`, `Enter`, `Space`, `ArrowRight`, `Escape`."""
        for key in keys:
            codes = {"Tab": 9, "Enter": 13, "Space": 32, "ArrowRight": 39, "ArrowDown": 40, "Escape": 27}
            name = " " if key == "Space" else key
            text = {"Enter": "\r", "Space": " "}.get(key)
            values = {"key": name, "code": key, "windowsVirtualKeyCode": codes[key]}
            down = {**values, "text": text} if text else values
            await self.call("Input.dispatchKeyEvent", type="keyDown", **down)
            await self.call("Input.dispatchKeyEvent", type="keyUp", **values)

    async def type(self, text: str) -> None:
        """Write a text where the focus is."""
        await self.call("Input.insertText", text=text)

    async def click(self, x: float, y: float) -> None:
        """Press the mouse somewhere."""
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def picture(self, path: Path) -> None:
        """A picture of the whole page."""
        size = (await self.call("Page.getLayoutMetrics"))["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        said = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(said["data"]))

    async def axe(self, script: str, *, within: str = "document") -> list[str]:
        """What axe-core finds wrong with the page, by WCAG 2.2 A and AA."""
        await self.run(f"{script};0")
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        said = await self.run(f"axe.run({within}, {{runOnly: {json.dumps(tags)}}}).then(r => r.violations)")
        return [f"{each['id']}: {node['html'][:120]}" for each in said for node in each["nodes"]]


class Wire:
    """The connection to a browser."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._expected: list[tuple[str, str, asyncio.Future[Any]]] = []
        self.tabs: dict[str, Tab] = {}

    async def read(self) -> None:
        async for message in self._socket:
            said = json.loads(message)
            if "id" in said:
                future = self._answers.pop(said["id"])
                if "error" in said:
                    future.set_exception(RuntimeError(said["error"]["message"]))
                else:
                    future.set_result(said["result"])
                continue
            self._note(said)

    def _note(self, said: Any) -> None:
        tab = self.tabs.get(said.get("sessionId", ""))
        if tab and said["method"] == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
            tab.errors.append(said["params"]["entry"]["text"])
        if tab and said["method"] == "Runtime.exceptionThrown":
            tab.errors.append(said["params"]["exceptionDetails"]["text"])
        for expected in [each for each in self._expected if each[:2] == (said["method"], said.get("sessionId"))]:
            self._expected.remove(expected)
            expected[2].set_result(said["params"])

    def expect(self, event: str, session: str) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._expected.append((event, session, future))
        return future

    async def call(self, method: str, parameters: Mapping[str, Any] | None = None, session: str | None = None) -> Any:
        number = next(self._numbers)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        message = {"id": number, "method": method, "params": parameters or {}}
        await self._socket.send(json.dumps({**message, **({"sessionId": session} if session else {})}))
        return await asyncio.wait_for(future, 30)

    async def tab(self) -> Tab:
        """A page of a new profile."""
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        target = await self.call("Target.createTarget", {"url": "about:blank", "browserContextId": context})
        attached = await self.call("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
        tab = self.tabs[attached["sessionId"]] = Tab(self, attached["sessionId"])
        for domain in ("Page", "Runtime", "Log"):
            await tab.call(f"{domain}.enable")
        return tab


@asynccontextmanager
async def chromium() -> AsyncIterator[Wire]:
    """A browser that is gone when the block ends."""
    program = chromium_program()
    with tempfile.TemporaryDirectory(prefix="tam-chromium-", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            async with websockets.connect(await _address(Path(folder), process), max_size=None) as socket:
                wire = Wire(socket)
                reading = asyncio.create_task(wire.read())
                yield wire
                reading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await reading
        finally:
            process.terminate()
            process.wait(10)


async def _address(folder: Path, process: subprocess.Popen[bytes]) -> str:
    for _ in range(300):
        with contextlib.suppress(OSError, ValueError):
            port, path = (folder / "DevToolsActivePort").read_text().splitlines()[:2]
            return f"ws://127.0.0.1:{port}{path}"
        if process.poll() is not None:
            missing("chromium does not start here")
        await asyncio.sleep(0.05)
    missing("chromium does not answer")
    raise AssertionError


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """An application behind a real port: its URL."""
    port = free_port()
    config = uvicorn.Config(app, port=port, log_level="error", lifespan="off", ws="none", access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving
