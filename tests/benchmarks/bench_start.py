"""From nothing to the first figure, and what an idle platform weighs. About three minutes.

`make demo` runs in a fresh copy of the committed tree, with pip's cache warm: environment, database, the purchase log,
figures. Then the demo alone is run again, on a fresh folder and on the same, and an idle platform is weighed.
"""

import asyncio
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
from stand import ROOT, cpu_seconds, descendants, memory_mb, store

from shared.testing.platform import PlatformProcess
from shared.testing.ports import free_port
from shared.testing.postgres import scratch_folder

ORDERS, CUSTOMERS, GROSS = 69_659, 23_570, "2500315.63"
IDLE_SECONDS = 20


def run(command: list[str], folder: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Run a demo to its end: seconds in all, seconds of the replay alone, CPU of everything it started."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TAM_")}
    environ = {**ours, "TAM_PORT": str(free_port()), **environ}
    before, started = os.times(), monotonic()
    ended = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    seconds, after = monotonic() - started, os.times()
    assert ended.returncode == 0, ended.stderr[-2000:]
    figures = orjson.loads(ended.stdout)
    found = (figures["orders"]["value"], figures["customers"]["value"], figures["gross"]["value"])
    assert found == (ORDERS, CUSTOMERS, GROSS), found
    replay = re.search(r"events in ([\d.]+) s", ended.stderr)
    assert replay is not None, ended.stderr
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return {
        "seconds": round(seconds, 1),
        "replay_seconds": float(replay[1]),
        "orders_per_second": round(ORDERS / float(replay[1])),
        "cpu_seconds": round(used, 1),
    }


def fresh_copy(folder: Path) -> None:
    """The committed tree, as a stranger clones it."""
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")


async def idle(folder: Path) -> dict[str, Any]:
    """What an all-in-one platform weighs and uses while nothing happens."""
    environ = {"TAM_DATA_DIR": str(folder / "idle"), "TAM_LOG_LEVEL": "WARNING"}
    process = PlatformProcess(environ=environ, log=folder / "idle.log")
    await process.start()
    try:
        await asyncio.sleep(5)
        backends = [pid for pid in descendants(process.pid) if pid != process.pid]
        before = cpu_seconds([process.pid]), cpu_seconds(backends)
        await asyncio.sleep(IDLE_SECONDS)
        after = cpu_seconds([process.pid]), cpu_seconds(backends)
        return {
            "memory_mb": round(memory_mb(process.pid), 1),
            "our_cpu_percent_of_a_core": round((after[0] - before[0]) / IDLE_SECONDS * 100, 2),
            "backend_cpu_percent_of_a_core": round((after[1] - before[1]) / IDLE_SECONDS * 100, 2),
        }
    finally:
        await process.stop()


def main(names: list[str]) -> None:
    """Measure; with an argument only what it names."""
    tam = [sys.executable, "-m", "services", "demo", "--exit", "--json"]
    figures: dict[str, Any] = {}
    with scratch_folder() as folder:
        if not names or "idle" in names:
            figures["idle"] = asyncio.run(idle(folder))
        if not names or "demo" in names:
            here = {"TAM_DATA_DIR": str(folder / "demo")}
            figures["demo"] = run(tam, folder, here)
            figures["demo again"] = run(tam, folder, here)
        if not names or "make" in names:
            fresh_copy(folder / "copy")
            figures["make demo"] = run(["make", "-s", "demo", "ARGS=--exit --json"], folder / "copy", {})
    store("start", figures)


if __name__ == "__main__":
    main(sys.argv[1:])
