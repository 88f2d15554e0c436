"""The check of `tam load` on a real platform: right where all is right, and every tampering is named."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.registry import SERVICES
from shared.clock import SystemClock
from shared.load.acts import Act, Answer, Say
from shared.load.journal import Journal
from shared.load.judge import Difference, Verdict
from shared.load.order import Order
from shared.load.plan import plan
from shared.load.session import Session
from shared.load.wire import Reply, Wire
from shared.testing.platform import BASE_URL, Running, running_platform
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE, CUSTOMERS, SECONDS = 120.0, 60, 4.0


@asynccontextmanager
async def wired(running: Running, kind: type[Wire] = Wire) -> AsyncIterator[Wire]:
    """The platform's API without a network."""
    transport = httpx.ASGITransport(app=running.platform.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        yield kind([client], running.write_key, running.secret_key)


def asked(seed: int, **fields: Any) -> Order:
    return Order("shop", seed, **{"rate": RATE, "customers": CUSTOMERS, "seconds": SECONDS, **fields}, start=now())


def now() -> datetime:
    return datetime.now(UTC)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(pg_url: str, template: str) -> AsyncIterator[Running]:
    async with fresh_database(pg_url, template=template) as url, running_platform(url, SERVICES) as made:
        yield made


class Run:
    """A load that was sent, on a platform that can be tampered with."""

    def __init__(self, running: Running, session: Session) -> None:
        self._running = running
        self.session = session

    async def verdict(self, *, patience_seconds: float = 30.0) -> Verdict:
        return await self.session.judge(at_most=1_000, patience_seconds=patience_seconds)

    async def tampered(self, service: str, statement: str, back: str) -> list[Difference]:
        """What is found while a row is otherwise; the statements must change one row each."""
        db = self._running.platform.units[service].db
        async with db.write() as tx:
            changed = (await tx.execute(statement)).rowcount
        try:
            assert changed == 1, statement
            return (await self.verdict(patience_seconds=0)).differences
        finally:
            async with db.write() as tx:
                await tx.execute(back)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def done(running: Running, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    journal = Journal(tmp_path_factory.mktemp("load") / "journal")
    async with wired(running) as wire:
        session = await Session.opened(wire, SystemClock(), journal, asked(5))
        await session.send()
        yield Run(running, session)
    journal.close()


async def test_all_is_right_on_a_platform_that_works(done: Run):
    verdict = await done.verdict()

    assert verdict.differences == []
    assert verdict.persons == verdict.persons_known > 20
    assert verdict.events > RATE * SECONDS / 2
    document = done.session.document(verdict)
    assert document["verdict"]["is_right"]
    assert document["sent"]["events"] >= verdict.events


async def test_a_touchpoint_that_is_gone_is_named(done: Run):
    book = done.session.book()
    who, life = next((who, life) for who, life in book.lives.items() if life.messages)
    message = sorted(life.messages)[0]
    hide = f"UPDATE touchpoints SET message_id = '?{message}' WHERE message_id = '{message}'"
    show = f"UPDATE touchpoints SET message_id = '{message}' WHERE message_id = '?{message}'"

    found = await done.tampered("touchpoints", hide, show)

    person = book.joined.get(who, who)
    assert Difference(person, "events lost", [], [message]) in found
    assert Difference(person, "events that nobody sent", [], [f"?{message}"]) in found


async def test_an_answer_that_says_otherwise_is_named(done: Run):
    act = next(act for act in _acts(done) if isinstance(act, Answer))
    at = f"WHERE reference = '{act.reference}'"
    hide, show = (f"UPDATE responses SET reference = '{name}' {where}" for name, where in _renamed(act.reference, at))

    found = await done.tampered("surveys", hide, show)

    assert [(each.where, each.what) for each in found] == [(act.who, "answers")]


async def test_points_from_nowhere_are_named(done: Run):
    book = done.session.book()
    who = next(who for who, ids in book.persons().items() if book.points_of(ids) > 0 and who.startswith("user_id"))
    key = (await done.session.wire.read(f"/v1/loyalty/members/{who}"))["member"]
    one = f"ctid = (SELECT min(ctid) FROM wallets WHERE person_id = '{key}')"
    more, less = (f"UPDATE wallets SET available = available {sign} 7 WHERE {one}" for sign in "+-")

    found = await done.tampered("loyalty", more, less.replace(one, f"person_id = '{key}'"))

    assert [(each.where, each.what, each.found - each.expected) for each in found] == [(who, "points", 7)]


def _acts(done: Run) -> list[Act]:
    return [each.act for each in plan(done.session.order) if each.number in done.session.journal.settled]


def _renamed(name: str, at: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (f"?{name}", at), (name, at.replace(name, f"?{name}"))


class Careless(Wire):
    """A platform that answers before anything is stored, and forgets one order."""

    forgotten: str | None = None

    async def tell(self, calls: Any) -> Reply:
        orders = [call for call in calls if call.get("event") == "Order Completed"]
        if orders and type(self).forgotten is None:
            type(self).forgotten = orders[0]["properties"]["order_id"]
            return Reply(200, {"accepted": len(calls), "rejected": []})
        return await super().tell(calls)


async def test_an_order_that_was_acknowledged_and_dropped_is_named_by_each_who_lacks_it(
    running: Running, tmp_path: Path
):
    journal = Journal(tmp_path / "journal")
    async with wired(running, Careless) as wire:
        session = await Session.opened(wire, SystemClock(), journal, asked(6, seconds=3.0))
        await session.send()
        verdict = await session.judge(at_most=1_000, patience_seconds=4)
        book = session.book()
    journal.close()

    assert Careless.forgotten is not None
    bought = book.orders[Careless.forgotten]
    named = {(each.where, each.what) for each in verdict.differences}
    person = book.joined.get(bought.who, bought.who)
    assert (person, "events lost") in named
    if bought.counts:
        assert {(person, "orders"), (person, f"gross {bought.currency}"), ("totals", "orders")} <= named


async def test_a_run_that_was_cut_off_goes_on_and_doubles_nothing(running: Running, tmp_path: Path):
    path = tmp_path / "journal"
    order = asked(7, seconds=3.0)
    async with wired(running) as wire:
        journal = Journal(path)
        await (await Session.opened(wire, SystemClock(), journal, order)).send()
        journal.close()
        # As after kill -9: the last of what was answered was not written down, and some before it neither.
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for number, line in enumerate(lines) if number == 0 or (number % 3 and number < len(lines) // 2)]
        path.write_bytes(b"".join(kept))
        journal = Journal(path)
        session = await Session.opened(wire, SystemClock(), journal, asked(7, seconds=3.0))
        assert session.order == order
        await session.send()

        verdict = await session.judge(at_most=1_000, patience_seconds=30)
    journal.close()

    assert verdict.differences == []
    resent = sum(isinstance(each.act, Say) for each in plan(order)) - len(kept)
    assert resent > 10
