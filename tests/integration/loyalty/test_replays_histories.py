"""Any history of holds, tiers, rewards, achievements, merges and erasures is rebuilt from what was told of it."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text

from services.cli.rebuilt import verified
from services.loyalty.app import service as manifest
from shared.clock import SystemClock
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.catalogue.touchpoints import OrderCancelled, OrderPlaced
from shared.events.envelope import Event, EventData
from shared.ids import user_key, uuid7
from shared.rights.contract import Subject
from shared.testing.platform import Running, running_platform
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

WALLET = {"expiry": {"mode": "rolling", "days": 3}, "notice_days": [7], "transfers": {"is_allowed": True}}
RULE = {"trigger": {"on": "order"}, "effect": {"kind": "per_amount", "per_minor": 1_000, "currency": "VND"}}
TRACK = {
    "measure": {"by": "orders"},
    "window": {"kind": "rolling", "months": 1},
    "levels": [{"key": "silver", "threshold": 1}, {"key": "gold", "threshold": 3}],
}
SPENT = {
    "measure": {"by": "spend", "currency": "VND"},
    "window": {"kind": "lifetime"},
    "levels": [{"key": "club", "threshold": 100_000}],
}
FIRST = {
    "counts": {"on": "order"},
    "goal": {"kind": "count", "target": 1},
    "rewards": [{"points": 5}],
    "labels": {"vi": "Đơn đầu"},
}
BAG = {"name": "Túi vải", "kind": "material", "state": "active", "wallet": "points", "points": 3, "stock": 40}
STEPS = (
    *(
        "order",
        "order",
        "order",
        "cancel_order",
        "give",
        "take",
        "transfer",
        "hold",
        "hold",
        "extend",
        "commit",
        "void",
    ),
    *("buy", "buy", "fulfil", "cancel", "restock", "grant", "merge", "unmerge", "erase"),
)
# What is planted in each table: past all triggers and constraints, as who has all rights in the database could.
PLANTS = {
    "holds": "SET expires_at = expires_at + interval '1 second'",
    "adjustments": "SET decided_by = 'somebody'",
    "transfers": "SET fee = fee + 1",
    "expiry_notices": "SET days = 8",
    "tier_states": "SET since = since - interval '1 day'",
    "tier_near": "SET missing = missing + 1",
    "tier_grants": "SET recorded_by = 'somebody'",
    "rewards": "SET stock = stock + 1",
    "reward_purchases": "SET quantity = quantity + 1",
    "achievement_awards": "SET source = 'order:another'",
    "lots": "SET earned_at = earned_at - interval '1 day'",
}


class Club:
    """Members of a programme, and what they do."""

    def __init__(self, running: Running, seed: int) -> None:
        self.running, self.dice, self.run = running, random.Random(seed), f"{seed}-{uuid7()}"
        self.people = [user_key(f"{name}-{self.run}") for name in ("An", "Bình", "Chi")]
        self.orders: list[tuple[str, UUID]] = []
        self.holds: list[str] = []
        self.purchases: list[str] = []
        self.merged: list[tuple[UUID, UUID]] = []
        self.version = 0
        self.done: Counter[str] = Counter()

    async def post(self, path: str, **body: Any) -> Any:
        """Whatever comes of it: what is refused must leave nothing behind."""
        answer = await self.running.crm.post(f"/v1/loyalty/{path}", json=body)
        assert answer.status_code < 500, answer.text
        return answer.json() if answer.is_success else None

    async def tell(self, who: UUID, said: EventData) -> None:
        now = SystemClock().now()
        async with self.running.platform.units["loyalty"].db.write() as tx:
            tx.emit(Event(uuid7(), who, now, now, said))

    async def step(self, what: str, reward: str) -> None:
        who, other = self.dice.sample(self.people, 2)
        points = self.dice.randint(1, 30)
        before = sum(map(len, (self.orders, self.holds, self.purchases, self.merged)))
        found = await self._points(what, who, other, points)
        found = found or await self._goods(what, who, reward) or await self._people(what, who, other)
        self.done[what] += (
            bool(found) or sum(map(len, (self.orders, self.holds, self.purchases, self.merged))) != before
        )

    async def _points(self, what: str, who: UUID, other: UUID, points: int) -> Any:
        member = f"members/{who}"
        if what in ("give", "take"):
            signed = points if what == "give" else -points
            return await self.post(f"{member}/adjustments", points=signed, reason="goodwill", note="gọi lên tổng đài")
        if what == "transfer":
            return await self.post(f"{member}/transfers", points=points, to=str(other))
        if what == "hold" and (made := await self.post(f"{member}/holds", points=points, ttl_seconds=60)):
            self.holds.append(made["id"])
        if what in ("extend", "commit", "void") and self.holds:
            hold = self.dice.choice(self.holds)
            body = {"extend": {"ttl_seconds": 1}, "commit": {"points": 1}, "void": {}}[what]
            return await self.post(f"holds/{hold}/{what}", **body)
        return None

    async def _goods(self, what: str, who: UUID, reward: str) -> Any:
        if what == "buy" and (bought := await self.post(f"rewards/{reward}/purchases", customer=f"{who}")):
            self.purchases.append(bought["id"])
        if what in ("fulfil", "cancel") and self.purchases:
            return await self.post(f"reward-purchases/{self.dice.choice(self.purchases)}/{what}", note="VN123")
        if what == "restock":
            return await self.post(f"rewards/{reward}/stock", units=1)
        if what == "grant":
            until = None if self.dice.random() < 0.5 else "2100-01-01T00:00:00Z"
            return await self.post(f"members/{who}/tiers/main/grants", level="gold", reason="xin lỗi", until=until)
        return None

    async def _people(self, what: str, who: UUID, other: UUID) -> bool:
        self.version += 1
        if what == "order":
            self.orders.append((f"{self.run}-{self.version}", who))
            total = self.dice.randint(1, 60) * 1_000
            said = OrderPlaced(order_id=self.orders[-1][0], currency="VND", total_minor=total, source="web")
            await self.tell(who, said)
        elif what == "cancel_order" and self.orders:
            number, who = self.orders.pop(self.dice.randrange(len(self.orders)))
            await self.tell(who, OrderCancelled(order_id=number, source="web"))
        elif what == "merge" and not self.merged:
            self.merged.append((who, other))
            await self.tell(who, CustomerMerged(from_id=who, into_id=other, version=self.version, reason="manual"))
        elif what == "unmerge" and self.merged:
            who, other = self.merged.pop()
            await self.tell(who, CustomerUnmerged(from_id=who, into_id=other, version=self.version, reason="manual"))
        elif what == "erase":
            assert manifest.rights is not None
            async with self.running.platform.units["loyalty"].db.write() as tx:
                await manifest.rights.erase(self.running.platform.value("loyalty"), tx, Subject(who, (who,), ()))
            return True
        else:
            return False
        await self.running.settled()
        await self.running.platform.value("loyalty").achievement_settling.run()
        return True


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived(pg_url: str) -> AsyncIterator[tuple[Running, str, Counter[str]]]:
    """A programme in force, and two histories of it."""
    async with fresh_database(pg_url) as url, running_platform(url, [manifest]) as running:
        reward = await in_force(running)
        done: Counter[str] = Counter()
        for seed in (5, 8):
            club = Club(running, seed)
            for person in club.people:
                await club.post(f"members/{person}/adjustments", points=60, reason="goodwill")
            for step in (*STEPS, *club.dice.choices(STEPS, k=10)):
                await club.step(step, reward)
            done += club.done
            await nearly(club)
            await every_end(club)
        await sweep(running)
        yield running, reward, done


async def in_force(running: Running) -> str:
    """A programme, a rule, a track, an achievement, and a reward: its id."""
    crm = running.crm
    draft = await crm.post(
        "/v1/loyalty/program/versions", json={"zone": "Asia/Ho_Chi_Minh", "wallets": {"points": WALLET}}
    )
    for path, body in (
        (f"program/versions/{draft.json()['version']}/activate", {}),
        ("earning/rules", {"name": "mua", "state": "active", "rule": RULE}),
    ):
        answer = await crm.post(f"/v1/loyalty/{path}", json=body)
        assert answer.is_success, answer.text
    for key, track in (("main", TRACK), ("club", SPENT)):
        made = await crm.put(f"/v1/loyalty/tiers/{key}", json={"track": track, "version": 0})
        assert made.is_success, made.text
    first = await crm.post("/v1/loyalty/achievements", json={"name": "first_order", "achievement": FIRST})
    begun = await crm.post(f"/v1/loyalty/achievements/{first.json()['id']}/activate", json={})
    assert begun.is_success, begun.text
    reward = await crm.post("/v1/loyalty/rewards", json=BAG)
    assert reward.is_success, reward.text
    found: str = reward.json()["id"]
    return found


async def nearly(club: Club) -> None:
    """Two come near the next tier, of whom one is erased."""
    for name in ("Dung", "Giang"):
        who = user_key(f"{name}-{club.run}")
        said = OrderPlaced(order_id=f"{club.run}-{name}", currency="VND", total_minor=95_000, source="web")
        await club.tell(who, said)
    await club.running.settled()
    assert manifest.rights is not None
    loyalty = club.running.platform.value("loyalty")
    async with loyalty.db.write() as tx:
        await manifest.rights.erase(loyalty, tx, Subject(who, (who,), ()))
    async with loyalty.db.read() as tx:
        found = await tx.execute("SELECT tier, version FROM tier_near WHERE person = :who", {"who": who})
    assert [tuple(row) for row in found] == [(None, 2)]


async def every_end(club: Club) -> None:
    """Somebody holds three times, and each ends in another way; reaches something, and loses it again."""
    who, order = user_key(f"Hà-{club.run}"), f"{club.run}-Hà"
    await club.post(f"members/{who}/adjustments", points=50, reason="goodwill")
    for end, body in (("void", {}), ("commit", {"points": 2}), ("extend", {"ttl_seconds": 1})):
        held = await club.post(f"members/{who}/holds", points=9, ttl_seconds=60)
        assert await club.post(f"holds/{held['id']}/{end}", **body)
    for said in (
        OrderPlaced(order_id=order, currency="VND", total_minor=5_000, source="web"),
        OrderCancelled(order_id=order, source="web"),
    ):
        await club.tell(who, said)
        await club.running.settled()
        await club.running.platform.value("loyalty").achievement_settling.run()


async def sweep(running: Running) -> None:
    """What time does is done: holds whose second is over end."""
    loyalty = running.platform.value("loyalty")
    async with asyncio.timeout(20), loyalty.db.read() as tx:
        while (await tx.execute(OVER_SOON)).scalar_one():
            await asyncio.sleep(0.05)
    await loyalty.points_upkeep.run()


OVER_SOON = (
    "SELECT EXISTS (SELECT FROM holds WHERE state = 'open' AND expires_at > clock_timestamp() "
    "AND expires_at < clock_timestamp() + interval '5 seconds')"
)


async def differing(running: Running) -> set[str]:
    """The tables that the last comparison found to be other than they were told."""
    return {each.name for each in await running.platform.value("loyalty").replays.found() if each.differing}


async def test_a_history_of_everything_is_rebuilt_row_by_row(lived: tuple[Running, str, Counter[str]]):
    running, _, done = lived
    db = running.platform.units["loyalty"].db

    same = await verified(running.platform.settings, manifest)

    assert await differing(running) == set()
    assert same
    assert {step for step in STEPS if not done[step]} == set()
    async with db.read() as tx:
        for table in PLANTS:
            assert (await tx.execute(f"SELECT count(*) FROM {table}")).scalar_one() > 0, table
        states = set((await tx.execute("SELECT state FROM holds")).scalars())
        levels = set((await tx.execute("SELECT state FROM achievement_awards")).scalars())
    assert {"captured", "released", "expired"} <= states
    assert levels == {"reached", "lost"}


async def test_what_is_planted_in_any_table_is_found_there(lived: tuple[Running, str, Counter[str]]):
    running = lived[0]
    async with running.platform.units["loyalty"].db.engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table, change in PLANTS.items():
            await connection.execute(
                text(f"UPDATE {table} SET {change.removeprefix('SET ')} WHERE ctid = (SELECT min(ctid) FROM {table})")
            )

    same = await verified(running.platform.settings, manifest)

    assert not same
    assert await differing(running) == PLANTS.keys()
