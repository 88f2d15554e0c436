"""Lotteries of flash sales: anybody can draw again, what is promised is there, and nobody gets more than their lot."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from flash_world import ZONE, Shop, shop
from sqlalchemy import event

from services.loyalty.flash.domain.draw import Entry
from services.loyalty.flash.domain.sale import Claim
from services.loyalty.flash.repository.draws import WAITING_ITEMS
from services.loyalty.flash.schemas.draws import EntryIn
from shared.errors import AppError
from shared.events.catalogue.loyalty import FlashDrawn, FlashEntered, FlashLapsed
from shared.events.envelope import Catalogue
from shared.ids import user_key
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

ITEM = "áo dài"
OPENS = datetime(2031, 2, 1, 12, tzinfo=UTC)
DRAWN, STARTS = OPENS + timedelta(hours=1), OPENS + timedelta(hours=2)
NOT_DRAWN, CLOSED = "loyalty.flash_not_drawn", "loyalty.flash_entries_closed"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(pg_url: str) -> AsyncIterator[Shop]:
    """Two processes at one database, for all tests: each has its own sale and its own people."""
    async with fresh_database(pg_url) as url, shop(url, processes=2) as made:
        yield made


def local(moment: datetime) -> str:
    return moment.astimezone(ZONE).replace(tzinfo=None).isoformat()


async def lottery(store: Shop, units: int, **rest: Any) -> UUID:
    """A sale that people enter for from noon to one, and that starts at two."""
    await store.set_clock(OPENS)
    lots = {"enters_local": local(OPENS), "enters_until_local": local(DRAWN), "right_seconds": 3_600}
    return await store.sale(
        units,
        starts_local=local(STARTS),
        ends_local=local(STARTS + timedelta(hours=20)),
        order="lottery",
        lottery={**lots, **rest.pop("lots", {})},
        **rest,
    )


async def enter(store: Shop, sale: UUID, who: str, *, units: int = 1, process: int = 0) -> Entry | str:
    """The entry, or the code of the refusal."""
    body = EntryIn(item=ITEM, customer=f"user_id:{who}", units=units)
    try:
        return (await store.processes[process].flash_draws.enter(sale, body))[0]
    except AppError as refusal:
        return refusal.code


async def entered(store: Shop, sale: UUID, *names: str) -> dict[str, UUID]:
    found = await asyncio.gather(*(enter(store, sale, name) for name in names))
    return {name: each.id for name, each in zip(names, found, strict=True) if isinstance(each, Entry)}


async def states(store: Shop, tickets: dict[str, UUID]) -> dict[str, str]:
    found = [await store.service.flash_draws.get(each) for each in tickets.values()]
    return {name: each.state for name, each in zip(tickets, found, strict=True)}


async def winners(store: Shop, tickets: dict[str, UUID]) -> list[str]:
    return [name for name, state in (await states(store, tickets)).items() if state == "won"]


async def drawn(store: Shop, at: datetime = STARTS) -> None:
    await store.set_clock(at)
    await store.service.flash_upkeep.expire()
    await store.service.flash_draws.run()


def drawn_again(seed: bytes, tickets: Sequence[UUID]) -> list[UUID]:
    """What somebody does who has nothing but what is published."""
    digest = hashlib.sha256(b"".join(sorted(each.bytes for each in tickets))).digest()
    return sorted(tickets, key=lambda each: hashlib.sha256(seed + digest + each.bytes).digest())


async def told(store: Shop, sale: UUID) -> list[tuple[str, UUID]]:
    catalogue = Catalogue((FlashEntered, FlashDrawn, FlashLapsed))
    found = [catalogue.decode(row.value) for row in await store.rows("SELECT value FROM outbox_records")]
    return [(type(each.data).__name__, each.data.entry_id) for each in found if each and each.data.sale == str(sale)]


async def test_anybody_can_draw_again_and_only_who_is_drawn_claims(store: Shop):
    sale = await lottery(store, 7)
    names = [f"d{n}" for n in range(40)]
    tickets = await entered(store, sale, *names)
    promised = await store.service.flash_draws.shown(sale)
    assert (promised.seed, promised.drawn_at, promised.items) == (None, None, [])
    assert await store.claim(sale, "d1") == "loyalty.flash_not_open"

    await drawn(store)

    said = await store.service.flash_draws.shown(sale)
    assert said.seed is not None
    seed = bytes.fromhex(said.seed)
    assert hashlib.sha256(seed).hexdigest() == promised.seed_hash == said.seed_hash
    published = [each.ticket for each in await store.service.flash_draws.tickets(sale, ITEM, after=0, limit=100)]
    assert published == drawn_again(seed, list(tickets.values()))
    assert said.items[0].digest == hashlib.sha256(b"".join(sorted(e.bytes for e in published))).hexdigest()
    lucky = await winners(store, tickets)
    assert {tickets[name] for name in lucky} == set(published[:7])

    answers = {name: await store.claim(sale, name, process=n % 2) for n, name in enumerate(names)}
    assert {name for name, each in answers.items() if isinstance(each, Claim)} == set(lucky)
    assert {each for each in answers.values() if isinstance(each, str)} <= {NOT_DRAWN, "loyalty.flash_sold_out"}
    assert await store.claim(sale, lucky[0]) == answers[lucky[0]], "the same key has the same claim"
    assert await store.claim(sale, lucky[0], key="more") != answers[lucky[0]]
    assert set((await states(store, {name: tickets[name] for name in lucky})).values()) == {"claimed"}
    assert await store.faults() == {}


async def test_somebody_enters_once_and_in_time(store: Shop):
    sale = await lottery(store, 3, item_max=2)
    await store.set_clock(OPENS - timedelta(seconds=1))
    assert await enter(store, sale, "once") == CLOSED
    await store.set_clock(OPENS)

    found = await asyncio.gather(*(enter(store, sale, "once", process=n % 2) for n in range(30)))

    assert len({each.id for each in found if isinstance(each, Entry)}) == 1
    assert await enter(store, sale, "once", units=2) == "loyalty.flash_entry_differs"
    assert await enter(store, sale, "greedy", units=3) == "loyalty.flash_limit_reached"
    assert len(await told(store, sale)) == 1, "whoever asks again is not told of again"
    await store.set_clock(DRAWN)
    assert await enter(store, sale, "late") == CLOSED
    assert isinstance(await enter(store, sale, "once"), Entry), "an answer that was lost can be asked for again"
    first_come = await store.sale(1)
    assert await enter(store, first_come, "once") == "loyalty.flash_no_lottery"


async def test_what_nobody_claims_in_time_goes_to_the_next(store: Shop):
    sale = await lottery(store, 2)
    tickets = await entered(store, sale, *(f"n{n}" for n in range(5)))
    await drawn(store)
    first = await winners(store, tickets)
    assert isinstance(await store.claim(sale, first[0]), Claim)

    await store.set_clock(STARTS + timedelta(hours=1))
    assert await store.claim(sale, first[1]) == NOT_DRAWN, "a right that is over is over, whoever has noticed"
    await store.service.flash_draws.run()
    await store.service.flash_draws.run()

    second = await winners(store, tickets)
    assert len(second) == 1
    assert second[0] not in first
    assert (await states(store, tickets))[first[1]] == "lapsed"
    by_name = {ticket: name for name, ticket in tickets.items()}
    turns = [(kind, by_name[ticket]) for kind, ticket in await told(store, sale) if kind != "FlashEntered"]
    assert turns[-2:] == [("FlashLapsed", first[1]), ("FlashDrawn", second[0])]
    assert len(turns) == 4
    assert await store.faults() == {}


async def test_who_waits_costs_nothing_while_nothing_is_free(store: Shop):
    """A second in which nothing can be promised is one statement, which reads a handful of rows; the sum of all who
    wait, or who may claim, would be hundreds."""
    sale, other = await lottery(store, 100), await lottery(store, 3, max_per_person=2)
    await asyncio.gather(*(enter(store, sale, f"w{n}") for n in range(300)))
    await asyncio.gather(*(enter(store, other, f"w{n}", units=2) for n in range(200)))
    await drawn(store)

    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    engine = store.service.db.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    turns = await store.service.flash_draws.run()
    event.remove(engine, "before_cursor_execute", note)

    # Of the other sale one unit is left, and everybody waits for two.
    assert (turns, len([each for each in statements if "flash_" in each])) == (0, 2)
    async with store.service.db.read() as tx:
        await tx.execute("SET LOCAL enable_seqscan = off")
        (plan,) = (await tx.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {WAITING_ITEMS}")).scalar_one()
    assert read(plan["Plan"], "flash_entries") <= 2


def read(node: dict[str, Any], table: str) -> float:
    """How many rows of a table a plan has read, those that did not fit included."""
    rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) if node.get("Relation Name") == table else 0
    return float(rows * node["Actual Loops"]) + sum(read(each, table) for each in node.get("Plans", ()))


async def test_a_pause_costs_nobody_their_right(store: Shop):
    sale = await lottery(store, 1)
    tickets = await entered(store, sale, "p0", "p1", "p2")
    await drawn(store)
    (first,) = await winners(store, tickets)
    await store.service.flash_sales.pause(sale, by="test", idem=None)
    await drawn(store, STARTS + timedelta(hours=5))
    assert await store.claim(sale, first) == "loyalty.flash_paused"

    await store.service.flash_sales.resume(sale, by="test", idem=None)
    await drawn(store, STARTS + timedelta(hours=5, minutes=50))

    assert await winners(store, tickets) == [first]
    assert isinstance(await store.claim(sale, first), Claim)


async def test_a_right_given_up_and_a_claim_that_was_not_paid_go_on(store: Shop):
    sale = await lottery(store, 1, claim_seconds=60)
    tickets = await entered(store, sale, *(f"g{n}" for n in range(4)))
    await drawn(store)
    (first,) = await winners(store, tickets)
    await store.service.flash_draws.withdraw(tickets[first])
    await store.service.flash_draws.run()
    (second,) = await winners(store, tickets)
    assert second != first
    assert isinstance(await store.claim(sale, second), Claim)

    await drawn(store, STARTS + timedelta(seconds=61))

    (third,) = await winners(store, tickets)
    assert third not in (first, second)
    assert await store.claim(sale, second, key="again") == NOT_DRAWN
    with pytest.raises(AppError) as settled:
        await store.service.flash_draws.withdraw(tickets[second])
    assert settled.value.code == "loyalty.flash_entry_settled"
    assert await store.faults() == {}


async def test_one_person_has_one_lot_whoever_they_were_merged_with(store: Shop):
    """Keys that are merged before the draw have one lot, the first; merged after it, one right."""
    sale = await lottery(store, 3)
    tickets = await entered(store, sale, "m0", "m1")
    await store.merge(user_key("m0"), user_key("m1"), 1)
    again = await enter(store, sale, "m0")
    assert isinstance(again, Entry)
    tickets |= await entered(store, sale, "m2", "m3")
    await drawn(store)
    assert sorted((await states(store, tickets)).values()) == ["duplicate", "won", "won", "won"]
    shown = await store.service.flash_draws.shown(sale)
    assert shown.items[0].entries == 3

    await store.merge(user_key("m2"), user_key("m3"), 1)
    both = [await store.claim(sale, "m2"), await store.claim(sale, "m3")]

    assert [isinstance(each, Claim) for each in both] == [True, False]
    assert both[1] == NOT_DRAWN
    await store.merge(user_key("m2"), None, 2)
    assert isinstance(await store.claim(sale, "m3"), Claim), "taken apart, each has what was drawn for them"
    assert await store.faults() == {}


async def cut_again_and_again(store: Shop, process: int) -> None:
    """A worker whose connections are cut while it works."""
    for _ in range(4):
        with suppress(Exception):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(store.processes[process].flash_draws.run())
                tasks.create_task(store.cut())


async def patient(store: Shop, sale: UUID, name: str, process: int) -> None:
    """Somebody who tries a few times."""
    for _ in range(6):
        if isinstance(await store.claim(sale, name, process=process), Claim):
            return
        await asyncio.sleep(0.02)


async def test_a_crowd_in_two_processes_gets_what_was_drawn_while_connections_are_cut(store: Shop):
    sale = await lottery(store, 40, lots={"right_seconds": 60})
    names = [f"c{n}" for n in range(150)]
    tickets = await entered(store, sale, *names)
    await store.set_clock(STARTS)

    await asyncio.gather(
        *(cut_again_and_again(store, process) for process in range(2)),
        *(patient(store, sale, name, n % 2) for n, name in enumerate(names)),
    )
    for round_ in range(12):
        await drawn(store, STARTS + timedelta(seconds=61 * round_))
        for name in await winners(store, tickets):
            await store.claim(sale, name)
    assert (await store.rows("SELECT taken FROM flash_items WHERE sale_id = :sale", sale=sale))[0].taken == 40
    found = await states(store, tickets)
    assert sum(state == "claimed" for state in found.values()) == 40
    assert await store.faults() == {}


async def test_a_draw_that_was_tampered_with_shows(store: Shop):
    """The seed that was promised is the only one that draws, and lots that were moved are found."""
    sale = await lottery(store, 1)
    await entered(store, sale, "t0", "t1", "t2")
    await store.set_clock(STARTS)
    with pytest.raises(Exception, match="not the seed that was promised"):
        await store.rows("SELECT flash_draw(CAST(:sale AS uuid), CAST(:seed AS bytea))", sale=sale, seed=bytes(32))
    await drawn(store)
    assert await store.faults() == {}
    moved = "UPDATE flash_entries SET place = {} WHERE sale_id = '{}' AND place = {}"
    await store.do(moved.format(99, sale, 1))
    assert set(await store.faults()) == {"flash_drawn_as_promised"}
    await store.do(moved.format(1, sale, 99))
    assert await store.faults() == {}
    await store.do(f"UPDATE flash_items SET taken = 1 WHERE sale_id = '{sale}'")
    assert "flash_rights_are_there" in await store.faults()
    await store.do(f"UPDATE flash_items SET taken = 0 WHERE sale_id = '{sale}'")
