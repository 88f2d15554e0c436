"""What a total costs depends on the days it looks at, not on how many customers there are; and it needs no bus."""

import random
from dataclasses import replace
from datetime import timedelta

from metrics_world import NOW, World, placed

from services.metrics.domain.calendar import PERIODS, day_number, period_of
from services.metrics.figures import repository
from services.metrics.freshness.service import Freshness
from services.metrics.ledger.consumers import SUBSCRIPTIONS
from shared.bus.postgres import PostgresBus
from shared.db.engine import ReadTx

DAYS = 60


async def rows_read(tx: ReadTx) -> int:
    """Rows that PostgreSQL has fetched for this connection, as far as it has not reported them yet."""
    counted = await tx.execute(
        "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"
    )
    return int(counted.scalar_one())


async def rows_read_for_a_summary(world: World) -> int:
    """Rows that PostgreSQL fetches for the totals as of today."""
    async with world.db.engine.connect() as connection:
        await connection.exec_driver_sql("ANALYZE cells, day_money")
        await connection.commit()
    today = day_number(NOW.date())
    async with world.db.read() as tx:
        # A table as small as a test's is quicker read whole: what matters is what the indexes allow.
        await tx.execute("SET LOCAL enable_seqscan = off")
        before = await rows_read(tx)
        await repository.totals(tx, today)
        people = await repository.people(tx, today, [30])
        await repository.lifecycles(tx, [period_of(period, today) for period in PERIODS], today)
        assert 0 < people.active[30] < people.customers
        return await rows_read(tx) - before


async def buy(world: World, customers: range) -> None:
    dice = random.Random(customers.start)
    orders = [
        placed(f"o{customer}-{nth}", f"c{customer}", NOW - timedelta(days=dice.randrange(DAYS)))
        for customer in customers
        for nth in range(3)
    ]
    for start in range(0, len(orders), 1_000):
        await world.consume(*orders[start : start + 1_000])


async def test_ten_times_the_customers_cost_the_same_rows(world: World):
    """A few rows a day, however the planner gets at them; reading the closed cells too would be ten times that."""
    for customers in (range(300), range(300, 3_000)):
        await buy(world, customers)
        assert await rows_read_for_a_summary(world) < 7 * DAYS

    async with world.db.read() as tx:
        assert (await tx.execute("SELECT count(*) FROM cells")).scalar_one() > 40 * DAYS


async def test_figures_are_served_while_the_bus_is_away(world: World):
    """How old they are cannot be said then, and is not."""
    await world.consume(placed("o1", "ann", NOW))
    away = Freshness(PostgresBus("postgresql://nobody@127.0.0.1:1/nowhere"), world.clock, SUBSCRIPTIONS)

    found = await replace(world.metrics.figures, freshness=away).summary()

    assert found.figures["orders"].value == 1
    assert found.frame.staleness_seconds is None
