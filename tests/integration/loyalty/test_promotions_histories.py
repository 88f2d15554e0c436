"""Long histories of holding, taking, letting go and giving back: counters of budgets are what rows come to, always."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from checkout_world import Till, ask, open_till

from shared.ids import user_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

VERBS = ("hold", "hold", "take", "take", "commit", "commit", "void", "lapse", "back", "back", "who")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def till(pg_url: str) -> AsyncIterator[Till]:
    async with open_till(pg_url) as opened:
        yield opened


@dataclass
class History:
    """What a shop does with a promotion and a code for three people, two of whom become one and two again."""

    till: Till
    dice: random.Random
    code: str
    held: list[str] = field(default_factory=list)
    done: list[dict[str, Any]] = field(default_factory=list)
    merged: bool = False
    refused: int = 0

    def person(self, number: int) -> str:
        return f"{self.code}-{number}"

    async def hold(self) -> None:
        if (made := await self._ask("/reservations")) is not None:
            self.held.append(made["id"])

    async def take(self) -> None:
        if (made := await self._ask("/redemptions")) is not None:
            self.done.append(made)

    async def _ask(self, path: str) -> dict[str, Any] | None:
        codes = [self.code] if self.dice.random() < 0.7 else []
        said = ask(self.person(self.dice.randrange(3)), *codes, order_id=str(uuid4()))
        said["basket"]["store_id"] = self.dice.choice(["HN", "HCM"])
        answer = await self.till.http.post(f"/v1/loyalty{path}", json=said)
        assert answer.status_code in (201, 409, 422), answer.text
        self.refused += answer.status_code != 201
        found: dict[str, Any] = answer.json()
        return found if answer.status_code == 201 else None

    async def commit(self) -> None:
        if not self.held:
            return
        each = self.held.pop(self.dice.randrange(len(self.held)))
        vouchers = (await self.till.get(f"/reservations/{each}"))["vouchers"]
        some = [voucher for voucher in vouchers if self.dice.random() < 0.7] or vouchers
        parts = [
            {"position": voucher["position"], "discount_minor": self.dice.randint(1, voucher["discount_minor"])}
            for voucher in some
        ]
        self.done.append(await self.till.post(f"/reservations/{each}/commit", {"vouchers": parts}, 201))

    async def void(self) -> None:
        if self.held:
            await self.till.post(f"/reservations/{self.held.pop()}/void", {}, 200)

    async def lapse(self) -> None:
        if self.held:
            await self.till.lapse(self.held.pop(0))
            await self.till.loyalty.checkout.ending.expire_due()

    async def back(self) -> None:
        if not self.done:
            return
        each = self.dice.choice(self.done)
        place = self.dice.choice(each["vouchers"])["position"]
        part = {"reason": "x", "parts": [{"voucher": place, "amount_minor": self.dice.randint(1, 30_000)}]}
        await self._undo(each["id"], {"reason": "x"} if self.dice.random() < 0.4 else part)

    async def _undo(self, redemption: str, body: dict[str, Any]) -> None:
        answer = await self.till.http.post(f"/v1/loyalty/redemptions/{redemption}/rollbacks", json=body)
        assert answer.status_code in (201, 409, 422), answer.text

    async def who(self) -> None:
        move = self.till.unmerge if self.merged else self.till.merge
        await move(user_key(self.person(1)), user_key(self.person(0)))
        self.merged = not self.merged

    async def end(self) -> None:
        """Everything is let go and given back."""
        for each in self.held:
            await self.till.post(f"/reservations/{each}/void", {}, 200)
        for done in self.done:
            await self._undo(done["id"], {"reason": "hết"})


async def budgets_of(till: Till, campaign: UUID) -> set[tuple[int, ...]]:
    rows = await till.rows(
        "SELECT redeemed, reserved, spent_minor, reserved_minor FROM budget_counters WHERE campaign_id = :id",
        id=campaign,
    )
    return {tuple(row) for row in rows}


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_happens_counters_are_what_rows_come_to_and_end_at_nothing(till: Till, seed: int):
    body = {
        "name": f"Tự động {seed}",
        "codes": "automatic",
        "currency": "VND",
        "terms": {
            "benefit": {"type": "percentage", "percent": 10},
            "grants_partly": True,
            "budgets": [
                {"name": "ngay", "per": "day", "max_minor": 700_000},
                {"name": "khach", "by": "customer", "max_uses": 4},
            ],
        },
    }
    promotion = UUID((await till.post("/campaigns", body, 201))["id"])
    await till.post(f"/campaigns/{promotion}/state", {"state": "active"}, 200)
    weekly = {"name": "tuan", "per": "week", "max_uses": 9}
    store = {"name": "cua_hang", "by": "store", "max_minor": 400_000}
    shared, code = await till.offer({"type": "percentage", "percent": 7.5}, budgets=[weekly, store], grants_partly=True)
    history = History(till, random.Random(seed), code)

    for turn in range(40):
        await getattr(history, history.dice.choice(VERBS))()
        if turn % 10 == 9:
            assert await till.violations() == {}
    assert history.done
    assert history.refused, "nothing ever ran out"
    assert max(map(max, await budgets_of(till, promotion))) > 0

    await history.end()
    assert await till.violations() == {}
    for campaign in (promotion, shared):
        assert await till.counters(campaign) == (0, 0, 0, 0)
        assert await budgets_of(till, campaign) == {(0, 0, 0, 0)}
    await till.post(f"/campaigns/{promotion}/state", {"state": "ended"}, 200)
