"""What the two bus drivers reach: `python -m tests.benchmarks.bench_bus`, about twenty seconds.

Records a second as a caller sees it, and the CPU of a record: ours (this process) and the backend's (all processes of
PostgreSQL, or the broker). Values are 400 bytes of JSON, keys 16 random bytes, four partitions, one process.
"""

import asyncio
import contextlib
import os
import resource
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import orjson

import shared.bus
from shared.bus.base import Bus, BusConsumer, OutRecord
from shared.bus.kafka import KafkaBus
from shared.bus.postgres import PostgresBus
from shared.config import PlatformSettings
from shared.db.cluster import running
from shared.db.embedded import EmbeddedServer
from shared.db.engine import make_engine
from shared.db.migrate import Tree, upgrade
from shared.events.topics import Topic
from shared.testing.kafka import KafkaBroker, KafkaMissing, broker_for_tests
from shared.testing.postgres import scratch_folder

TOPIC = Topic("bench", "For measuring.")
BATCH = 500
RECORDS = 100_000
SINGLES = 6_000
CALLERS = 32


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table."""

    driver: str
    case: str
    per_second: float
    own_cpu: float
    backend_cpu: float


def cpu_of(pids: list[int]) -> float:
    """Seconds of CPU that processes have used, with those of their children that ended."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and its children."""
    children = [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit()
        and (folder / "stat").exists()
        and int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid
    ]
    return [pid, *children]


def own_cpu() -> float:
    """Seconds of CPU that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def make_records(number: int) -> list[OutRecord]:
    """Records as the backbone sends them."""
    value = orjson.dumps({"id": "0" * 36, "type": "tam.touchpoints.order_placed.v1", "data": {"text": "x" * 306}})
    return [OutRecord(TOPIC.name, os.urandom(16), value) for _ in range(number)]


async def measured(
    driver: str, case: str, number: int, pids: Callable[[], list[int]], work: Callable[[], Awaitable[None]]
) -> Figure:
    """Run `work` once and count."""
    before, own, began = cpu_of(pids()), own_cpu(), perf_counter()
    await work()
    seconds, own = perf_counter() - began, own_cpu() - own
    return Figure(driver, case, number / seconds, 1e6 * own / number, 1e6 * (cpu_of(pids()) - before) / number)


async def bench(driver: str, bus: Bus, pids: Callable[[], list[int]]) -> AsyncIterator[Figure]:
    """The cases on one started bus."""
    await bus.ensure_topics([TOPIC], partitions=4)
    everything = make_records(RECORDS)
    batches = [everything[start : start + BATCH] for start in range(0, RECORDS, BATCH)]
    await bus.append(batches[0])

    async def in_turn(callers: int) -> None:
        todo = iter(batches)

        async def call() -> None:
            for batch in todo:
                await bus.append(batch)

        await asyncio.gather(*(call() for _ in range(callers)))

    yield await measured(driver, f"append {BATCH}, one caller", RECORDS, pids, lambda: in_turn(1))
    yield await measured(driver, f"append {BATCH}, four callers", RECORDS, pids, lambda: in_turn(4))

    async def singles() -> None:
        async def call(name: int) -> None:
            for record in everything[name:SINGLES:CALLERS]:
                await bus.append([record])

        await asyncio.gather(*(call(name) for name in range(CALLERS)))

    yield await measured(driver, f"append 1, {CALLERS} callers", SINGLES, pids, singles)

    number = 2 * RECORDS + BATCH + SINGLES
    consumer = bus.consumer(topics=[TOPIC.name], group="bench")
    await consumer.start()
    while not consumer.assignment():
        await asyncio.sleep(0.01)
    yield await measured(driver, "poll 1000", number, pids, lambda: read(consumer, number))
    yield await latency(driver, bus, consumer, everything)
    await consumer.stop()


async def read(consumer: BusConsumer, number: int) -> None:
    """Poll until so many records were handed out."""
    while number > 0:
        batches = await consumer.poll(max_records=1_000, max_wait=5)
        number -= sum(map(len, batches.values()))


async def latency(driver: str, bus: Bus, consumer: BusConsumer, everything: list[OutRecord]) -> Figure:
    """The median time from `append` to a record in the hands of a waiting consumer; as records per second."""
    times = []
    for record in everything[:200]:
        waiting = asyncio.create_task(consumer.poll(max_records=10, max_wait=5))
        await asyncio.sleep(0)
        began = perf_counter()
        await bus.append([record])
        await waiting
        times.append(perf_counter() - began)
    median = sorted(times)[len(times) // 2]
    return Figure(driver, f"append to poll: median {median * 1000:.2f} ms", 1 / median, 0, 0)


@asynccontextmanager
async def postgres() -> AsyncIterator[tuple[Bus, Callable[[], list[int]]]]:
    """A log on a durable server of its own."""
    with scratch_folder() as folder:
        server = EmbeddedServer(folder)
        url = await server.start()
        engine = make_engine(url, schema="bus", pool_size=None)
        await upgrade(engine, [Tree(Path(shared.bus.__file__).parent / "migrations", "bus", "alembic_bus")])
        await engine.dispose()
        found = running((folder / "pg").resolve() / "data")
        assert found is not None
        bus = PostgresBus(url, sole=True)
        await bus.start()
        try:
            yield bus, lambda: family(found[0])
        finally:
            await bus.stop()
            await server.stop()


async def main() -> None:
    """Measure both drivers and print the table."""
    figures: list[Figure] = []
    async with postgres() as (bus, pids):
        figures += [figure async for figure in bench("PostgreSQL", bus, pids)]
    try:
        figures += await asyncio.to_thread(kafka)
    except KafkaMissing as missing:
        print(f"No Kafka: {missing}", file=sys.stderr)
    print(f"{'driver':<12}{'case':<36}{'per second':>12}{'CPU µs, ours':>14}{'CPU µs, backend':>17}")
    for row in figures:
        print(f"{row.driver:<12}{row.case:<36}{row.per_second:>12,.0f}{row.own_cpu:>14.1f}{row.backend_cpu:>17.1f}")


def kafka() -> list[Figure]:
    """The cases on a broker of its own."""
    with broker_for_tests() as broker:

        async def run() -> list[Figure]:
            bus = KafkaBus(PlatformSettings(kafka_bootstrap_servers=broker.bootstrap_servers))
            await bus.start()
            pids = [broker.pid] if isinstance(broker, KafkaBroker) else []
            try:
                return [figure async for figure in bench("Kafka", bus, lambda: pids)]
            finally:
                await bus.stop()

        return asyncio.run(run())


if __name__ == "__main__":
    asyncio.run(main())
