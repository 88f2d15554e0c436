"""The ledger is what its facts tell: rebuilt beside the live one it is the same, row by row and hash by hash."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from loyalty_world import LoyaltyWorld
from replay_world import differences, rebuilt
from sqlalchemy import text

from services.cli.rebuilt import verified
from services.loyalty.app import service as manifest
from services.loyalty.jobs import refresh_gauges
from services.loyalty.points.domain.ledger import Book
from services.loyalty.points.domain.replaying import Missing, rebook
from services.loyalty.points.service import Target
from services.loyalty.programs.schemas import ProgramIn
from services.loyalty.replays.consumers import LEDGER, POINTS_FACTS, RECOVERIES
from shared.clock import SystemClock
from shared.events.catalogue.loyalty import PointsMoved
from shared.events.catalogue.touchpoints import OrderCancelled, OrderPlaced
from shared.events.envelope import Event, EventData
from shared.ids import user_key, uuid7
from shared.observability.metrics import REGISTRY
from shared.testing.platform import Running, running_platform
from shared.testing.postgres import fresh_database

# Points that end by inactivity, may be given away, and are taken back as far as there are any.
TERMS = {
    "zone": "Asia/Ho_Chi_Minh",
    "wallets": {
        "points": {
            "expiry": {"mode": "inactivity", "days": 30},
            "transfers": {"is_allowed": True, "fee_permille": 100},
            "clawback": "within_balance",
        }
    },
}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("give", "take", "hold", "commit", "void", "transfer", "order", "cancel")),
        st.integers(1, 60),
        st.sampled_from(("An", "Bình")),
    ),
    min_size=4,
    max_size=16,
)


class Shop:
    """Members of a programme, and what happens to them."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.run = uuid7()
        self.holds: list[str] = []
        self.orders: list[tuple[str, UUID]] = []

    def path(self, who: str) -> str:
        return f"/v1/loyalty/members/{self.key(who)}"

    def key(self, who: str) -> UUID:
        return user_key(f"{who}-{self.run}")

    async def tell(self, who: str, said: EventData) -> None:
        now = SystemClock().now()
        platform = self.running.platform
        async with platform.units["loyalty"].db.write() as tx:
            tx.emit(Event(uuid7(), self.key(who), now, now, said))

    async def step(self, what: str, points: int, who: str) -> None:
        crm = self.running.crm
        if what in ("give", "take"):
            signed = points if what == "give" else -points
            await crm.post(f"{self.path(who)}/adjustments", json={"points": signed, "reason": "correction"})
        elif what == "hold":
            answer = await crm.post(f"{self.path(who)}/holds", json={"points": points})
            self.holds += [answer.json()["id"]] if answer.is_success else []
        elif what == "transfer":
            other = "Bình" if who == "An" else "An"
            await crm.post(f"{self.path(who)}/transfers", json={"points": points, "to": str(self.key(other))})
        elif what == "order":
            number = f"{self.run}-{len(self.orders)}"
            self.orders.append((number, who))
            await self.tell(who, OrderPlaced(order_id=number, currency="VND", total_minor=points * 1_000, source="web"))
        elif what == "cancel" and self.orders:
            number, who = self.orders.pop()
            await self.tell(who, OrderCancelled(order_id=number, source="web"))
        elif self.holds:
            hold = self.holds.pop()
            body = {"points": 1} if what == "commit" else {}
            await crm.post(f"/v1/loyalty/holds/{hold}/{what}", json=body)


async def drift(running: Running) -> dict[str, float]:
    """What Prometheus would see."""
    await refresh_gauges(running.platform.value("loyalty"))
    found = next(each for each in REGISTRY.collect() if each.name == "tam_loyalty_replay_drift_rows")
    return {sample.labels["table"]: sample.value for sample in found.samples}


async def program(running: Running) -> None:
    """A programme in force, with a point for each 1,000 đồng."""
    draft = await running.crm.post("/v1/loyalty/program/versions", json=TERMS)
    assert draft.status_code == 201, draft.text
    active = await running.crm.post(f"/v1/loyalty/program/versions/{draft.json()['version']}/activate", json={})
    assert active.is_success, active.text
    rule = {"trigger": {"on": "order"}, "effect": {"kind": "per_amount", "per_minor": 1_000, "currency": "VND"}}
    made = await running.crm.post("/v1/loyalty/earning/rules", json={"name": "mua", "state": "active", "rule": rule})
    assert made.is_success, made.text


