"""The two drivers as the contract suite sees them: a backend that can be stopped, started, frozen and thawed."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import shared.bus
from shared.bus.base import Bus, BusConsumer, OutRecord, Partition, Record
from shared.bus.kafka import KafkaBus
from shared.bus.postgres import PostgresBus
from shared.config import PlatformSettings
from shared.db.cluster import running
from shared.db.embedded import EmbeddedServer
from shared.db.engine import make_engine
from shared.db.migrate import Tree, upgrade
from shared.events.topics import Topic
from shared.testing.kafka import KafkaBroker

HERE = Path(__file__).parent
PARTITIONS = 4
TOPICS = (Topic("orders", "For the tests."), Topic("touchpoints", "For the tests."))
TREE = Tree(Path(shared.bus.__file__).parent / "migrations", "bus", "alembic_bus")


class Backend(Protocol):
    """What a test may do to a driver's backend."""

    session_seconds: float

    def make(self, **options: Any) -> Bus:
        """A bus of its own, as another process would have it; not started."""
        ...

    def describe(self) -> dict[str, Any]:
        """What another process needs to make the same."""
        ...

    async def down(self) -> None: ...

    async def up(self) -> None: ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...


class PostgresBackend:
    """A database; with a `server` of its own it can be taken away."""

    def __init__(self, url: str, *, server: EmbeddedServer | None = None, folder: Path | None = None) -> None:
        self.url = url
        self.session_seconds = 1.0
        self._server = server
        self._folder = folder

    def on(self, url: str) -> "PostgresBackend":
        """The same server with another database."""
        return PostgresBackend(url, server=self._server, folder=self._folder)

    def make(self, **options: Any) -> PostgresBus:
        return PostgresBus(self.url, **{"session_seconds": self.session_seconds, **options})

    def describe(self) -> dict[str, Any]:
        return {"driver": "postgres", "url": self.url, "session_seconds": self.session_seconds}

    async def migrate(self) -> None:
        """Make the schema of the log."""
        engine = make_engine(self.url, schema="bus", pool_size=None)
        await upgrade(engine, [TREE])
        await engine.dispose()

    async def down(self) -> None:
        assert self._server is not None
        await self._server.stop()

    async def up(self) -> None:
        assert self._server is not None
        assert await self._server.start()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._folder is not None
        found = running((self._folder / "pg").resolve() / "data")
        assert found is not None
        for pid in (found[0], *_children(found[0])):
            os.kill(pid, number)


class KafkaBackend:
    """A prefix of its own on the broker of the test run."""

    def __init__(self, broker: Any, prefix: str) -> None:
        self.settings = PlatformSettings(kafka_bootstrap_servers=broker.bootstrap_servers, topic_prefix=prefix)
        self.is_ours = isinstance(broker, KafkaBroker)
        # A given broker allows no session under six seconds.
        self.session_seconds = 1.5 if self.is_ours else 6.0
        self._broker = broker

    def make(self, **options: Any) -> KafkaBus:
        return KafkaBus(self.settings, **{"session_seconds": self.session_seconds, **options})

    def describe(self) -> dict[str, Any]:
        return {
            "driver": "kafka",
            "url": self.settings.kafka_bootstrap_servers,
            "prefix": self.settings.topic_prefix,
            "session_seconds": self.session_seconds,
        }

    async def down(self) -> None:
        await self._broker.stop()

    async def up(self) -> None:
        await self._broker.start()

    def freeze(self) -> None:
        self._broker.freeze()

    def thaw(self) -> None:
        self._broker.thaw()


def _children(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if folder.name.isdigit() and int(fields[1]) == parent:
            found.append(int(folder.name))
    return found


def records(topic: str, keys: int, each: int, *, start: int = 0) -> list[OutRecord]:
    """`each` records of each of `keys` keys, values `key:sequence`."""
    return [
        OutRecord(topic, f"k{key}".encode(), f"k{key}:{number}".encode())
        for number in range(start, start + each)
        for key in range(keys)
    ]


async def collect(consumer: BusConsumer, number: int, *, seconds: float = 15.0, max_records: int = 500) -> list[Record]:
    """Poll until `number` records are here, or `seconds` are over."""
    found: list[Record] = []
    deadline = monotonic() + seconds
    while len(found) < number and monotonic() < deadline:
        for batch in (await consumer.poll(max_records=max_records, max_wait=0.2)).values():
            found.extend(batch)
    return found


async def quiet(consumer: BusConsumer, *, seconds: float = 0.6) -> list[Record]:
    """What still comes within `seconds`: the proof that there is no more."""
    return await collect(consumer, 1_000_000, seconds=seconds)


def values(found: list[Record]) -> list[bytes]:
    """The values, in the order of reading."""
    return [record.value for record in found]


def by_key(found: list[Record]) -> Mapping[bytes, list[int]]:
    """The sequence numbers of each key, in the order of reading."""
    sequences: dict[bytes, list[int]] = {}
    for record in found:
        sequences.setdefault(record.key, []).append(int(record.value.rpartition(b":")[2]))
    return sequences


@asynccontextmanager
async def started(bus: Bus) -> AsyncIterator[Bus]:
    """The bus, for as long as the block."""
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


@asynccontextmanager
async def consuming(
    bus: Bus, topic: str = "orders", group: str = "readers", **callbacks: Any
) -> AsyncIterator[BusConsumer]:
    """A member of a group, for as long as the block."""
    consumer = bus.consumer(topics=[topic], group=group, **callbacks)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


class Member:
    """A member of a group in a process of its own, which tells what happens to it (`bus_member.py`)."""

    def __init__(self, backend: Backend, *, topic: str = "orders", group: str = "readers") -> None:
        self._argument = json.dumps({**backend.describe(), "topic": topic, "group": group})
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self.owned: set[Partition] = set()
        self.read: list[tuple[int, int]] = []
        self.told: list[str] = []

    async def __aenter__(self) -> "Member":
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, str(HERE / "bus_member.py"), self._argument, stdout=asyncio.subprocess.PIPE
        )
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._listening is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._listening

    def signal(self, number: signal.Signals) -> None:
        """SIGKILL, SIGSTOP, SIGCONT, or SIGTERM to leave in order."""
        assert self._process is not None
        self._process.send_signal(number)

    async def _listen(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            what, topic, index, number = json.loads(line)
            partition = Partition(topic, index)
            if what == "read":
                self.read.append((index, number))
                continue
            self.told.append(what)
            (self.owned.add if what == "assigned" else self.owned.discard)(partition)


async def until(condition: Any, *, seconds: float = 20.0) -> None:
    """Wait until `condition()` is true.

    Raises:
        TimeoutError: it did not become so.
    """
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
