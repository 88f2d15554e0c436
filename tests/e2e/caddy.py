"""The gateway for real: Caddy with our Caddyfile, whose services are at ports of this machine."""

import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from shared.testing.once import one_at_a_time

ROOT = Path(__file__).parents[2]
CADDYFILE = ROOT / "deploy" / "gateway" / "Caddyfile"
# Of the line that `docker-compose.yml` names.
SOURCE = "github.com/caddyserver/caddy/v2/cmd/caddy@v2.10.2"
BUILD_SECONDS = 900
START_SECONDS = 30.0


def program() -> str:
    """Caddy: the machine's, or one that Go makes of its source; without both the test is skipped."""
    if found := shutil.which("caddy"):
        return found
    made = ROOT / ".cache" / "caddy" / "caddy"
    if not made.exists() and shutil.which("go"):
        with one_at_a_time(made.parent), TemporaryDirectory(dir=made.parent) as folder:
            if not made.exists():
                environ = {**os.environ, "GOBIN": folder}
                command = ["go", "install", SOURCE]
                subprocess.run(command, env=environ, check=True, timeout=BUILD_SECONDS, capture_output=True)
                Path(folder, "caddy").replace(made)
    if made.exists():
        return str(made)
    reason = "The gateway is not tried for real: neither Caddy nor Go is here"
    if os.environ.get("TAM_REQUIRE_CADDY") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def placed(ports: Mapping[str, int], *, http: int, https: int, watch: int) -> str:
    """Our Caddyfile, but for the places: `ports` are those of the services."""
    text = CADDYFILE.read_text()
    for name, port in ports.items():
        text = text.replace(f"{name}-api:8000", f"127.0.0.1:{port}")
    choices = "".join(f"\t\t{name} {port}\n" for name, port in ports.items())
    for matcher in ("ops", "openapi"):
        text = text.replace(f"{{re.{matcher}.1}}-api:8000", f"127.0.0.1:{{{matcher}_port}}")
        text = text.replace(
            "\troute {\n", f"\tmap {{re.{matcher}.1}} {{{matcher}_port}} {{\n{choices}\t}}\n\troute {{\n", 1
        )
    text = text.replace("http_port 8080", f"http_port {http}").replace("https_port 8443", f"https_port {https}")
    text = text.replace(":9180", f":{watch}")
    assert not re.search(r":8000|:8080|:8443", text.partition("{$TAM_SITE}")[2])
    return text


@contextmanager
def gateway(config: str, folder: Path, *, site: str, watch: int) -> Iterator[Path]:
    """The gateway at work; where it keeps its certificates."""
    (folder / "Caddyfile").write_text(config)
    environ = {**os.environ, "TAM_SITE": site, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "caddy.log").open("wb") as log:
        process = subprocess.Popen(
            [program(), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"],
            env=environ,
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{watch}/metrics", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        else:
            raise AssertionError((folder / "caddy.log").read_text()[-3000:])
        yield folder / "caddy"
    finally:
        process.terminate()
        process.wait(timeout=30)


def trusting(certificates: Path) -> ssl.SSLContext:
    """What a client needs to believe the authority that Caddy made for this machine, once it has."""
    root = certificates / "pki" / "authorities" / "local" / "root.crt"
    deadline = time.monotonic() + START_SECONDS
    while not root.exists():
        assert time.monotonic() < deadline, "no certificate was made"
        time.sleep(0.1)
    return ssl.create_default_context(cafile=str(root))
