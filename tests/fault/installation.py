"""One installation under test: its database, its bus, its keys. Processes come and go; in the end all is read back."""

import asyncio
import contextlib
import datetime
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx

from services.registry import SERVICES
from shared.bus.base import Bus, BusUnavailable, Record
from shared.bus.choose import open_bus
from shared.config import PlatformSettings
from shared.db.engine import Database, make_engine
from shared.delivery.inbox import stored_offsets
from shared.events.catalogue.touchpoints import OrderChanged, OrderPlaced, OrderRefunded
from shared.events.envelope import Catalogue
from shared.events.topics import ORDERS, TOPICS
from shared.http.auth import KeyRing
from shared.ids import uuid7
from shared.runtime.platform import migrate
from shared.runtime.progress import settled
from shared.runtime.service import Service
from shared.runtime.trees import PLATFORM_SCHEMA
from shared.testing.history import History, Observed, Verdict, check
from shared.testing.platform import PlatformProcess
from shared.testing.shop import CURRENCY, Load
from shared.testing.tally.app import service as tally
from shared.testing.zygote import Zygote

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
ALL: tuple[Service, ...] = (*SERVICES, tally)
# How long a killed consumer's partitions wait; a broker allows no less than six.
SESSION_SECONDS = {"postgres": 2.0, "kafka": 6.0}
MONEY_FACTS = Catalogue((OrderPlaced, OrderChanged, OrderRefunded))


@dataclass
class Installation:
    """What the processes of a test share. `bus` and `databases` are the test's own eyes."""

    url: str
    environ: Mapping[str, str]
    folder: Path
    bus: Bus
    databases: Sequence[tuple[Service, Database]]
    write_key: str
    secret_key: str
    seed: int
    zygote: Zygote
    history: History = field(default_factory=History)
    processes: list[PlatformProcess] = field(default_factory=list)

    def process(self, *, role: str = "all") -> PlatformProcess:
        """A process that is not started yet; it is ended with the test."""
        made = PlatformProcess(
            environ=self.environ,
            log=self.folder / f"process-{len(self.processes)}.log",
            arguments=("--role", role),
            zygote=self.zygote,
        )
        self.processes.append(made)
        return made

    def load(self, *processes: PlatformProcess, **options: Any) -> Load:
        """Clients for these processes."""
        return Load(self.history, [each.base_url for each in processes], self.write_key, self.seed, **options)

    def database(self, name: str) -> Database:
        """A service's database."""
        return next(db for service, db in self.databases if service.name == name)

    async def rows(self, name: str, statement: str, **parameters: Any) -> Sequence[Any]:
        """Read with SQL from a service's schema."""
        async with self.database(name).read() as tx:
            return (await tx.execute(statement, parameters)).fetchall()

    async def settled(self, *, patience_seconds: float = 80.0) -> float:
        """Wait until nothing is on its way; how many seconds that took."""
        began = asyncio.get_running_loop().time()
        await settled(self.bus, self.databases, patience_seconds=patience_seconds)
        return asyncio.get_running_loop().time() - began

    async def handles_all(self, name: str, *, patience_seconds: float = 40.0) -> None:
        """Wait until a service has handled everything that is on the bus for it by now, on every partition."""
        service = next(each for each, _ in self.databases if each.name == name)
        topics = {topic.name for each in service.subscriptions for topic in each.topics}
        ends = {at: end for topic in topics for at, end in (await self.bus.end_offsets(topic)).items()}

        async def has() -> bool:
            async with self.database(name).read() as tx:
                for each in service.subscriptions:
                    mine = [at for at in ends if at.topic in {topic.name for topic in each.topics}]
                    stored = await stored_offsets(tx, each.group, mine)
                    if any(stored[at] < ends[at] for at in mine):
                        return False
            return True

        await until(has, f"{name} handles all that there is", patience_seconds=patience_seconds)

    def story(self) -> str:
        """What clients saw, in half a line."""
        return f"{len(self.history.acknowledged)} acknowledged, outcomes {dict(self.history.outcomes)}"

    async def command(self, *arguments: str) -> str:
        """Run a `tam` command beside the processes; what it says."""
        log = self.folder / f"command-{uuid7()}.log"
        forked = self.zygote.spawn(arguments, environ={**os.environ, **self.environ}, log=log)
        code = await asyncio.to_thread(forked.wait, 60)
        said = log.read_text()
        assert code == 0, said
        return said

    async def scrape(self, process: PlatformProcess) -> dict[str, float]:
        """The process's metrics, by name and labels as exposed."""
        async with httpx.AsyncClient(timeout=10) as http:
            text = (await http.get(f"{process.base_url}/metrics")).text
        lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    async def judged(self, process: PlatformProcess) -> Verdict:
        """Read everything back through a running process and our own eyes, and check the history."""
        verdict = check(self.history, await self.observed(process), ZONE)
        if verdict.problems():
            self.history.dump(self.folder / "history.jsonl")
        return verdict

    async def observed(self, process: PlatformProcess) -> Observed:
        """What is stored, at every stage."""
        stored = await self.rows("touchpoints", "SELECT message_id FROM touchpoints")
        journal = await self.rows("tally", "SELECT subject, happened FROM journal ORDER BY position")
        money = await self.rows("metrics", "SELECT day, currency, orders, gross_minor, refunds_minor FROM day_money")
        return Observed(
            stages={
                "touchpoints": [row.message_id for row in stored],
                "orders topic": await self._announced(),
                "tally": [self.history.message_of(row.subject, row.happened) for row in journal],
            },
            money_stages=frozenset({"orders topic", "tally"}),
            money={
                (_day(row.day), row.currency): (row.orders, int(row.gross_minor), int(row.refunds_minor))
                for row in money
            },
            figures=await self._figures(process),
        )

    async def _announced(self) -> list[str]:
        """The facts on the topic `orders`, in its order per partition, each event id once."""
        seen: set[UUID] = set()
        found: list[str] = []
        for record in await self.records(ORDERS.name):
            with contextlib.suppress(Exception):
                event = MONEY_FACTS.decode(record.value)
                if event is not None and event.id not in seen:
                    seen.add(event.id)
                    found.append(self.history.message_of(event.subject, event.time))
        return found

    async def ends(self, topic: str) -> int:
        """How many records a topic has ever had."""
        return sum((await self.bus.end_offsets(topic)).values())

    async def records(self, topic: str) -> list[Record]:
        """All records of a topic, in order per partition."""
        ends = {partition: end for partition, end in (await self.bus.end_offsets(topic)).items() if end}
        found: list[Record] = []
        reached = dict.fromkeys(ends, 0)
        consumer = self.bus.consumer(topics=(topic,), group=f"eyes.{uuid7()}")
        await consumer.start()
        try:
            async with asyncio.timeout(30):
                while any(reached[partition] < end for partition, end in ends.items()):
                    with contextlib.suppress(BusUnavailable):
                        for partition, records in (await consumer.poll(max_records=5_000, max_wait=0.5)).items():
                            found += records
                            reached[partition] = records[-1].offset + 1
        finally:
            await consumer.stop()
        return found

    async def _figures(self, process: PlatformProcess) -> dict[str, object]:
        headers = {"Authorization": f"Bearer {self.secret_key}"}
        async with httpx.AsyncClient(base_url=process.base_url, headers=headers, timeout=10) as crm:
            answer = await crm.get("/v1/metrics/summary", params={"currency": CURRENCY})
            # After an outage the first question meets a connection that died in it.
            for _ in range(4):
                if answer.status_code == 503 and "retry-after" in answer.headers:
                    await asyncio.sleep(0.2)
                    answer = await crm.get("/v1/metrics/summary", params={"currency": CURRENCY})
        answer.raise_for_status()
        figures = answer.json()
        return {name: figures[name]["value"] for name in ("orders", "gross", "refunds", "net")}


