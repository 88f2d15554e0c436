"""Codes and checkouts are what their facts tell: rebuilt beside the live ones they are the same, row by row."""

import random
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from checkout_world import Till, ask, basket, open_till
from sqlalchemy import text

from services.cli.rebuilt import verified
from services.loyalty.app import service as manifest
from services.loyalty.replays.consumers import RECOVERIES
from shared.ids import user_key, uuid7
from shared.rights.contract import Subject

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = ("An", "Bình", "Chi")
MINE = (
    "codes", "code_loads", "assignments", "campaigns", "voucher_uses", "budget_counters", "reservations",
    "reservation_vouchers", "redemptions", "redemption_vouchers", "rollbacks",
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def till(pg_url: str) -> AsyncIterator[Till]:
    async with open_till(pg_url) as opened:
        yield opened


class Shop:
    """Customers at a till, who do whatever the dice say; refusals are a part of it."""

    def __init__(self, till: Till, seed: int) -> None:
        self.till, self.dice, self.run = till, random.Random(seed), f"{seed}-{uuid7().hex[-6:]}"
        self.codes: list[str] = []
        self.cards: list[str] = []
        self.held: list[str] = []
        self.used: list[str] = []
        self.pool = UUID(int=0)

    async def open(self) -> None:
        till = self.till
        by_day = [{"name": "ngay", "per": "day", "by": "customer", "max_uses": 3, "max_minor": 900_000}]
        _, ten = await till.offer({"type": "percentage", "percent": 10}, budgets=by_day)
        _, few = await till.offer(limits={"max_uses": 4})
        _, used_up = await till.offer(returns_use=False, returns_budget=False)
        self.codes = [ten, few, used_up]
        cards = await till.campaign({"type": "stored_value"}, shared=False)
        for value in (300_000, 2_000_000):
            self.cards.append(await till.secret_code(cards, value=value))
        secret = await till.campaign(shared=False)
        self.codes.append(await till.secret_code(secret, uses=2))
        self.pool = await till.campaign(shared=False)
        coding = {"codes": [{"code": f"KHO{self.run}{n}"} for n in range(4)], "to_assign": True}
        assert (await till.post(f"/campaigns/{self.pool}/imports", coding, 200))["imported"] == 4
        for who in PEOPLE:
            await till.give_points(self.customer(who), 3_000)

    def customer(self, who: str) -> str:
        return f"{who}-{self.run}"

    async def step(self) -> None:
        steps = (self.reserve, self.reserve, self.redeem, self.redeem, self.end, self.end, self.roll_back, self.card,
                 self.assign, self.file)  # fmt: skip
        await self.dice.choice(steps)()

    def wanted(self, **more: Any) -> dict[str, Any]:
        codes = self.dice.sample(self.codes + self.cards, self.dice.randint(0, 2))
        order = f"đơn-{self.run}-{self.dice.randint(1, 12)}" if self.dice.random() < 0.7 else None
        points = self.dice.choice((0, 0, 50, 200))
        who = self.customer(self.dice.choice(PEOPLE))
        return ask(who, *codes, points=points, order_id=order, total=self.dice.randint(1, 9) * 100_000, **more)

    async def reserve(self) -> None:
        said = await self.till.post("/reservations", self.wanted(replace=self.dice.random() < 0.5))
        self.held += [said["id"]] if "id" in said else []

    async def redeem(self) -> None:
        said = await self.till.post("/redemptions", self.wanted())
        self.used += [said["id"]] if "id" in said else []

    async def end(self) -> None:
        if not self.held:
            return
        held = self.dice.choice(self.held)
        what = self.dice.choice(("commit", "commit", "void", "extend", "expire"))
        if what == "expire":
            async with self.till.db.write() as tx:
                lapsed = await tx.execute(
                    "UPDATE reservations SET created_at = created_at - interval '1 day', expires_at = now() "
                    "WHERE id = :id AND state = 'held'",
                    {"id": UUID(held)},
                )
                if lapsed.rowcount:
                    await tx.execute("UPDATE holds SET expires_at = now() WHERE id = :id", {"id": UUID(held)})
            return
        said = await self.till.post(f"/reservations/{held}/{what}", {"reacquire": True} if what == "commit" else {})
        self.used += [said["id"]] if what == "commit" and "id" in said else []

    async def roll_back(self) -> None:
        if not self.used:
            return
        part: dict[str, Any] = {"parts": [{"voucher": 1, "discount_minor": 1_000}]}
        body = self.dice.choice(({}, part, {"points": 10}))
        refund = f"hoàn-{self.dice.randint(1, 9)}"
        path = f"/redemptions/{self.dice.choice(self.used)}/rollbacks"
        await self.till.post(path, {"reason": "trả hàng", "refund_id": refund, **body})

    async def card(self) -> None:
        found = await self.till.post("/vouchers/lookup", {"code": self.dice.choice(self.cards)})
        if self.dice.random() < 0.5:
            await self.till.post(f"/vouchers/{found['id']}/top-up", {"amount_minor": 50_000, "reference": "trả hàng"})
        else:
            state = self.dice.choice(("frozen", "active", "active"))
            await self.till.post(f"/vouchers/{found['id']}/state", {"state": state})

    async def assign(self) -> None:
        who = f"user_id:{self.customer(self.dice.choice(PEOPLE))}"
        key = f"quà-{self.dice.randint(1, 6)}"
        await self.till.post(f"/campaigns/{self.pool}/assignments", {"customer": who, "key": key})

    async def file(self) -> None:
        content = "code\n" + "\n".join(f"TEP{self.run}{self.dice.randint(1, 20)}" for _ in range(3))
        path = f"/v1/loyalty/campaigns/{self.pool}/code-imports"
        await self.till.http.post(path, content=content, headers={"Content-Type": "text/csv"})


async def drift(till: Till) -> dict[str, int]:
    """The tables that differ, as the last comparison found."""
    return {each.name: each.differing for each in await till.loyalty.replays.found() if each.differing}


async def compared(till: Till) -> dict[str, int]:
    is_same = await verified(till.running.platform.settings, manifest)
    found = await drift(till)
    assert is_same == (not found)
    return found


async def counts(till: Till) -> dict[str, int]:
    async with till.db.read() as tx:
        return {table: (await tx.execute(f"SELECT count(*) FROM {table}")).scalar_one() for table in MINE}


async def test_all_tables_are_compared():
    relations = {name for recovery in RECOVERIES for name in recovery.relations}
    assert set(MINE) <= relations


async def test_any_history_over_http_is_rebuilt(till: Till):
    for seed in (1, 2, 3):
        shop = Shop(till, seed)
        await shop.open()
        for _ in range(60):
            await shop.step()
        await till.merge(user_key(shop.customer("Chi")), user_key(shop.customer("An")))
        for _ in range(15):
            await shop.step()
        await till.loyalty.checkout.ending.expire_due()
    generated = await till.campaign(shared=False)
    job = await till.post(f"/campaigns/{generated}/code-jobs", {"count": 1_500}, 202)
    await till.loyalty.code_jobs.make(UUID(job["id"]))

    assert min((await counts(till)).values()) > 0, "the history left something out"
    # Not settled: what is still in the outbox counts as well.
    assert await compared(till) == {}


async def test_who_was_erased_stays_so(till: Till):
    shop = Shop(till, 4)
    await shop.open()
    for _ in range(30):
        await shop.step()
    key = user_key(shop.customer("An"))
    subject = Subject(key, (key,))
    async with till.db.write() as tx:
        await till.loyalty.rights.erase(tx, subject)

    assert await compared(till) == {}


async def test_no_fact_holds_a_code(till: Till):
    code = await till.secret_code(await till.campaign(shared=False))
    async with till.db.read() as tx:
        rows = await tx.execute("SELECT value FROM outbox_records")
        said = b"".join(row.value for row in rows)

    assert code.encode() not in said
    assert basket()["currency"].encode() in said


PLANTED = {
    "codes": "value_minor = value_minor + 1 WHERE value_minor > 0",
    "campaigns": "spent_minor = spent_minor + 1 WHERE redeemed > 0",
    "voucher_uses": "redeemed = redeemed + 1 WHERE redeemed > 0",
    "budget_counters": "spent_minor = spent_minor + 1 WHERE redeemed > 0",
    "reservations": "owner = 'x' WHERE true",
    "redemptions": "total_minor = total_minor + 1 WHERE true",
    "redemption_vouchers": "short_minor = short_minor + 1 WHERE true",
    "rollbacks": "recorded_by = 'x' WHERE true",
    "assignments": "assigned_by = 'x' WHERE true",
}


async def test_what_was_changed_by_hand_is_found(till: Till):
    async with till.db.engine.begin() as connection:
        for table, change in PLANTED.items():
            where = change.partition(" WHERE ")[2]
            one = f"ctid = (SELECT ctid FROM {table} WHERE {where} LIMIT 1)"
            done = await connection.execute(text(f"UPDATE {table} SET {change} AND {one}"))
            assert done.rowcount == 1
        assert (await connection.execute(text("DELETE FROM code_loads"))).rowcount > 1

    found = await compared(till)

    assert {name: rows for name, rows in found.items() if name != "code_loads"} == dict.fromkeys(PLANTED, 2)
    assert found["code_loads"] > 1
