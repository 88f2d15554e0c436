"""Flash claims on real PostgreSQL: exact under contention, one per key, limits of a person that no merge resets."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from time import monotonic

import pytest
from flash_world import Shop, shop

from services.loyalty.flash.domain.sale import Claim
from services.loyalty.flash.service.lanes import SOLD_OUT_SECONDS
from shared.db.engine import WriteTx
from shared.ids import user_key

SOLD_OUT, LIMIT = "loyalty.flash_sold_out", "loyalty.flash_limit_reached"


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Shop]:
    """Three processes at one database."""
    async with shop(database_url, processes=3) as made:
        yield made


def granted(answers: list[Claim | str]) -> list[Claim]:
    return [answer for answer in answers if not isinstance(answer, str)]


async def test_a_crowd_gets_exactly_what_there_is(store: Shop):
    sale = await store.sale(500, item_max=1)
    dice = random.Random(7)

    answers = await asyncio.gather(*(store.claim(sale, f"u{n}", process=dice.randrange(3)) for n in range(2_500)))

    claims = granted(answers)
    assert sorted(claim.number for claim in claims) == list(range(1, 501))
    assert len({claim.person_id for claim in claims}) == 500
    assert Counter(answer for answer in answers if isinstance(answer, str)) == {SOLD_OUT: 2_000}
    assert await store.faults() == {}


async def test_to_read_then_write_sells_more_than_there_is(store: Shop):
    """The race is there: what most shops do loses it."""
    sale = await store.sale(20)
    value = {"sale": sale}

    async def naive(tx: WriteTx, barrier: asyncio.Barrier) -> bool:
        found = await tx.execute("SELECT taken FROM flash_items WHERE sale_id = :sale", value)
        taken = found.scalar_one()
        await barrier.wait()
        if taken >= 20:
            return False
        await tx.execute("UPDATE flash_items SET taken = :taken WHERE sale_id = :sale", {**value, "taken": taken + 1})
        return True

    async def buyer(process: int, barrier: asyncio.Barrier) -> bool:
        async with store.processes[process].db.write() as tx:
            return await naive(tx, barrier)

    sold = 0
    for _ in range(15):
        barrier = asyncio.Barrier(3)
        sold += sum(await asyncio.gather(*(buyer(process, barrier) for process in range(3))))

    (row,) = await store.rows("SELECT taken FROM flash_items WHERE sale_id = :sale", **value)
    assert sold > 20
    assert row.taken < sold


async def test_quantities_are_never_more_than_there_is_and_small_wishes_use_the_rest(store: Shop):
    sale = await store.sale(10)

    answers = await asyncio.gather(*(store.claim(sale, f"u{n}", units=4) for n in range(3)))
    rest = [await store.claim(sale, "late", units=3), await store.claim(sale, "small", units=2)]

    assert [answer if isinstance(answer, str) else answer.units for answer in (*answers, *rest)] == [
        4,
        4,
        "loyalty.flash_not_enough_left",
        "loyalty.flash_not_enough_left",
        2,
    ]
    assert await store.faults() == {}


async def test_who_comes_first_is_served_first(store: Shop):
    sale = await store.sale(300)

    answers = await asyncio.gather(*(store.claim(sale, f"u{n}") for n in range(600)))

    assert [claim.number for claim in granted(answers[:300])] == list(range(1, 301))
    assert granted(answers[300:]) == []


async def test_one_key_has_one_claim_however_often_and_wherever_it_is_sent(store: Shop):
    sale = await store.sale(50)

    answers = await asyncio.gather(*(store.claim(sale, "ann", key="cart-1", process=n % 3) for n in range(60)))

    assert len(set(answers)) == 1
    assert len(granted(answers)) == 60
    assert (await store.rows("SELECT taken, last_number FROM flash_items"))[0] == (1, 1)
    assert await store.claim(sale, "ann", key="cart-1", units=2) == "loyalty.flash_key_reused"
    assert await store.claim(sale, "bob", key="cart-1") == "loyalty.flash_key_reused"


async def test_a_person_gets_no_more_than_the_limit_however_many_ask_at_once(store: Shop):
    sale = await store.sale(1_000, item_max=3)

    answers = await asyncio.gather(
        *(store.claim(sale, f"u{n % 10}", key=f"k{n}", process=n // 10 % 3) for n in range(200))
    )

    assert set(Counter(claim.person_id for claim in granted(answers)).values()) == {3}
    assert len(granted(answers)) == 30
    assert set(answers) - set(granted(answers)) == {LIMIT}


async def test_the_limit_of_a_sale_holds_over_its_items(store: Shop):
    items = [{"item": name, "units": 100} for name in ("áo", "quần", "nón")]
    sale = await store.sale(1, items=items, max_per_person=4)
    wishes = [(name, process) for name in ("áo", "quần", "nón") for process in range(3) for _ in range(3)]

    answers = await asyncio.gather(
        *(store.claim(sale, "ann", key=f"k{n}", item=name, process=at) for n, (name, at) in enumerate(wishes))
    )

    assert len(granted(answers)) == 4
    assert await store.faults() == {}


async def test_a_merge_resets_no_limit_and_an_unmerge_gives_back_what_was(store: Shop):
    sale = await store.sale(100, item_max=2)
    ann, anna = user_key("ann"), user_key("anna")
    assert isinstance(await store.claim(sale, "ann", key="1"), Claim)
    assert isinstance(await store.claim(sale, "anna", key="2"), Claim)

    await store.merge(ann, anna, 1)
    assert [await store.claim(sale, who, key=f"merged {who}") for who in ("ann", "anna")] == [LIMIT, LIMIT]
    assert isinstance(await store.claim(sale, "anna", key="1"), Claim), "the same person asks again by another key"

    await store.merge(ann, None, 2)
    answers = [await store.claim(sale, who, key=f"split {who}") for who in ("ann", "anna")]
    assert len(granted(answers)) == 2
    assert await store.claim(sale, "ann", key="more") == LIMIT
    assert await store.claim(sale, "anna", key="1") == "loyalty.flash_key_reused"


async def test_sold_out_is_said_without_the_database_and_a_retry_still_gets_its_claim(store: Shop):
    sale = await store.sale(2)
    mine = await store.claim(sale, "ann")
    await store.claim(sale, "bob")
    # The first learns that nothing is left, and who has it; from then on nobody is asked.
    while await store.claim(sale, "late", process=0) != SOLD_OUT or not _remembers(store, sale):
        await asyncio.sleep(0.005)

    async with store.processes[1].db.write() as tx:
        # Whatever would ask the database waits for this lock.
        await tx.execute("SELECT id FROM flash_items FOR UPDATE")
        async with asyncio.timeout(5):
            assert await store.claim(sale, "very late") == SOLD_OUT
            retry = asyncio.create_task(store.claim(sale, "ann"))
        await asyncio.sleep(0.01)
        assert not retry.done()
    assert await retry == mine


def _remembers(store: Shop, sale: object) -> bool:
    lanes = store.service.flash_claims.lanes
    return any(lane._sold_out._until > monotonic() + 0.1 for lane in lanes._lanes.values())


@pytest.mark.parametrize("how", ["released", "added"])
async def test_units_that_come_back_are_seen_soon_by_every_process(how: str, store: Shop):
    """No false "sold out": within the bound, and the time of a statement, another process grants again."""
    sale = await store.sale(1, claim_seconds=600)
    held = await store.claim(sale, "ann", process=1)
    assert isinstance(held, Claim)
    while not _remembers(store, sale):
        assert await store.claim(sale, "late") == SOLD_OUT
        await asyncio.sleep(0.002)

    if how == "released":
        await store.processes[1].flash_claims.release(held.id)
    else:
        await store.add_units(sale, 1, process=1)

    since, answer = monotonic(), await store.claim(sale, "late")
    while isinstance(answer, str):
        assert monotonic() - since < SOLD_OUT_SECONDS + 2
        await asyncio.sleep(0.005)
        answer = await store.claim(sale, "late")
    assert answer.number == 2


async def test_claims_are_told_of_once_each(store: Shop):
    sale = await store.sale(40)
    await asyncio.gather(*(store.claim(sale, f"u{n}", process=n % 3) for n in range(60)))

    told = await asyncio.gather(*(process.flash_upkeep.announce() for process in store.processes))

    assert sum(told) == 40
    assert await store.service.flash_upkeep.announce() == 0
    events = await store.announced()
    claims = {row.id: row for row in await store.rows("SELECT id, person_id, units, claimed_at FROM flash_claims")}
    assert {event.data.claim_id for event in events} == set(claims)
    assert len(events) == 40
    for event in events:
        claim = claims[event.data.claim_id]
        assert (event.subject, event.data.units, event.time) == (claim.person_id, 1, claim.claimed_at)
        assert (event.data.sale, event.data.item) == (str(sale), "áo dài")


async def test_an_item_that_nobody_sells_and_a_customer_that_is_none(store: Shop):
    sale = await store.sale(5)

    assert await store.claim(sale, "ann", item="nothing") == "loyalty.flash_item_unknown"
    assert await store.claim_as(sale, "email:ann@shop.example") == "loyalty.flash_bad_customer"
