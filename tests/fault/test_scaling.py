"""More processes share the work; one after the other may go and come again, with `tam load` as judge."""

import asyncio
import signal
from collections.abc import AsyncIterator

import httpx
import pytest
from installation import Install, Installation
from load_run import PEPPER, Traffic, traffic

from shared.bus.choose import open_bus
from shared.config import PlatformSettings
from shared.events.topics import INGEST, ORDERS
from shared.load.judge import Verdict
from shared.testing.platform import PlatformProcess

# A busy machine takes its time for forty processes.
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

ROUNDS = 10
# For a process to come up, on a machine where much else runs.
PATIENCE_SECONDS = 240.0
HANDLED = ("tam_consumer_records_total", 'outcome="handled"')


@pytest.fixture
async def firm(install: Install, database_url: str) -> AsyncIterator[Installation]:
    async with install(database_url, **PEPPER) as made:
        yield made


async def several(firm: Installation, **roles: int) -> list[list[PlatformProcess]]:
    """So many processes of each role, all up."""
    made = [[firm.process(role=role) for _ in range(number)] for role, number in roles.items()]
    await asyncio.gather(*(each.start(patience_seconds=PATIENCE_SECONDS) for group in made for each in group))
    return made


async def counted(firm: Installation, process: PlatformProcess, name: str, *labels: str) -> float:
    """A counter of a process, over all its other labels."""
    for attempt in range(6):
        try:
            found = await firm.scrape(process)
        except httpx.TimeoutException:
            # Whoever is busy answers later.
            assert attempt < 5
            continue
        break
    return sum(
        value for key, value in found.items() if key.partition("{")[0] == name and all(label in key for label in labels)
    )


async def restarted(process: PlatformProcess, load: Traffic) -> int:
    """End a process as an operator does, and start it anew, with traffic before, between and after; its exit code."""
    code = await process.stop(patience_seconds=PATIENCE_SECONDS)
    await load.goes_on(5)
    await process.start(patience_seconds=PATIENCE_SECONDS)
    await load.goes_on(5)
    return code


def assert_right(verdict: Verdict, load: Traffic) -> None:
    """Nothing is lost or doubled; a client was told to come again at most, and then came."""
    assert verdict.differences == []
    assert verdict.events > 300
    assert not {"500", "502", "504"} & load.session.wire.outcomes.keys()


async def test_ten_rolling_restarts_lose_and_double_nothing(firm: Installation):
    apis, workers = await several(firm, api=2, worker=2)
    codes: list[int] = []
    async with traffic(firm, apis) as load:
        await load.goes_on(30)
        for turn in range(ROUNDS):
            codes += [await restarted(apis[turn % 2], load), await restarted(workers[turn % 2], load)]

        verdict = await load.judged()
        moved = [await counted(firm, each, "tam_consumer_rebalances_total") for each in workers]

    print(f"{len(codes)} restarts: {load.story()}; {verdict.events} events, {verdict.facts} facts; rebalances {moved}")
    assert codes == [0] * (2 * ROUNDS)
    assert min(moved) > 0
    assert_right(verdict, load)


async def test_workers_and_apis_share_the_work_and_one_killed_in_a_batch_is_made_up_for(firm: Installation):
    apis, workers = await several(firm, api=2, worker=2)
    doomed = firm.process(role="worker")
    doomed.launch(environ={"TAM_TEST_FAULT": "handler.done@metrics.orders:3"})
    async with traffic(firm, apis) as load:
        assert await doomed.ended(patience_seconds=120) == -signal.SIGKILL
        # However few acts came before the kill, enough are judged.
        await load.goes_on(150)

        verdict = await load.judged()
        handled = [await counted(firm, each, *HANDLED) for each in workers]
        taken = [await counted(firm, each, "tam_ingest_accepted_events_total") for each in apis]
        relayed = [await counted(firm, each, "tam_outbox_relayed_events_total") for each in workers]
        leases = await firm.rows("metrics", "SELECT name, count(*) FROM leases WHERE name = 'relay' GROUP BY name")

    print(f"{load.story()}; handled {handled}, taken {taken}, relayed {relayed}")
    assert min(handled) > 0
    assert min(taken) > 0
    assert sum(relayed) > 0
    assert [row[1] for row in leases] == [1]
    assert_right(verdict, load)


async def test_partitions_are_added_under_load_and_every_figure_stays_exact(firm: Installation):
    """Keys move to other partitions while their earlier events are still being read: facts are folded in any order."""
    apis, workers = await several(firm, api=2, worker=2)
    before = {topic: len(await firm.bus.end_offsets(topic)) for topic in (INGEST.name, ORDERS.name)}
    more = max(before.values()) + 3
    async with traffic(firm, apis) as load:
        await load.goes_on(40)
        await firm.command("topics", "--partitions", str(more))
        await load.goes_on(20)
        # Readers first: what nobody reads yet is not lost, but late.
        codes = [await restarted(each, load) for each in (*workers, *apis)]
        await load.goes_on(80)

        verdict = await load.judged()

    ends = await ends_seen_anew(firm)
    print(f"{load.story()}; {verdict.events} events; {before} partitions became {more}: {ends}")
    assert codes == [0] * 4
    for topic in before:
        assert len(ends[topic]) == more
        assert sum(ends[topic][before[topic] :]) > 0, "nothing went into the new partitions"
    assert_right(verdict, load)


async def ends_seen_anew(firm: Installation) -> dict[str, list[int]]:
    """The end of each partition, also of those that were added since the test began to look."""
    settings = PlatformSettings(
        kafka_bootstrap_servers=firm.environ.get("TAM_KAFKA_BOOTSTRAP_SERVERS"),
        topic_prefix=firm.environ["TAM_TOPIC_PREFIX"],
    )
    bus = open_bus(settings, firm.url, sole=False)
    await bus.start()
    try:
        return {
            topic: [end for _, end in sorted((await bus.end_offsets(topic)).items())]
            for topic in (INGEST.name, ORDERS.name)
        }
    finally:
        await bus.stop()
