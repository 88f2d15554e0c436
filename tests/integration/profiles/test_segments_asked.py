"""A fact is asked the rules that look at it, and nothing is lost by that: what time does, what shares a bit, whom."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from profiles_world import World, touchpoint
from sqlalchemy.exc import IntegrityError

from services.profiles.membership import repository as memberships
from services.profiles.schemas import MergeIn
from services.profiles.segments.repository.compiler import Asked, compiled
from services.profiles.segments.schemas import SegmentIn, SegmentOut
from shared.events.catalogue.touchpoints import OrderPlaced, TouchpointRecorded
from shared.events.envelope import Event
from shared.ids import anonymous_key, user_key, uuid7

HUE = {"trait": "city", "eq": "Huế"}
BOUGHT = {"computed": "orders", "gte": 1}
LATELY = {"event": "Product Viewed", "days_since_last": {"lt": 2}}


async def segment(world: World, name: str, rule: dict[str, Any]) -> UUID:
    answer = await world.service.segments.create(SegmentIn(name=name, rule=rule), by="test", idem=None)
    return SegmentOut.model_validate_json(answer.body).id


async def inside(world: World, customer: UUID) -> set[UUID]:
    rows = await world.rows("SELECT segment_id FROM memberships WHERE customer_id = :id", id=customer)
    return {row.segment_id for row in rows}


async def did(world: World, key: UUID, data: Any) -> None:
    at = world.clock.time
    async with world.db.write() as tx:
        await world.service.activity.record(tx, [Event(uuid7(), key, at, at, data)])


def viewed() -> TouchpointRecorded:
    return TouchpointRecorded(source="web", call="track", name="Product Viewed")


def ordered() -> OrderPlaced:
    return OrderPlaced(order_id=str(uuid7()), total_minor=1, currency="VND", source="web")


async def test_what_time_has_changed_meanwhile_is_seen_by_any_fact(world: World) -> None:
    """INVARIANT: what is written of a person is true when a transaction that touches them commits.

    Breaks if only the rules that look at the fact are asked, of somebody whose other memberships time has changed and
    whom the timed work has not come to yet.
    """
    lately, buyers = (
        await segment(world, "Lately", LATELY),
        await segment(world, "Buyers", BOUGHT),
    )
    await world.play(touchpoint("1", user="u", call="identify"))
    await did(world, user_key("u"), viewed())
    assert await inside(world, user_key("u")) == {lately}

    world.clock.time += timedelta(days=3)
    await did(world, user_key("u"), ordered())

    assert await inside(world, user_key("u")) == {buyers}


async def test_who_is_asked_for_one_fact_is_still_looked_at_when_time_is_due(world: World) -> None:
    """Breaks if looking at orders alone forgets when the views end."""
    await segment(world, "Lately", LATELY)
    buyers = await segment(world, "Buyers", BOUGHT)
    await world.play(touchpoint("1", user="u", call="identify"))
    await did(world, user_key("u"), viewed())
    await did(world, user_key("u"), ordered())

    world.clock.time += timedelta(days=3)
    await world.service.upkeep.run()

    assert await inside(world, user_key("u")) == {buyers}


async def test_what_a_fact_has_nothing_to_do_with_stays(world: World) -> None:
    city, lately = await segment(world, "Huế", HUE), await segment(world, "Lately", LATELY)
    both = await segment(world, "Both", {"and": [HUE, BOUGHT]})
    await world.play(touchpoint("1", user="u", call="identify", traits={"city": "Huế"}))

    await did(world, user_key("u"), viewed())
    assert await inside(world, user_key("u")) == {city, lately}
    await did(world, user_key("u"), ordered())
    assert await inside(world, user_key("u")) == {city, lately, both}


async def test_a_fact_of_a_merged_key_is_the_persons(world: World) -> None:
    lately = await segment(world, "Lately", LATELY)
    await world.play(touchpoint("1", user="u", call="identify"), touchpoint("2", anonymous="v"))
    await world.service.merge("anonymous_id:v", MergeIn(into="user_id:u", reason="same"), by="test", idem=None)

    await did(world, anonymous_key("v"), viewed())

    assert await inside(world, user_key("u")) == {lately}
    assert await inside(world, anonymous_key("v")) == set()


async def test_more_kinds_of_facts_than_there_are_bits(world: World) -> None:
    """INVARIANT: kinds that share a bit are asked too often, and never wrongly."""
    number = 70
    rules = [Asked(UUID(int=place), f'{{"trait": "t{place}", "exists": true}}') for place in range(number)]
    assert len(set(compiled(tuple(rules)).bits.values())) < number
    made = [await segment(world, f"T {place}", {"trait": f"t{place}", "exists": True}) for place in range(number)]

    for place in (0, 62, 63, 69, 0):
        await world.play(touchpoint(str(uuid7()), user="u", call="identify", minute=place, traits={f"t{place}": "x"}))

    assert await inside(world, user_key("u")) == {made[place] for place in (0, 62, 63, 69)}


async def test_time_looks_at_those_alone_whom_it_may_have_changed(world: World) -> None:
    """What passes by itself costs what it changes, however many customers there are."""
    lately = await segment(world, "Lately", LATELY)
    await world.play(touchpoint("1", user="u", call="identify"))
    await did(world, user_key("u"), viewed())
    async with world.db.write() as tx:
        await tx.execute(
            "INSERT INTO standings SELECT gen_random_uuid(), CAST(:now AS timestamptz) + n * INTERVAL '1 day' "
            "FROM generate_series(3, 20000) AS n",
            {"now": world.clock.time},
        )
    async with world.db.engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.exec_driver_sql("VACUUM ANALYZE standings")
    world.clock.time += timedelta(days=2)

    async with world.db.read() as tx:
        assert await memberships.due(tx, world.clock.time, limit=500) == [user_key("u")]
        plan = await tx.execute(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + memberships.DUE, {"now": world.clock.time, "limit": 500}
        )
        (explained,) = plan.scalar_one()
    await world.service.upkeep.run()

    root = explained["Plan"]
    assert root["Shared Hit Blocks"] + root["Shared Read Blocks"] < 10
    assert lately not in await inside(world, user_key("u"))


async def test_no_value_of_a_trait_is_without_its_provenance(world: World) -> None:
    """INVARIANT: the database itself keeps no value without who said it, of which event, as of when."""
    await world.play(touchpoint("1", user="u", call="identify", traits={"city": "Huế"}))

    for column in ("source", "event_id", "event_time", "recorded_at"):
        with pytest.raises(IntegrityError):
            async with world.db.write() as tx:
                await tx.execute(f"UPDATE traits SET {column} = NULL")
