"""Achievements for those who are in a segment or hold a level, and while a programme is paused."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from achievements_world import Club
from earning_world import DAY, EarningWorld, emptied, entered, key, left, placed, refunded
from loyalty_world import LoyaltyWorld
from pydantic import ValidationError

from services.loyalty.achievements.errors import BadAchievement
from services.loyalty.achievements.schemas import AchievementIn
from services.loyalty.programs.domain.beside import Phase

pytestmark = pytest.mark.asyncio(loop_scope="module")

VIP = UUID(int=77)
TRACK: dict[str, Any] = {
    "measure": {"by": "spend", "currency": "VND"},
    "window": {"kind": "calendar_year"},
    "levels": [{"key": "gold", "threshold": 1_000_000}],
}
TWICE: dict[str, Any] = {"goal": {"kind": "count", "target": 2}, "rewards": [{"points": 30}]}


@pytest_asyncio.fixture(loop_scope="module")
async def club(module_world: LoyaltyWorld) -> AsyncIterator[Club]:
    await emptied(module_world)
    yield Club(module_world)
    assert await Club(module_world).faults() == {}


def at(day: float) -> Any:
    return DAY + timedelta(days=day)


@pytest.mark.parametrize("moves_first", [True, False])
async def test_only_what_is_done_inside_the_segment_counts(club: Club, *, moves_first: bool):
    await club.achievement("vip_buyer", who={"segments": {"any_of": [str(VIP)]}}, **TWICE)
    moves = [entered(VIP, "An", at(1)), left(VIP, "An", at(3)), entered(VIP, "An", at(5))]
    orders = [placed(f"o{day}", "An", 100_000, at=at(day)) for day in (0, 2, 4)]
    for batch in (moves, orders) if moves_first else (orders, moves):
        await club.hear(*batch)
    assert (await club.names("An"), (await club.progress("An", "vip_buyer")).value) == ([], 1)

    await club.hear(placed("o6", "An", 100_000, at=at(6)))
    assert await club.held("An") == [("vip_buyer", "", 1, at(6))]
    assert await club.points("An") == 30
    # It turns out that they had left before.
    await club.hear(left(VIP, "An", at(5.5)))
    assert (await club.names("An"), await club.points("An")) == ([], 0)


async def test_only_what_a_level_does_counts_and_falls_with_it(club: Club):
    await EarningWorld(club.world).track(TRACK)
    await club.achievement("gold_buyer", who={"tiers": {"track": "main", "any_of": ["gold"]}}, **TWICE)
    orders = [placed(f"o{day}", "An", 1_000_000, at=at(day)) for day in range(3)]
    await club.hear(*orders[:2])
    # The first order lifts, the second is the first that gold does.
    assert (await club.progress("An", "gold_buyer")).value == 1
    await club.hear(orders[2])
    assert (await club.names("An"), await club.points("An")) == ([("gold_buyer", "", 1)], 30)

    await club.hear(refunded("o0", "An", 500_000))
    assert (await club.names("An"), await club.points("An")) == ([], 0)


async def test_two_who_are_one_person_count_together(club: Club):
    await club.achievement("vip_buyer", who={"segments": {"any_of": [str(VIP)]}}, **TWICE)
    await club.hear(entered(VIP, "An", at(0)), placed("a", "An", 1, at=at(1)), placed("b", "Bình", 1, at=at(2)))
    assert await club.names("An") == []

    await club.world.merge(key("Bình"), key("An"))
    await club.settle()
    assert await club.names("An") == [("vip_buyer", "", 1)]
    await club.world.unmerge(key("Bình"), key("An"))
    await club.settle()
    assert (await club.names("An"), await club.names("Bình")) == ([], [])


async def test_a_paused_programme_counts_and_pays_nothing_and_pays_later_what_is_due(club: Club):
    async def phase(name: Phase, day: float) -> None:
        club.world.clock.time = at(day)
        await club.world.service.programs.to_phase("main", name, by="test", idem=None)

    await club.achievement("twice", times=2, **TWICE)
    await phase("paused", 2)
    club.world.clock.time = at(3)
    # The first two were before the pause and come late; the others are of the pause.
    days = (0, 1, 2.2, 2.4, 2.6)
    await club.hear(*(placed(f"o{day}", "An", 100_000, at=at(day)) for day in days))

    assert (await club.names("An"), await club.points("An")) == ([("twice", "", 1)], 0)
    (badge,) = [each for each, _ in await club.world.service.achievement_show.badges(key("An"), before=None, limit=5)]
    assert badge.problem == "loyalty.program_paused"
    await phase("active", 4)
    await club.settle()
    assert await club.points("An") == 30
    await club.hear(placed("o7", "An", 100_000, at=at(4)), placed("o8", "An", 100_000, at=at(4.1)))
    assert await club.points("An") == 60


@pytest.mark.parametrize(
    "who",
    [
        {},
        {"segments": {}},
        {"tiers": {"track": "main", "any_of": ["gold"], "none_of": ["gold"]}},
    ],
    ids=["nothing", "nobody", "both"],
)
async def test_what_makes_no_sense_is_refused(who: dict[str, Any]):
    with pytest.raises(ValidationError):
        AchievementIn.model_validate({"name": "x", "achievement": {"counts": {"on": "order"}, "who": who, **TWICE}})


async def test_a_level_that_is_not_there_is_refused(club: Club):
    with pytest.raises(BadAchievement, match="no tier track 'main'"):
        await club.achievement("gold", who={"tiers": {"track": "main", "any_of": ["gold"]}}, **TWICE)
    await EarningWorld(club.world).track(TRACK)
    with pytest.raises(BadAchievement, match="no level 'silver'"):
        await club.achievement("gold", who={"tiers": {"track": "main", "any_of": ["silver"]}}, **TWICE)
