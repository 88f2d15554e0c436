"""Memberships while many write at once: nobody's fact is missed, and what is announced keeps its order."""

import asyncio
from random import Random
from typing import Any
from uuid import UUID

import pytest
from profiles_world import NOW, World, touchpoint

from services.profiles.errors import AmbiguousIdentifier, MergeIntoVisitor, NotMerged, SamePerson
from services.profiles.membership.domain import Touched
from services.profiles.schemas import MergeIn, UnmergeIn
from services.profiles.segments.schemas import SegmentIn, SegmentOut
from shared.events.catalogue.profiles import SegmentEntered, SegmentLeft
from shared.events.catalogue.touchpoints import OrderPlaced, TouchpointRecorded
from shared.events.envelope import Event
from shared.ids import user_key, uuid7

HUE = {"trait": "city", "eq": "Huế"}
VIEWED = {"event": "Product Viewed"}


async def segment(world: World, name: str, rule: dict[str, Any]) -> UUID:
    answer = await world.service.segments.create(SegmentIn(name=name, rule=rule), by="test", idem=None)
    return SegmentOut.model_validate_json(answer.body).id


async def inside(world: World) -> set[tuple[UUID, UUID]]:
    rows = await world.rows("SELECT segment_id, customer_id FROM memberships")
    return {(row.segment_id, row.customer_id) for row in rows}


def viewed(user: str) -> Event[TouchpointRecorded]:
    data = TouchpointRecorded(source="web", call="track", name="Product Viewed")
    return Event(uuid7(), user_key(user), NOW, NOW, data)


async def test_two_facts_at_once_about_one_customer_count_together(world: World) -> None:
    """INVARIANT: of two transactions that touch a person, the later sees the earlier.

    Breaks if a person is looked at without being locked: each would see its own fact alone, and nobody would enter.
    """
    made = await segment(world, "Both", {"and": [HUE, VIEWED]})
    await world.play(touchpoint("1", user="u", call="identify"))

    async def view() -> None:
        async with world.db.write() as tx:
            await world.service.activity.record(tx, [viewed("u")])

    async with asyncio.TaskGroup() as group, world.db.write() as tx:
        await world.consume(tx, [touchpoint("2", user="u", call="identify", minute=1, traits={"city": "Huế"})])
        waiting = group.create_task(view())
        await asyncio.sleep(0.3)
        assert not waiting.done()

    assert await inside(world) == {(made, user_key("u"))}


async def test_a_segment_made_while_a_fact_is_on_its_way_has_it(world: World) -> None:
    await world.play(touchpoint("1", user="u", call="identify"))
    await segment(world, "Another", VIEWED)

    async with asyncio.TaskGroup() as group, world.db.write() as tx:
        await world.consume(tx, [touchpoint("2", user="u", call="identify", minute=1, traits={"city": "Huế"})])
        making = group.create_task(segment(world, "Huế", HUE))
        await asyncio.sleep(0.3)
        assert not making.done()
    await world.service.upkeep.run()

    assert await inside(world) == {(making.result(), user_key("u"))}


async def test_a_word_that_changes_nothing_under_its_key_may_change_the_person(world: World) -> None:
    made = await segment(world, "Huế", HUE)
    await world.play(
        touchpoint("1", user="u", call="identify", minute=3, traits={"city": "Huế"}),
        touchpoint("2", user="w", call="identify", minute=5, traits={"city": "Đà Nẵng"}),
    )
    await world.service.merge("user_id:u", MergeIn(into="user_id:w", reason="one"), by="test", idem=None)
    assert await inside(world) == set()

    await world.play(touchpoint("3", user="u", call="identify", minute=7, traits={"city": "Huế"}))

    assert await inside(world) == {(made, user_key("w"))}


async def test_an_order_that_turns_out_another_customers_moves_both(world: World) -> None:
    made = await segment(world, "Buyers", {"computed": "orders", "gte": 1})
    await world.play(*(touchpoint(user, user=user, call="identify") for user in ("u", "w")))
    placed = OrderPlaced(order_id="o", total_minor=1, currency="VND", source="web")

    for user, minute, wanted in (("u", 5, "u"), ("w", 3, "w"), ("u", 4, "w")):
        at = touchpoint("t", user="u", minute=minute).time
        async with world.db.write() as tx:
            await world.service.activity.record(tx, [Event(uuid7(), user_key(user), at, at, placed)])
        assert await inside(world) == {(made, user_key(wanted))}


@pytest.mark.parametrize("seed", range(3))
async def test_many_writers_end_in_the_truth_and_tell_it_in_order(world: World, seed: int) -> None:
    """INVARIANT: whatever runs side by side, looking at everybody again finds nothing to change."""
    users = ("u", "w", "x", "y")
    for number, rule in enumerate(
        (HUE, VIEWED, {"and": [{"not": HUE}, VIEWED]}, {"not": VIEWED}, {"or": [HUE, VIEWED]})
    ):
        await segment(world, str(number), rule)
    await world.play(*(touchpoint(user, user=user, call="identify") for user in users))

    async def writer(name: int) -> None:
        random = Random(seed * 100 + name)
        for step in range(15):
            one, other = random.sample(users, 2)
            match random.randint(0, 4):
                case 0:
                    async with world.db.write() as tx:
                        await world.service.activity.record(tx, [viewed(one)])
                case 1 | 2:
                    city = random.choice(("Huế", "Đà Nẵng"))
                    await world.play(
                        *(
                            touchpoint(f"{name}-{step}-{each}", user=each, call="identify", traits={"city": city})
                            for each in (one, other)
                        )
                    )
                case _:
                    with_reason = {"reason": "so"}
                    try:
                        if random.random() < 0.5:
                            body = MergeIn(into=f"user_id:{other}", **with_reason)
                            await world.service.merge(f"user_id:{one}", body, by="test", idem=None)
                        else:
                            await world.service.unmerge(f"user_id:{one}", UnmergeIn(**with_reason), by="t", idem=None)
                    except (SamePerson, NotMerged, MergeIntoVisitor, AmbiguousIdentifier):
                        continue

    async with asyncio.TaskGroup() as group:
        for name in range(4):
            group.create_task(writer(name))

    found = await inside(world)
    announced = await world.announced(SegmentEntered, SegmentLeft)
    told: set[tuple[UUID, UUID]] = set()
    for event in announced:
        pair = (event.data.segment_id, event.subject)
        assert (pair in told) is isinstance(event.data, SegmentLeft)
        told ^= {pair}
    assert told == found
    async with world.db.write() as tx:
        await world.service.membership.refresh(tx, Touched(people=set(map(user_key, users))))
    assert await inside(world) == found
