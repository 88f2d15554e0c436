"""A real Prometheus beside a platform, and the questions of our dashboards."""

import contextlib
import json
import math
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from shared.testing.ports import free_port

ROOT = Path(__file__).parents[2]
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
PATIENCE_SECONDS = 60.0
# What the gateway tells of itself is asked where there is one: `tests/e2e/test_e2e_gateway.py`.
ELSEWHERE = {"gateway.json"}


class Asked(NamedTuple):
    """What a panel asks, and what it says where there is nothing."""

    dashboard: str
    panel: str
    expr: str
    when_empty: str


def found_prometheus() -> str:
    """The program; without it the test is skipped, or fails where it is required."""
    found = shutil.which("prometheus")
    if found is None and not os.environ.get("TAM_REQUIRE_PROMETHEUS"):
        pytest.skip("Prometheus is missing (Debian: apt install prometheus)")
    assert found, "Prometheus is missing"
    return found


@contextlib.contextmanager
def watching(target: str, folder: Path, *, every: str = "1s") -> Iterator[httpx.Client]:
    """A client of a Prometheus that asks `target` (host:port) so often, with our rules and alerts."""
    port = free_port()
    (folder / "prometheus.yml").write_text(
        f"""
global: {{scrape_interval: {every}, evaluation_interval: {every}}}
rule_files: [{ROOT}/deploy/prometheus/rules/*.yml, {ROOT}/deploy/prometheus/alerts/*.yml]
scrape_configs: [{{job_name: tam, static_configs: [{{targets: ["{target}"]}}]}}]
"""
    )
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                found_prometheus(),
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/tsdb",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            _wait_until_ready(client, process)
            yield client
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_ready(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if client.get("/-/ready").status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError("Prometheus did not come up")


def asked(client: httpx.Client, expr: str) -> list[Any]:
    """What Prometheus finds for an expression."""
    answer = client.get("/api/v1/query", params={"query": expr}).json()
    assert answer["status"] == "success", (expr, answer)
    return list(answer["data"]["result"])


def shows(client: httpx.Client, expr: str) -> bool:
    """Whether there is a number: a panel of nothing but NaN is as empty as one of nothing."""
    return any(not math.isnan(float(each["value"][1])) for each in asked(client, expr))


def questions() -> list[Asked]:
    """All that our dashboards ask."""
    return [
        Asked(path.name, panel["title"], target["expr"], panel["fieldConfig"]["defaults"]["noValue"])
        for path in sorted(DASHBOARDS.glob("*.json"))
        if path.name not in ELSEWHERE
        for panel in json.loads(path.read_text())["panels"]
        for target in panel.get("targets", ())
    ]
