"""The broker stops, PostgreSQL crashes, every session is cut: clear answers meanwhile, and recovery without help."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from installation import Install, Installation, until

from shared.bus.kafka.bus import APPEND_SECONDS
from shared.testing.kafka import KafkaBroker
from shared.testing.outage import PrivatePostgres, private_postgres
from shared.testing.platform import PlatformProcess

pytestmark = pytest.mark.long

BROKER_STOPPED_SECONDS = 30.0
POSTGRES_STOPPED_SECONDS = 10.0
HANGING_SECONDS = 12.0
# An answer comes after the bus's own deadline at the latest; the rest is a busy machine's.
ANSWER_SECONDS = APPEND_SECONDS + 5.0


@pytest.fixture
async def server() -> AsyncIterator[PrivatePostgres]:
    async with private_postgres() as made:
        yield made


async def probes(process: PlatformProcess) -> tuple[int, int, str]:
    """What `/healthz` and `/readyz` answer, and what is wrong."""
    async with httpx.AsyncClient(base_url=process.base_url, timeout=10) as http:
        alive, ready = await http.get("/healthz"), await http.get("/readyz")
    return alive.status_code, ready.status_code, str(ready.json()["problems"])


async def watched(firm: Installation, process: PlatformProcess, seconds: float) -> tuple[set[int], set[int], str]:
    """Look at the probes for so long: all that `/healthz` said, what `/readyz` said in the second half, its words."""
    until_at, alive, ready, words = firm.history.at() + seconds, set(), set(), ""
    while (left := until_at - firm.history.at()) > 0:
        healthz, readyz, problems = await probes(process)
        alive.add(healthz)
        if left < seconds / 2:
            ready.add(readyz)
            words = problems
        await asyncio.sleep(0.5)
    return alive, ready, words


@pytest.mark.parametrize("kafka", ["kafka"], indirect=True)
async def test_the_broker_stops(firm: Installation, kafka_broker: KafkaBroker):
    process = firm.process()
    await process.start()
    async with firm.load(process).running() as load:
        await load.acknowledged(100)
        kafka_broker.kill()
        alive, ready, words = await watched(firm, process, BROKER_STOPPED_SECONDS)
        refused = firm.history.outcomes["503"]
        await kafka_broker.start()
        began = firm.history.at()
        await load.acknowledged(50, patience_seconds=40)
        accepting = firm.history.at() - began
    drain = await firm.settled()

    verdict = await firm.judged(process)

    print(f"{firm.story()}, slowest refusal {load.slowest_refusal_seconds:.1f} s,")
    print(f"accepting {accepting:.1f} s after it was back, drained in {drain:.1f} s")
    assert verdict.problems() == []
    assert (alive, ready) == ({200}, {503})
    assert "Kafka" in words
    assert refused > 0
    assert load.slowest_refusal_seconds < ANSWER_SECONDS
    await until(lambda: is_ready(process), "it is ready again")


async def is_ready(process: PlatformProcess) -> bool:
    return (await probes(process))[1] == 200


async def test_postgresql_crashes(install: Install, server: PrivatePostgres, kafka: str | None):
    async with install(server.url) as firm:
        process = firm.process()
        await process.start()
        async with firm.load(process).running() as load:
            await load.acknowledged(100)
            taken = firm.history.outcomes["200"]
            await server.crash()
            alive, ready, words = await watched(firm, process, POSTGRES_STOPPED_SECONDS)
            refused, taken = firm.history.outcomes["503"], firm.history.outcomes["200"] - taken
            await server.start()
            began = firm.history.at()
            await load.acknowledged(50)
            accepting = firm.history.at() - began
        drain = await firm.settled()

        verdict = await firm.judged(process)

        print(f"{firm.story()}, slowest refusal {load.slowest_refusal_seconds:.1f} s,")
        print(f"accepting {accepting:.1f} s after it was back, drained in {drain:.1f} s; {words}")
        assert verdict.problems() == []
        assert alive == {200}
        assert "PostgreSQL does not answer" in words
        if kafka is None:
            assert ready == {503}
            assert refused > 0
        else:
            # The door needs no database: it goes on taking events, and says what else does not work.
            assert ready == {200}
            assert taken > 50
        assert load.slowest_refusal_seconds < ANSWER_SECONDS
        await until(lambda: is_ready(process), "it is ready again")


@pytest.mark.parametrize("kafka", ["postgres"], indirect=True)
async def test_every_session_is_cut(install: Install, server: PrivatePostgres):
    async with install(server.url) as firm:
        process = firm.process()
        await process.start()
        cut = 0
        async with firm.load(process).running() as load:
            for _ in range(8):
                await load.acknowledged(30)
                cut += await server.cut_sessions()
        drain = await firm.settled()

        verdict = await firm.judged(process)

        print(f"{cut} sessions cut, {firm.story()}, drained in {drain:.1f} s")
        assert verdict.problems() == []
        assert cut > 40
        log = process.log.read_text()
        assert '"batch_failed"' in log or '"relay_waits"' in log or firm.history.outcomes["503"] > 0


async def asked(firm: Installation, process: PlatformProcess) -> tuple[int, float]:
    """What a CRM that asks for figures is answered, and after how many seconds."""
    began = firm.history.at()
    headers = {"Authorization": f"Bearer {firm.secret_key}"}
    async with httpx.AsyncClient(base_url=process.base_url, headers=headers, timeout=60) as crm:
        answer = await crm.get("/v1/metrics/summary")
    return answer.status_code, firm.history.at() - began


@pytest.mark.parametrize("kafka", ["postgres"], indirect=True)
async def test_postgresql_hangs(install: Install, server: PrivatePostgres):
    async with install(server.url) as firm:
        process = firm.process()
        await process.start()
        async with firm.load(process, timeout_seconds=30).running() as load:
            await load.acknowledged(100)
            assert (await asked(firm, process))[0] == 200
            server.freeze()
            question = asyncio.create_task(asked(firm, process))
            alive, ready, words = await watched(firm, process, HANGING_SECONDS)
            server.thaw()
            began = firm.history.at()
            await load.acknowledged(50)
            accepting = firm.history.at() - began
        drain = await firm.settled()

        verdict = await firm.judged(process)

        print(f"{firm.story()}, slowest refusal {load.slowest_refusal_seconds:.1f} s, a CRM heard {await question},")
        print(f"accepting {accepting:.1f} s after it was back, drained in {drain:.1f} s; {words}")
        assert verdict.problems() == []
        assert (alive, ready) == ({200}, {503})
        assert load.slowest_refusal_seconds < ANSWER_SECONDS