async def opened(pg_url: str, ready: "asyncio.Future[Running]", done: asyncio.Event) -> None:
    """A platform that one task opens and closes, while others play."""
    async with fresh_database(pg_url) as url, running_platform(url, [manifest]) as running:
        await program(running)
        ready.set_result(running)
        await done.wait()


async def changed_by_hand(running: Running) -> None:
    """Somebody gives himself points, with all rights there are, and makes the sums fit."""
    async with running.platform.units["loyalty"].db.engine.begin() as connection:
        await connection.execute(text("UPDATE lots SET remaining = remaining - 1 WHERE id = "
                                      "(SELECT id FROM lots WHERE remaining > 0 ORDER BY id LIMIT 1)"))  # fmt: skip


def test_any_history_over_http_and_of_facts_is_rebuilt_and_what_was_changed_by_hand_is_found(pg_url: str):
    with asyncio.Runner() as runner:
        loop, done = runner.get_loop(), asyncio.Event()
        ready: asyncio.Future[Running] = loop.create_future()
        platform = loop.create_task(opened(pg_url, ready, done))

        async def until_ready() -> Running:
            await asyncio.wait((ready, platform), return_when=asyncio.FIRST_COMPLETED)
            return ready.result() if ready.done() else await platform  # type: ignore[return-value]

        running = runner.run(until_ready())

        @settings(max_examples=6, phases=(Phase.reuse, Phase.generate))
        @given(steps=STEPS)
        def play(steps: list[tuple[str, int, str]]) -> None:
            async def history() -> None:
                shop = Shop(running)
                await shop.step("give", 50, "An")
                for step in steps:
                    await shop.step(*step)

            runner.run(history())

        async def end() -> list[Any]:
            # Not settled: what is still in the outbox counts as well.
            same = await verified(running.platform.settings, manifest)
            before = await drift(running)
            await changed_by_hand(running)
            found = await verified(running.platform.settings, manifest)
            after = await drift(running)
            done.set()
            await platform
            return [same, before, found, after]

        play()
        same, before, found, after = runner.run(end())
        nothing = dict.fromkeys((table for each in RECOVERIES for table in each.relations), 0.0)
        assert set(LEDGER) <= nothing.keys()
        assert (same, before) == (True, nothing)
        assert (found, after) == (False, {**nothing, "lots": 2.0})


async def in_force(world: LoyaltyWorld, **wallets: dict[str, Any]) -> None:
    """A programme with these wallets."""
    body = ProgramIn.model_validate({"zone": "Asia/Ho_Chi_Minh", "wallets": wallets})
    draft = await world.service.programs.draft(body, by="test", idem=None)
    await world.service.programs.activate(orjson.loads(draft.body)["version"], None, by="test", idem=None)


async def test_ends_that_move_and_what_cannot_be_taken_back_are_told(world: LoyaltyWorld, pg_url: str):
    await in_force(world, points={"expiry": {"mode": "inactivity", "days": 10}, "clawback": "pending"})
    an, points = user_key("an"), world.service.points

    async def settle(source: str, earned: int) -> None:
        async with world.db.write() as tx:
            await points.settle(tx, Target(an, "points", source, earned, world.clock.now()))

    await settle("order:1", 40)
    world.clock.forward(days=3)
    await settle("order:2", 10)
    await settle("order:1", 15)
    await settle("order:1", 30)

    told = await world.announced(PointsMoved)
    rows = await world.rows("SELECT points, uncollected FROM sources WHERE source = 'order:1'")

    assert [each.data.entry["kind"] for each in told] == ["prolonged", "uncollected", "uncollected"]
    assert told[0].data.next_expires_at == world.clock.time.replace(hour=17) + timedelta(days=10)
    assert [tuple(row) for row in rows] == [(30, 10)]
    assert differences(await rebuilt(world, pg_url)) == {}


async def test_a_fact_that_is_missing_is_said_and_nothing_is_made_up(world: LoyaltyWorld):
    an = user_key("an")
    for points in (5, 7, 9):
        async with world.db.write() as tx:
            await world.service.points.adjust(tx, uuid7(), an, "points", points, reason="gift", actor="key")
    told, book = await world.announced(*POINTS_FACTS), Book(world.clock.now())

    with pytest.raises(Missing, match="transaction 2 was never told"):
        for event in (told[0], told[0], told[2]):
            rebook(book, event)
