"""What benchmarks read is what consumers would have written: a history in bulk, and the same history order by order."""

import sys
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
from metrics_world import World, fact

from shared.events.catalogue.touchpoints import OrderPlaced

CUSTOMERS = 400


async def test_a_history_in_bulk_has_the_rows_of_its_orders(world: World, monkeypatch: pytest.MonkeyPatch):
    """INVARIANT: figures measured on tables filled in bulk are those of tables that were consumed."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parents[2] / "benchmarks")])
    import shop

    indexes = await indexes_of(world)
    await shop.fill(world.db, CUSTOMERS)
    async with world.db.write() as tx:
        await tx.execute("DELETE FROM segment_members")
        bought = (await tx.execute("SELECT n, day, nth, net FROM bought ORDER BY day, n")).fetchall()
        placed = (await tx.execute("SELECT order_id, customer, placed_at, placed_id FROM orders")).fetchall()
        await tx.execute("DROP TABLE bought")
    assert await indexes_of(world) == indexes
    filled = await world.rows()
    await world.empty()

    assert len(placed) == len(bought) > 1.5 * CUSTOMERS
    totals = {f"{row.n}-{row.day}": row.net for row in bought}
    events = [event_of(*row, totals[row.order_id]) for row in sorted(placed, key=lambda row: row.placed_at)]
    for start in range(0, len(events), 200):
        await world.consume(*events[start : start + 200])
    assert await world.rows() == filled


async def indexes_of(world: World) -> list[str]:
    """How reads find rows, keys among it: filling makes some of them anew."""
    async with world.db.read() as tx:
        found = await tx.execute("SELECT indexdef FROM pg_indexes WHERE schemaname = 'metrics' ORDER BY indexname")
        return list(found.scalars())


def event_of(order: str, customer: UUID, at: datetime, event_id: UUID, total: int) -> object:
    data = OrderPlaced(order_id=order, total_minor=total, currency="VND", source="web")
    return fact(data, customer, at, event_id)
