"""When flash sales open and end, claims fall, and clocks jump; and what staff does to a sale while it sells."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from flash_world import ZONE, Shop, shop

from services.loyalty.flash.domain.sale import Claim
from services.loyalty.flash.errors import BadSaleTime, ClaimFallen, SaleOver
from services.loyalty.flash.schemas.sales import ExtendIn, SaleIn

NOT_OPEN, OVER, PAUSED = "loyalty.flash_not_open", "loyalty.flash_over", "loyalty.flash_paused"
MIDNIGHT = datetime(2030, 11, 11, tzinfo=ZONE).astimezone(UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Shop]:
    async with shop(database_url, processes=2) as made:
        yield made


async def a_sale(store: Shop, **rest: Any) -> UUID:
    """From midnight of 11 November in Hanoi for an hour."""
    body = SaleIn.model_validate(
        {
            "name": "11.11",
            "starts_local": "2030-11-11T00:00",
            "ends_local": "2030-11-11T01:00",
            "zone": "Asia/Ho_Chi_Minh",
            "items": [{"item": "áo dài", "units": 10}],
            **rest,
        }
    )
    answer = await store.service.flash_sales.create(body, by="test", idem=None)
    return UUID(orjson.loads(answer.body)["id"])


async def steps(store: Shop, sale: UUID, moments: Sequence[timedelta]) -> list[str]:
    """What a claim of somebody new gets at each moment after midnight."""
    found = []
    for number, after in enumerate(moments):
        await store.set_clock(MIDNIGHT + after)
        answer = await store.claim(sale, f"u{number} {sale}")
        found.append(answer if isinstance(answer, str) else "granted")
    return found


async def test_a_sale_opens_and_ends_on_the_dot_by_the_clock_of_the_database(store: Shop):
    sale = await a_sale(store)
    moments = [-SECOND, timedelta(0), timedelta(minutes=60) - SECOND, timedelta(minutes=60), timedelta(days=9)]

    assert await steps(store, sale, moments) == [NOT_OPEN, "granted", "granted", OVER, OVER]


async def test_a_clock_that_jumps_sells_nothing_twice_and_loses_nothing(store: Shop):
    sale = await a_sale(store, items=[{"item": "áo dài", "units": 3}], claim_seconds=60)
    jumps = [
        timedelta(minutes=5),
        timedelta(days=-3),
        timedelta(minutes=5),
        timedelta(minutes=4.5),
        timedelta(minutes=5),
    ]

    assert await steps(store, sale, jumps) == ["granted", NOT_OPEN, "granted", "granted", "loyalty.flash_sold_out"]
    assert await store.faults() == {}

    await store.set_clock(MIDNIGHT + timedelta(minutes=30))
    assert isinstance(await store.claim(sale, "after the jump", units=3), Claim), "all three had fallen"
    assert await store.faults() == {}


async def test_what_was_granted_is_granted_whatever_the_sale_has_become(store: Shop):
    sale = await a_sale(store)
    await store.set_clock(MIDNIGHT)
    mine = await store.claim(sale, "ann")
    await store.set_clock(MIDNIGHT + timedelta(days=1))

    assert await store.claim(sale, "ann") == mine
    assert await store.claim(sale, "bob") == OVER


async def test_while_a_sale_is_paused_nothing_is_granted_and_then_it_goes_on(store: Shop):
    sale, granted_after = await store.sale(100_000), []
    pausing = asyncio.Event()

    async def buyer(number: int) -> None:
        for step in range(1_000):
            was_paused = pausing.is_set()
            answer = await store.claim(sale, f"{number} {step}", process=number % 2)
            if was_paused:
                granted_after.append(answer)
                return

    buyers = [asyncio.create_task(buyer(number)) for number in range(40)]
    await asyncio.sleep(0.05)
    await store.service.flash_sales.pause(sale, by="test", idem=None)
    pausing.set()
    await asyncio.gather(*buyers)

    assert granted_after == [PAUSED] * 40
    await store.service.flash_sales.resume(sale, by="test", idem=None)
    assert isinstance(await store.claim(sale, "after"), Claim)
    assert await store.faults() == {}


async def test_a_sale_is_extended_to_a_later_time_only(store: Shop):
    sale = await a_sale(store)
    await store.set_clock(MIDNIGHT)
    for wrong in ("2030-11-11T01:00", "2030-11-11T00:30"):
        with pytest.raises(BadSaleTime):
            await store.service.flash_sales.extend(
                sale, ExtendIn.model_validate({"ends_local": wrong}), by="test", idem=None
            )

    later = ExtendIn.model_validate({"ends_local": "2030-11-11T02:00"})
    await store.service.flash_sales.extend(sale, later, by="test", idem=None)

    assert await steps(store, sale, [timedelta(minutes=119), timedelta(minutes=120)]) == ["granted", OVER]
    with pytest.raises(SaleOver):
        await store.service.flash_sales.extend(sale, later, by="test", idem=None)


@pytest.mark.parametrize("after", [-timedelta(hours=1), timedelta(minutes=5)])
async def test_a_sale_that_was_ended_is_over_for_good(store: Shop, after: timedelta):
    sale = await a_sale(store)
    await store.set_clock(MIDNIGHT + after)
    await store.service.flash_sales.end(sale, by="test", idem=None)

    assert await steps(store, sale, [after, timedelta(0), timedelta(minutes=10), timedelta(days=-9)]) == [OVER] * 4
    with pytest.raises(SaleOver):
        await store.service.flash_sales.resume(sale, by="test", idem=None)


async def test_times_that_make_no_sense_are_refused(store: Shop):
    for wrong in (
        {"ends_local": "2030-11-11T00:00"},
        {"starts_local": "2020-01-01T00:00", "ends_local": "2020-01-02T00:00"},
        {"zone": "America/New_York", "starts_local": "2030-03-10T02:30"},
    ):
        with pytest.raises(BadSaleTime):
            await a_sale(store, **wrong)


async def test_a_claim_that_is_not_paid_falls_and_its_units_are_back(store: Shop):
    sale = await a_sale(store, items=[{"item": "áo dài", "units": 2}], claim_seconds=60)
    await store.set_clock(MIDNIGHT)
    paid, unpaid = await store.claim(sale, "ann"), await store.claim(sale, "bob")
    assert isinstance(paid, Claim)
    assert isinstance(unpaid, Claim)
    assert paid.expires_at == MIDNIGHT + timedelta(seconds=60)
    await store.service.flash_claims.confirm(paid.id, "order-1")

    await store.set_clock(MIDNIGHT + timedelta(seconds=60))
    with pytest.raises(ClaimFallen) as refusal:
        await store.service.flash_claims.confirm(unpaid.id, "order-2")
    assert refusal.value.data == {"state": "expired"}
    # The next claim finds the unit, before any job has looked.
    assert isinstance(await store.claim(sale, "cam", process=1), Claim)
    assert (await store.service.flash_claims.get(unpaid.id)).state == "expired"
    again = await store.claim(sale, "bob")
    assert isinstance(again, Claim)
    assert again.state == "expired", "the same key has the same claim, fallen as it is"
    assert await store.faults() == {}


async def test_the_job_lets_claims_fall_and_tells_of_those_that_were_paid_only(store: Shop):
    sale = await a_sale(store, claim_seconds=60)
    await store.set_clock(MIDNIGHT)
    claims = [await store.claim(sale, f"u{number}") for number in range(8)]
    for claim in claims[:3]:
        assert isinstance(claim, Claim)
        await store.service.flash_claims.confirm(claim.id, None)
        assert (await store.service.flash_claims.confirm(claim.id, None)).state == "confirmed"

    await store.set_clock(MIDNIGHT + timedelta(seconds=61))
    assert await store.service.flash_upkeep.expire() == 5
    assert await store.service.flash_upkeep.expire() == 0
    await store.service.flash_upkeep.announce()

    assert (await store.rows("SELECT taken FROM flash_items"))[0].taken == 3
    assert sorted(event.data.claim_id for event in await store.announced()) == sorted(
        claim.id for claim in claims[:3] if isinstance(claim, Claim)
    )


async def test_a_claim_ends_once_whoever_is_quicker(store: Shop):
    """Confirming, releasing and expiring race for each of many claims: one wins, and the units say so."""
    sale = await a_sale(store, items=[{"item": "áo dài", "units": 60}], claim_seconds=60)
    await store.set_clock(MIDNIGHT)
    claims = [claim for n in range(60) if isinstance(claim := await store.claim(sale, f"u{n}"), Claim)]
    tick = asyncio.Event()

    async def settle(number: int, claim: Claim) -> None:
        await tick.wait()
        service = store.processes[number % 2].flash_claims
        with contextlib.suppress(ClaimFallen):
            await (service.confirm(claim.id, None) if number % 3 else service.release(claim.id))

    racing = [asyncio.create_task(settle(n, claim)) for n, claim in enumerate(claims * 2)]
    tick.set()
    await asyncio.sleep(0.02)
    await store.set_clock(MIDNIGHT + timedelta(seconds=61))
    await asyncio.gather(store.processes[1].flash_upkeep.expire(), *racing)
    await store.service.flash_upkeep.expire()

    states = {row.state: row.n for row in await store.rows("SELECT state, count(*) AS n FROM flash_claims GROUP BY 1")}
    assert sum(states.values()) == 60
    assert "held" not in states
    assert (await store.rows("SELECT taken FROM flash_items"))[0].taken == states.get("confirmed", 0)
    assert len(await store.announced()) == states.get("confirmed", 0)
    assert await store.faults() == {}