def _day(number: int) -> datetime.date:
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=number)


@contextlib.asynccontextmanager
async def installed(
    url: str, folder: Path, seed: int, zygote: Zygote, *, kafka: str | None = None, **environ: str
) -> AsyncIterator[Installation]:
    """Set an installation up on an empty database; its processes and connections end with the block."""
    settings = PlatformSettings(
        database_url=url, kafka_bootstrap_servers=kafka, topic_prefix=f"tam-{seed}-{uuid7().hex[-8:]}."
    )
    await migrate(url, ALL)
    bus = open_bus(settings, url, sole=False)
    await bus.start()
    await bus.ensure_topics(TOPICS, partitions=settings.partitions)
    keys = Database(make_engine(url, schema=PLATFORM_SCHEMA, pool_size=None), schema=PLATFORM_SCHEMA)
    keyring = KeyRing(keys)
    databases = [(each, Database(make_engine(url, schema=each.name, pool_size=None), schema=each.name)) for each in ALL]
    made = Installation(
        url=url,
        environ={**_environ(settings), **environ},
        folder=folder,
        bus=bus,
        databases=databases,
        write_key=(await keyring.create("write", "shop", source="web"))[1],
        secret_key=(await keyring.create("secret", "CRM", scopes=("*",)))[1],
        seed=seed,
        zygote=zygote,
    )
    try:
        yield made
    finally:
        for process in made.processes:
            process.kill()
        await bus.stop()
        for db in (keys, *(db for _, db in databases)):
            await db.dispose()


def _environ(settings: PlatformSettings) -> dict[str, str]:
    environ = {
        "TAM_DATABASE_URL": settings.database_url or "",
        "TAM_TOPIC_PREFIX": settings.topic_prefix,
        "TAM_TEST_SESSION_SECONDS": str(SESSION_SECONDS["postgres"]),
    }
    if settings.kafka_bootstrap_servers is not None:
        environ["TAM_KAFKA_BOOTSTRAP_SERVERS"] = settings.kafka_bootstrap_servers
        environ["TAM_TEST_SESSION_SECONDS"] = str(SESSION_SECONDS["kafka"])
    return environ


async def repeats(firm: Installation, topic: str) -> int:
    """How many records of a topic came again with an id it had already."""
    ids = [record.value[:80] for record in await firm.records(topic)]
    return len(ids) - len(set(ids))


async def until(condition: Callable[[], Any], what: str, *, patience_seconds: float = 30.0) -> None:
    """Wait until `condition()` (awaited if need be) is true.

    Raises:
        TimeoutError: it never was; `what` is in the message.
    """
    try:
        async with asyncio.timeout(patience_seconds):
            while True:
                found = condition()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise TimeoutError(f"{what}: not within {patience_seconds:.0f} s") from None


# Sets an installation up on the database of this URL.
Install = Callable[..., AbstractAsyncContextManager[Installation]]
