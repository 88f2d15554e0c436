"""After faults: empty every projection while the workers run, and what they rebuild equals what there was."""

import pytest
from installation import Installation

from shared.events.topics import ORDERS
from shared.runtime.progress import digest, empty_projection

pytestmark = pytest.mark.long

# The position of a journal's row is when it came, which a replay need not repeat.
TABLES = {
    "metrics": ("orders", "activity", "cells", "histories", "spends", "day_money", "identity"),
    "tally": ("totals",),
}


async def digests(firm: Installation) -> dict[str, str]:
    """A digest of every table that is a function of the log."""
    return {
        f"{name}.{table}": found
        for name, tables in TABLES.items()
        for table, found in (await digest(firm.database(name), tables)).items()
    }


async def empty_all(firm: Installation) -> None:
    """Empty every projection there is."""
    for service, db in firm.databases:
        for projection in service.projections:
            await empty_projection(db, projection)


async def test_a_replay_equals_the_live_figures(firm: Installation):
    first, second = firm.process(), firm.process()
    await first.start(environ={"TAM_TEST_FAULT": "relay.after_append@orders:4"})
    async with firm.load(first).running() as load:
        await first.ended()
        await first.start()
        await load.acknowledged(200)
        first.kill()
        await first.start()
    await firm.settled()
    live = await digests(firm)
    # Merges are what the order of two topics could make a difference to.
    (merged,) = await firm.rows("metrics", "SELECT count(*) FROM identity WHERE root_id <> raw_id")

    await empty_all(firm)
    seconds = await firm.settled()
    alone = await digests(firm)
    # Two processes share the partitions now, so batches are cut and interleave differently.
    await second.start()
    await empty_all(firm)
    await firm.settled()
    together = await digests(firm)
    async with firm.load(first, second).running() as load:
        await load.acknowledged(30)
        await empty_all(firm)
        await load.acknowledged(30)
    await firm.settled()
    verdict = await firm.judged(second)

    print(f"{await firm.ends(ORDERS.name)} records, {merged[0]} merged, {firm.story()}, rebuilt in {seconds:.1f} s")
    assert merged[0] > 0
    assert live == alone == together
    assert verdict.problems() == []
    # The digests see a difference where there is one: the later load changed these tables for certain.
    later = await digests(firm)
    for table in ("metrics.orders", "metrics.activity", "metrics.day_money", "tally.totals"):
        assert later[table] != live[table]
