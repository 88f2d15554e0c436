"""The official SDKs, installed once into `.cache`, and a proxy that answers 503 to what it has delivered."""

import contextlib
import http.client
import http.server
import os
import shutil
import subprocess
import threading
import venv
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from shared.testing.once import one_at_a_time

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "sdks"
PYTHON_SDKS = ("segment-analytics-python==2.4.0", "rudder-sdk-python==2.1.9")
NODE_SDKS = ("@segment/analytics-node@3.1.0", "@rudderstack/rudder-sdk-node@3.0.13")
INSTALL_SECONDS = 300


def missing(what: str) -> None:
    """Skip with one clear line, or fail where the SDKs are required."""
    reason = f"the official SDKs cannot be tried: {what}"
    if os.environ.get("TAM_REQUIRE_SDKS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def python_with_sdks() -> Path:
    """A Python that has the SDKs."""
    folder = ROOT / ".cache" / "sdk-venv"
    python = folder / "bin" / "python"
    with one_at_a_time(ROOT / ".cache"):
        if not _is_done(folder, PYTHON_SDKS):
            venv.create(folder, clear=True, with_pip=True)
            _install([str(python), "-m", "pip", "install", "-q", *PYTHON_SDKS], folder, PYTHON_SDKS)
    return python


def folder_with_node_sdks() -> Path:
    """A folder whose `node_modules` has the SDKs."""
    folder = ROOT / ".cache" / "sdk-node"
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing("there is no node and npm")
    with one_at_a_time(ROOT / ".cache"):
        if not _is_done(folder, NODE_SDKS):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "package.json").write_text('{"private": true}')
            npm = ["npm", "install", "--no-fund", "--no-audit", "--ignore-scripts", "--prefix", str(folder)]
            _install([*npm, *NODE_SDKS], folder, NODE_SDKS)
    return folder


def _is_done(folder: Path, packages: tuple[str, ...]) -> bool:
    done = folder / "installed"
    return done.exists() and done.read_text() == "\n".join(packages)


def _install(command: list[str], folder: Path, packages: tuple[str, ...]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False, cwd=folder)
    if ended.returncode != 0:
        missing((ended.stderr.strip().splitlines() or ["the installation failed"])[-1])
    (folder / "installed").write_text("\n".join(packages))


@contextlib.contextmanager
def deaf_once(base_url: str) -> Iterator[tuple[str, list[int]]]:
    """A proxy that delivers every request, but answers 503 to the first POST: its URL, and the statuses it gave."""
    upstream = urlsplit(base_url)
    given: list[int] = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            connection = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            connection.request("POST", self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            status = answer.status if given else 503
            given.append(status)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if status == 503:
                self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", given
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
