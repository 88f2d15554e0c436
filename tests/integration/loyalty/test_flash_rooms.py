"""Waiting rooms: one number each, a token nobody can forge, and no claim before its time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from flash_world import Shop, shop

from services.loyalty.flash.domain.sale import Claim
from services.loyalty.flash.schemas.rooms import WaitingOut
from services.loyalty.flash.schemas.sales import ClaimIn, RoomIn
from services.loyalty.flash.service import sales
from shared.errors import AppError
from shared.ids import user_key
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

START = datetime(2031, 3, 1, tzinfo=UTC)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(pg_url: str) -> AsyncIterator[Shop]:
    async with fresh_database(pg_url) as url, shop(url, processes=2) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_view_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the database leaps in these tests."""
    monkeypatch.setattr(sales, "VIEW_SECONDS", 0.0)


async def room(store: Shop, *, units: int = 100, rate: float = 2, **rest: Any) -> UUID:
    await store.set_clock(START)
    return await store.sale(
        units,
        starts_local="2031-03-01T07:00:00",
        ends_local="2031-03-01T19:00:00",
        waiting_room={"admit_per_second": rate, "pass_seconds": 60},
        **rest,
    )


async def joined(store: Shop, sale: UUID, who: str, process: int = 0) -> WaitingOut:
    return await store.processes[process].flash_rooms.join(sale, user_key(who))


async def claim(store: Shop, sale: UUID, who: str, token: str | None) -> Claim | AppError:
    body = ClaimIn(key=who, item="áo dài", customer=f"user_id:{who}", token=token)
    try:
        return (await store.service.flash_claims.claim(sale, body))[0]
    except AppError as refusal:
        return refusal


def code(answer: Claim | AppError) -> str:
    return "claimed" if isinstance(answer, Claim) else answer.code


async def test_everybody_has_one_number_and_no_number_is_left_out(store: Shop):
    sale = await room(store)

    found = await asyncio.gather(*(joined(store, sale, f"r{n % 50}", n % 2) for n in range(200)))

    assert {each.number for each in found} == set(range(1, 51))
    by_person = {each.token.split(".")[1]: each.number for each in found}
    assert len(by_person) == 50
    assert await store.faults() == {}


async def test_nobody_claims_before_their_turn_and_what_is_said_of_it_is_true(store: Shop):
    sale = await room(store)
    line = [await joined(store, sale, f"w{n}") for n in range(6)]
    assert [each.ahead for each in line] == [0, 1, 2, 3, 4, 5]
    assert code(await claim(store, sale, "w0", None)) == "loyalty.flash_pass_needed"

    await store.set_clock(START + timedelta(seconds=1))

    answers = [await claim(store, sale, f"w{n}", line[n].token) for n in range(6)]
    assert [code(each) for each in answers] == ["claimed"] * 2 + ["loyalty.flash_waiting"] * 4
    last = answers[5]
    assert isinstance(last, AppError)
    assert (last.data["ahead"], last.data["retry_after_seconds"]) == (3, 2)
    where = await store.service.flash_rooms.position(sale, line[5].token)
    assert (where.is_in, where.ahead, where.turn_at) == (False, 3, START + timedelta(seconds=3))
    await store.set_clock(where.turn_at or START)
    assert code(await claim(store, sale, "w5", line[5].token)) == "claimed"


async def test_a_token_is_its_customers_and_its_sales_alone(store: Shop):
    sale, other = await room(store), await room(store)
    mine = (await joined(store, sale, "t0")).token
    elsewhere = (await joined(store, other, "t1")).token
    await store.set_clock(START + timedelta(seconds=30))
    number, person, signature = mine.split(".")

    forged = [
        f"0.{person}.{signature}",
        f"{number}.{user_key('t1').hex}.{signature}",
        elsewhere,
        "x",
        "1.2.3",
        mine[:-2],
    ]

    assert {code(await claim(store, sale, "t1", each)) for each in forged} == {"loyalty.flash_bad_pass"}
    assert code(await claim(store, sale, "t0", mine)) == "claimed"


async def test_who_does_not_claim_in_time_goes_to_the_end_but_keeps_what_they_claimed(store: Shop):
    sale = await room(store)
    first, second = await joined(store, sale, "l0"), await joined(store, sale, "l1")
    await store.set_clock(START + timedelta(seconds=2))
    granted = await claim(store, sale, "l0", first.token)
    await store.set_clock(START + timedelta(seconds=62))

    assert code(await claim(store, sale, "l1", second.token)) == "loyalty.flash_pass_over"
    assert await claim(store, sale, "l0", first.token) == granted, "an answer that was lost can be asked for again"
    again = await joined(store, sale, "l1")
    assert again.number > second.number
    assert again.is_in, "nobody else waits"


async def test_a_quiet_hour_saves_up_no_rush(store: Shop):
    sale = await room(store, rate=5)
    await store.set_clock(START + timedelta(hours=1))

    found = [await joined(store, sale, f"q{n}") for n in range(30)]

    assert sum(each.is_in for each in found) <= 6, "no more than a second's worth"
    assert [each.ahead for each in found[-3:]] == [found[-1].ahead - 2, found[-1].ahead - 1, found[-1].ahead]


async def test_a_pause_stops_the_line_and_another_rate_counts_from_now_on(store: Shop):
    sale = await room(store, rate=1)
    line = [await joined(store, sale, f"s{n}") for n in range(10)]
    await store.set_clock(START + timedelta(seconds=2))
    await store.service.flash_sales.pause(sale, by="test", idem=None)
    await store.set_clock(START + timedelta(seconds=500))
    stopped = await store.service.flash_rooms.position(sale, line[2].token)
    assert (stopped.is_in, stopped.ahead, stopped.turn_at) == (False, 0, None)

    await store.service.flash_sales.resume(sale, by="test", idem=None)
    body = RoomIn(admit_per_second=10, pass_seconds=60)
    await store.service.flash_sales.set_room(sale, body, by="test", idem=None)
    await store.set_clock(START + timedelta(seconds=500.5))

    places = [await store.service.flash_rooms.position(sale, each.token) for each in line]
    assert [each.is_in for each in places] == [True] * 7 + [False] * 3
    assert places[9].ahead == 2
    assert code(await claim(store, sale, "s0", line[0].token)) == "claimed", "the time of the pause is given back"


async def test_who_waits_is_told_when_nothing_is_left(store: Shop):
    sale = await room(store, units=1)
    one, two = await joined(store, sale, "n0"), await joined(store, sale, "n1")
    assert not two.is_sold_out
    await store.set_clock(START + timedelta(seconds=5))
    assert code(await claim(store, sale, "n0", one.token)) == "claimed"

    assert (await store.service.flash_rooms.position(sale, two.token)).is_sold_out
    no_room = await store.sale(1)
    with pytest.raises(AppError) as unknown:
        await joined(store, no_room, "n0")
    assert unknown.value.code == "loyalty.flash_room_unknown"


async def test_who_claims_too_early_costs_the_database_nothing(store: Shop, monkeypatch: pytest.MonkeyPatch):
    sale = await room(store)
    token = [await joined(store, sale, f"f{n}") for n in range(9)][-1].token
    monkeypatch.setattr(sales, "VIEW_SECONDS", 60.0)
    await claim(store, sale, "f8", token)
    await store.do("UPDATE flash_rooms SET per_second = 1000000")

    refused = [code(await claim(store, sale, "f8", token)) for _ in range(50)]

    assert set(refused) == {"loyalty.flash_waiting"}, "nobody asked the database again"
