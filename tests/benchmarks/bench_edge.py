"""The ingest edge, durable before the answer, beside bare hello-world on the same uvicorn. About two minutes.

`wrk` makes the requests where it is installed, else a client of ours, which reaches fewer. The figure to trust is the
server's CPU per event; requests a second are those of a machine that runs the client, the database and the broker too.
"""

import asyncio
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx
import orjson
from load import basic, hammer, order
from stand import HERE, Spent, cpu_seconds, descendants, durable_postgres, platform, store

from shared.testing.kafka import KafkaBroker, KafkaMissing, broker_for_tests
from shared.testing.ports import free_port

SECONDS = 5
CONNECTIONS = 32
BODIES = 400
BATCH = 100
# Each request is another body, so that keys spread over the partitions as a shop's customers do.
LUA = """
local bodies = {}
for line in io.lines("%s") do bodies[#bodies + 1] = line end
local made = {}
local next_one = 0
init = function(arguments)
  for index, body in ipairs(bodies) do
    made[index] = wrk.format("POST", "%s", {["Authorization"] = "%s", ["Content-Type"] = "application/json"}, body)
  end
end
request = function()
  next_one = next_one %% #made + 1
  return made[next_one]
end
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A server under test."""

    base_url: str
    authorization: str
    ours: tuple[int, ...]
    backends: tuple[int, ...]

    def spent(self) -> Spent:
        """CPU so far."""
        return Spent(cpu_seconds(self.ours), cpu_seconds(pid for each in self.backends for pid in descendants(each)))


def bodies_of(path: str) -> list[bytes]:
    """What is sent to an address, one request after the other, from the beginning again at the end."""
    tag = uuid4().hex[:8]
    if path == "/v1/batch":
        rounds = range(0, BODIES // 8 * BATCH, BATCH)
        return [orjson.dumps({"batch": [order(first + n, tag) for n in range(BATCH)]}) for first in rounds]
    return [orjson.dumps(order(number, tag)) for number in range(BODIES)]


async def measure(target: Target, path: str) -> dict[str, Any]:
    """Requests a second, CPU per request and per event, waiting times."""
    bodies, per_request = bodies_of(path), BATCH if path == "/v1/batch" else 1
    await _run(target, path, bodies, seconds=1)
    before = target.spent()
    found = await _run(target, path, bodies, seconds=SECONDS)
    spent = target.spent().since(before)
    count = found.pop("requests")
    return {
        **found,
        "our_cpu_us_per_request": round(spent.ours / count * 1e6, 1),
        "our_cpu_us_per_event": round(spent.ours / count / per_request * 1e6, 1),
        "backend_cpu_us_per_event": round(spent.backend / count / per_request * 1e6, 1),
        "events_per_second": round(found["requests_per_second"] * per_request),
    }


async def _run(target: Target, path: str, bodies: list[bytes], *, seconds: int) -> dict[str, Any]:
    wrk = shutil.which("wrk")
    if wrk is None:
        return await hammer(target.base_url, target.authorization, path, bodies, CONNECTIONS, seconds)
    with TemporaryDirectory() as folder:
        lines, script = Path(folder) / "bodies", Path(folder) / "send.lua"
        lines.write_bytes(b"\n".join(bodies))
        script.write_text(LUA % (lines, path, target.authorization))
        command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script), target.base_url]
        ended = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    said = ended.stdout
    assert "Non-2xx" not in said, said
    return {
        "client": "wrk",
        "requests": int(_found(r"(\d+) requests in", said)),
        "requests_per_second": round(float(_found(r"Requests/sec:\s+([\d.]+)", said))),
        "p50_ms": _milliseconds(_found(r"50%\s+(\S+)", said)),
        "p99_ms": _milliseconds(_found(r"99%\s+(\S+)", said)),
    }


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]  # as wrk prints it
    return round(float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit], 2)


@asynccontextmanager
async def hello() -> AsyncIterator[Target]:
    """The baseline."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, str(HERE / "hello.py"), str(port))
    base_url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                httpx.post(f"{base_url}/v1/track", trust_env=False)
                break
            except httpx.HTTPError:
                await asyncio.sleep(0.1)
        yield Target(base_url, basic("nobody"), (process.pid,), ())
    finally:
        process.kill()
        await process.wait()


async def edge(broker: KafkaBroker | None) -> dict[str, Any]:
    """The edge alone: nobody consumes meanwhile."""
    kafka = {"TAM_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers} if broker else {}
    brokers = [broker.pid] if broker and broker.pid else []
    async with (
        durable_postgres() as (url, pid),
        platform(url, pid, ["api"], brokers=brokers, **kafka) as under_test,
    ):
        target = Target(under_test.base_url, basic(under_test.write_key), under_test.ours, under_test.backends)
        return {path: await measure(target, path) for path in ("/v1/track", "/v1/batch")}


async def baseline() -> dict[str, Any]:
    """Bare hello-world, with the same requests."""
    async with hello() as target:
        return {path: await measure(target, path) for path in ("/v1/track", "/v1/batch")}


def main() -> None:
    """Measure the baseline and both buses."""
    # The broker of ours is waited for until it answers.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    figures = {"hello": asyncio.run(baseline()), "postgres": asyncio.run(edge(None))}
    try:
        with broker_for_tests() as broker:
            if isinstance(broker, KafkaBroker):
                figures["kafka"] = asyncio.run(edge(broker))
    except KafkaMissing as missing:
        print(f"without Kafka: {missing}", file=sys.stderr)
    for name in figures.keys() - {"hello"}:
        for path, found in figures[name].items():
            base = figures["hello"][path]["our_cpu_us_per_request"]
            found["cpu_per_request_to_hello"] = round(found["our_cpu_us_per_request"] / base, 2)
    store("edge", figures)


if __name__ == "__main__":
    main()
