"""Figures that the clock computes for the card: of two that compute at once, who knew more is kept."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from metrics_world import NOW, World, placed

from services.metrics.earned.service.reading import EarnedGrowth
from services.metrics.scorecard.repository import reading


async def test_who_computed_from_less_and_ended_later_replaces_nothing(world: World, monkeypatch: pytest.MonkeyPatch):
    await world.consume(placed("o-1", "lan", NOW - timedelta(days=40), 1_000), placed("o-2", "lan", NOW, 500))
    has_read, may_go_on = asyncio.Event(), asyncio.Event()
    by_segment = EarnedGrowth.by_segment

    async def held_up(growth: EarnedGrowth, days: int, day: int) -> Any:
        if not has_read.is_set():
            has_read.set()
            await may_go_on.wait()
        return await by_segment(growth, days, day)

    monkeypatch.setattr(EarnedGrowth, "by_segment", held_up)
    slow = asyncio.create_task(world.metrics.keeping.keep())
    await has_read.wait()
    world.clock.time = NOW + timedelta(hours=2)
    await world.consume(placed("o-3", "lan", NOW, 1_500))

    await world.metrics.keeping.keep()
    assert await growth_of(world) == 1.0
    may_go_on.set()
    await slow

    assert await growth_of(world) == 1.0


async def growth_of(world: World) -> float | None:
    """What is kept of everybody's earned growth, of 30 days over the 30 before."""
    async with world.db.read() as tx:
        rows = await tx.execute(
            "SELECT document FROM card_kept WHERE figure = 'earned_growth_rate:30' AND segment = '' ORDER BY day DESC"
        )
        newest = await reading.newest_kept(tx, "earned_growth_rate:30")
    assert newest is not None
    assert newest[2]
    value: float | None = rows.scalars().first()["value"]
    return value
