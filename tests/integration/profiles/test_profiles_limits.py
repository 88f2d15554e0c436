"""What one customer may go by: the earliest count, the rest is kept as refused evidence, in any order."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from profiles_world import HandClock, World, touchpoint

from services.profiles.app import service as profiles
from services.profiles.service import ProfilesService
from shared.ids import anonymous_key, user_key
from shared.testing.platform import Running, running_platform

U = user_key("u")


@pytest.fixture
def small(world: World) -> World:
    """A world where a key goes by two addresses, and events join three keys to one."""
    limits = {"email": 2, "*": 50}
    settings = world.service.settings.model_copy(update={"identifier_limits": limits, "max_links": 3})
    service: ProfilesService = replace(world.service, settings=settings)
    return replace(world, service=service)


def address(number: int, minute: float) -> Any:
    traits = {"email": f"{number}@x.vn"}
    return touchpoint(f"mail {number} {minute}", user="u", call="identify", traits=traits, minute=minute)


async def held(world: World) -> tuple[set[str], set[str]]:
    """The addresses that hold, and those that are refused."""
    rows = await world.rows("SELECT value, refused_because AS why FROM identifiers WHERE type = 'email'")
    return {row.value for row in rows if row.why is None}, {row.value for row in rows if row.why == "over_limit"}


async def joined(world: World) -> set[Any]:
    return {row.raw_id for row in await world.rows("SELECT raw_id FROM identity WHERE root_id = :u", u=U)} - {U}


async def test_the_addresses_seen_first_hold_in_any_order(small: World) -> None:
    events = [address(number, 10 - number) for number in range(6)]
    for seed in range(4):
        cards = [*events, *events]
        Random(seed).shuffle(cards)
        for card in cards:
            await small.play(card)
            assert len((await held(small))[0]) <= 2
        assert await held(small) == ({"5@x.vn", "4@x.vn"}, {f"{number}@x.vn" for number in range(4)})
    assert (await small.service.get("email:5@x.vn")).id == U
    shown = {each.value: each.refused_because for each in (await small.service.get("user_id:u")).identifiers}
    assert (shown["5@x.vn"], shown["0@x.vn"]) == (None, "over_limit")


async def test_the_visitors_linked_first_are_joined_in_any_order(small: World) -> None:
    """INVARIANT: who is joined is a function of the evidence: an earlier link pushes out the latest, which then is
    free for whoever else it was seen with.
    """
    events = [touchpoint(f"v{n}", user="u", anonymous=f"v{n}", minute=20 - n) for n in range(8)]
    other = touchpoint("w", user="w", anonymous="v0", minute=30)
    for seed in range(4):
        cards = [*events, other, *events]
        Random(seed).shuffle(cards)
        for card in cards:
            await small.play(card)
            assert len(await joined(small)) <= 3
        assert await joined(small) == {anonymous_key(f"v{n}") for n in (7, 6, 5)}
        assert await small.root(anonymous_key("v0")) == user_key("w")
    links = await small.rows("SELECT status, count(*) AS number FROM links WHERE into_id = :u GROUP BY status", u=U)
    assert {row.status: row.number for row in links} == {"accepted": 3, "over_limit": 5}


async def test_ten_thousand_identifiers_on_one_person_are_bounded_and_kept(world: World) -> None:
    events = [
        touchpoint(f"e{n}", user="u", call="identify", traits={"email": f"{n}@x.vn"}, anonymous=f"v{n}", minute=n / 60)
        for n in range(10_000)
    ]
    for start in range(0, len(events), 1_000):
        await world.play(*events[start : start + 1_000])

    kept = await world.rows(
        "SELECT refused_because AS why, count(*) AS n FROM identifiers WHERE type = 'email' GROUP BY 1"
    )
    assert {row.why: row.n for row in kept} == {None: 20, "over_limit": 9_980}
    assert len(await joined(world)) == 1_000
    shown = await world.service.get("user_id:u")
    assert (shown.member_count, len(shown.identifiers), len(shown.links)) == (1_001, 500, 500)


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def running(database_url: str, clock: HandClock) -> AsyncIterator[Running]:
    async with running_platform(database_url, (profiles,), role="api", clock=clock) as platform:
        yield platform


async def test_a_request_over_the_limit_is_refused_as_a_whole_with_a_code(running: Running, clock: HandClock) -> None:
    url = "/v1/customers/user_id:1/traits"
    await running.crm.post("/v1/customers", json={"user_id": "1"})
    for number in range(20):
        clock.time += timedelta(seconds=1)
        assert (await running.crm.patch(url, json={"traits": {"email": f"{number}@x.vn"}})).status_code == 200

    clock.time += timedelta(seconds=1)
    refused = await running.crm.patch(url, json={"traits": {"email": "20@x.vn", "city": "Huế"}})

    assert (refused.status_code, refused.json()["code"], refused.json()["identifier"]) == (
        422,
        "profiles.too_many_identifiers",
        "email",
    )
    assert "20@" not in refused.text
    assert "city" not in (await running.crm.get(url)).json()["traits"]
    assert (await running.crm.patch(url, json={"traits": {"email": "3@x.vn"}})).status_code == 200
