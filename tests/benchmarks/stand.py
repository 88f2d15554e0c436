"""The test stand: platforms as processes, their CPU and memory, and where results are kept.

A benchmark prints ratios to a baseline of the same run and CPU per unit: wall time alone says more about the
neighbours on the machine than about us. Nothing here gates a test.
"""

import asyncio
import contextlib
import os
import platform as machine_facts
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import orjson

from shared.db.cluster import running
from shared.db.embedded import EmbeddedServer
from shared.testing.platform import PlatformProcess
from shared.testing.postgres import scratch_folder

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = HERE / "results"
TICKS = os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """A process and all that come from it."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU that processes have used, with that of their children that ended."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


def memory_mb(pid: int) -> float:
    """Resident memory of one process, in MB of 10^6 bytes."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 / 1e6 if found else 0.0


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds of our processes and of the backend (PostgreSQL, and the broker where there is one)."""

    ours: float
    backend: float

    def since(self, before: "Spent") -> "Spent":
        """What was used in between."""
        return Spent(self.ours - before.ours, self.backend - before.backend)


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform under test: where its processes answer, by role, its keys, and their ids."""

    urls: Mapping[str, str]
    write_key: str
    secret_key: str
    processes: Mapping[str, int]
    backends: tuple[int, ...]

    @property
    def base_url(self) -> str:
        """Where the first process answers."""
        return next(iter(self.urls.values()))

    @property
    def ours(self) -> tuple[int, ...]:
        """The ids of our processes."""
        return tuple(self.processes.values())

    def each_spent(self) -> dict[str, float]:
        """CPU so far of each of our processes."""
        return {name: cpu_seconds([pid]) for name, pid in self.processes.items()}

    def spent(self) -> Spent:
        """CPU so far."""
        return Spent(cpu_seconds(self.ours), cpu_seconds(pid for each in self.backends for pid in descendants(each)))

    def client(self) -> httpx.AsyncClient:
        """A reader."""
        headers = {"Authorization": f"Bearer {self.secret_key}"}
        return httpx.AsyncClient(base_url=self.base_url, headers=headers, timeout=60, trust_env=False)


def tam(*arguments: str, **environ: str) -> str:
    """Run a command; its stdout."""
    ended = subprocess.run(
        [sys.executable, "-m", "services", *arguments],
        env=_environ(environ),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return ended.stdout.strip()


def _environ(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TAM_")}
    return {**kept, "TAM_LOG_LEVEL": "WARNING", **environ}


@asynccontextmanager
async def durable_postgres(kept: Path | None = None) -> AsyncIterator[tuple[str, int]]:
    """A PostgreSQL as the product embeds it, syncing every commit to disk: its URL and its process.

    Its data lie in the folder `kept`, or are removed at the end.
    """
    with scratch_folder() if kept is None else contextlib.nullcontext(kept) as folder:
        server = EmbeddedServer(folder)
        url = await server.start()
        try:
            found = running((folder / "pg").resolve() / "data")
            assert found is not None
            yield url, found[0]
        finally:
            await server.stop()


@asynccontextmanager
async def platform(
    url: str, postgres: int, roles: Sequence[str] = ("all",), *, brokers: Sequence[int] = (), **environ: str
) -> AsyncIterator[Platform]:
    """`tam serve`, one process per role (`worker/metrics` is the worker of one service); the first answers."""
    # One key asks for all.
    rates = {"TAM_HTTP_RATE_PER_SECOND": "100000", "TAM_HTTP_RATE_BURST": "100000"}
    environ = {"TAM_DATABASE_URL": url, "TAM_LOG_LEVEL": "WARNING", **rates, **environ}
    write = await asyncio.to_thread(tam, "keys", "create", "load", "--kind", "write", "--source", "web", **environ)
    secret = await asyncio.to_thread(tam, "keys", "create", "reader", "--scope", "*", **environ)
    with scratch_folder() as folder:
        processes = {
            role: PlatformProcess(environ=environ, log=folder / f"{number}.log", arguments=_arguments(role))
            for number, role in enumerate(roles)
        }
        try:
            for process in processes.values():
                await process.start(patience_seconds=120)
            pids = {role: process.pid for role, process in processes.items()}
            urls = {role: process.base_url for role, process in processes.items()}
            yield Platform(urls, write, secret, pids, (postgres, *brokers))
        finally:
            for process in processes.values():
                process.kill()


def _arguments(role: str) -> list[str]:
    role, _, service = role.partition("/")
    return ["--role", role, *(["--only", service] if service else [])]


@asynccontextmanager
async def load(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The load generator, in a process of its own; it prints one JSON document."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "load.py"), *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def loaded(*arguments: str) -> dict[str, Any]:
    """Run the load generator to its end; what it measured."""
    async with load(*arguments) as process:
        out, _ = await process.communicate()
        assert process.returncode == 0, "the load generator failed"
        measured: dict[str, Any] = orjson.loads(out)
        return measured


async def until_orders(client: httpx.AsyncClient, count: int, *, patience: float = 300.0) -> None:
    """Wait until so many orders are in the figures."""
    deadline = monotonic() + patience
    while (found := (await client.get("/v1/metrics/summary")).json()["orders"]["value"]) < count:
        assert monotonic() < deadline, f"{found} of {count} orders are in the figures"
        await asyncio.sleep(0.1)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def store(name: str, figures: Mapping[str, Any]) -> None:
    """Print the figures, and keep them with commit and machine."""
    document = {
        "benchmark": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain", "-uno") else ""),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": machine_facts.platform(),
            "python": machine_facts.python_version(),
            "load_average": os.getloadavg()[0],
        },
        "figures": figures,
    }
    RESULTS.mkdir(exist_ok=True)
    content = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (RESULTS / f"{name}.json").write_bytes(content)
    print(content.decode())


def _git(*arguments: str) -> str:
    ended = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.stdout.strip()


def _processor() -> str:
    with contextlib.suppress(OSError):
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
        if found:
            return found[1]
    return machine_facts.processor()
