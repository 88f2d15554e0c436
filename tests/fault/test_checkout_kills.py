"""`kill -9` while tills reserve, commit, void and roll back: no hold is lost, none counts twice, every answer holds."""

import asyncio
import base64
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from installation import ZONE, Installation, installed, until

from services.loyalty.checkout.repository.checks import CHECKS
from services.loyalty.checkout.service.ending import Ending
from services.loyalty.points.repository.checks import CHECKS as POINTS_CHECKS
from services.loyalty.points.service import Points
from services.loyalty.pools.repository import CHECKS as POOL_CHECKS
from services.loyalty.programs.service import Programs
from shared.clock import SystemClock
from shared.db.engine import Database
from shared.delivery.outbox import OutboxWriter
from shared.testing.platform import PlatformProcess
from shared.testing.zygote import Zygote

pytestmark = pytest.mark.long

KILLS, TILLS, LIMIT = 3, 8, 40
PEPPER = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, seed: int, zygote: Zygote) -> AsyncIterator[Installation]:
    async with installed(database_url, tmp_path, seed, zygote, TAM_LOYALTY_CODE_PEPPERS=PEPPER) as made:
        yield made


@dataclass
class Tills:
    """Clients that insist: each asks again with the same key until it is answered."""

    shop: Installation
    process: PlatformProcess
    code: str = "TETKILL2027"
    pool: str = ""
    answered: Counter[str] = field(default_factory=Counter)
    committed: dict[str, str] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    is_over: bool = False
    broken: int = 0

    async def post(self, http: httpx.AsyncClient, path: str, body: Any, key: str) -> httpx.Response:
        while True:
            try:
                answer = await http.post(
                    f"{self.process.base_url}/v1/loyalty{path}", json=body, headers={"Idempotency-Key": key}
                )
            except httpx.TransportError:
                self.broken += 1
                await asyncio.sleep(0.05)
                continue
            if answer.status_code != 503:
                return answer

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(headers={"Authorization": f"Bearer {self.shop.secret_key}"}, timeout=10)

    async def share(self, points: int) -> None:
        """A household of two pays half of every order at most, and a promotion that has a budget counts in each."""
        async with self.client() as http:
            pays = {"currency": "VND", "points": 1, "minor": 100, "share_basis_points": 5_000, "minimum_points": 1}
            version = {"zone": "Asia/Ho_Chi_Minh", "wallets": {"points": {"pays": [pays]}}}
            made = (await self.post(http, "/program/versions", version, "pv")).json()
            await self.post(http, f"/program/versions/{made['version']}/activate", {}, "pa")
            pool = (await self.post(http, "/pools", {"owner": "user_id:an"}, "po")).json()["id"]
            invited = {"by": "user_id:an", "member": "user_id:binh", "role": "spender"}
            invitation = (await self.post(http, f"/pools/{pool}/invitations", invited, "pi")).json()["id"]
            await self.post(http, f"/pool-invitations/{invitation}/accept", {}, "pj")
            for name in ("an", "binh"):
                given = {"points": points, "reason": "goodwill"}
                answer = await self.post(http, f"/members/user_id:{name}/adjustments", given, f"pg-{name}")
                assert answer.status_code == 201, answer.text
            budgets = [{"name": "day", "per": "day", "max_minor": 10**9}]
            terms = {"benefit": {"type": "fixed", "amount_minor": 500}, "budgets": budgets}
            body = {"name": "Tự động", "codes": "automatic", "currency": "VND", "terms": terms}
            promotion = (await self.post(http, "/campaigns", body, "pc")).json()["id"]
            await self.post(http, f"/campaigns/{promotion}/state", {"state": "active"}, "ps")
        self.pool = pool

    async def spend_of_pool(self, http: httpx.AsyncClient, name: str, who: str, chance: random.Random) -> None:
        """One order that the household pays 3 points of: in one step, or held and then committed, voided or left."""
        lines = [{"id": "1", "product_id": "p", "quantity": 1, "unit_minor": 9_000}]
        basket = {"currency": "VND", "order_id": f"o-{name}", "lines": lines}
        asked = {"customer": f"user_id:{who}", "basket": basket, "points": 3, "pool": self.pool}
        if chance.random() < 0.4:
            done = await self.post(http, "/redemptions", asked, f"r-{name}")
        else:
            held = await self.post(http, "/reservations", {**asked, "ttl_seconds": 2}, f"h-{name}")
            self.answered[f"reserve {held.status_code}"] += 1
            if held.status_code != 201 or chance.random() < 0.2:
                return
            path = f"/reservations/{held.json()['id']}"
            if chance.random() < 0.3:
                await self.post(http, f"{path}/void", {}, f"v-{name}")
                return
            done = await self.post(http, f"{path}/commit", {}, f"m-{name}")
        self.answered[f"paid {done.status_code}"] += 1
        if done.status_code == 201:
            assert f"o-{name}" not in self.committed
            self.committed[f"o-{name}"] = done.json()["id"]
            if chance.random() < 0.3:
                self.undone.add(done.json()["id"])
                await self.post(http, f"/redemptions/{done.json()['id']}/rollbacks", {"reason": "x"}, f"b-{name}")

    async def offer(self, most: int = LIMIT) -> UUID:
        """A campaign of which there is so much and no more."""
        async with self.client() as http:
            terms = {"benefit": {"type": "fixed", "amount_minor": 1_000}}
            body = {"name": "Tết", "codes": "shared", "currency": "VND", "max_uses": most, "terms": terms}
            made = (await self.post(http, "/campaigns", body, "c")).json()
            await self.post(http, f"/campaigns/{made['id']}/state", {"state": "active"}, "s")
            shared = await self.post(http, f"/campaigns/{made['id']}/shared-codes", {"code": self.code}, "k")
            assert shared.status_code == 201, shared.text
        return UUID(made["id"])

    async def run(self, till: int, chance: random.Random) -> None:
        """Serve one customer after the other."""
        async with self.client() as http:
            number = 0
            while not self.is_over:
                number += 1
                await self.serve(http, f"{till}-{number}", chance)

    async def serve(self, http: httpx.AsyncClient, name: str, chance: random.Random) -> None:
        lines = [{"id": "1", "product_id": "p", "quantity": 1, "unit_minor": 9_000}]
        basket = {"currency": "VND", "order_id": f"o-{name}", "lines": lines}
        asked = {"customer": f"user_id:k-{name}", "basket": basket, "vouchers": [self.code], "ttl_seconds": 2}
        held = await self.post(http, "/reservations", asked, f"r-{name}")
        self.answered[f"reserve {held.status_code}"] += 1
        if held.status_code != 201:
            # Nothing is left: somebody gives something back.
            return await self.undo(http, chance)
        path, choice = f"/reservations/{held.json()['id']}", chance.random()
        if choice < 0.6:
            done = await self.post(http, f"{path}/commit", {}, f"m-{name}")
            assert done.status_code == 201 or done.json()["state"] == "expired", done.text
            self.answered[f"commit {done.status_code}"] += 1
            if done.status_code == 201:
                assert f"o-{name}" not in self.committed
                self.committed[f"o-{name}"] = done.json()["id"]
        elif choice < 0.8:
            void = await self.post(http, f"{path}/void", {}, f"v-{name}")
            self.answered[f"void {void.status_code}"] += 1
        return None

    async def redeem(self, http: httpx.AsyncClient, name: str) -> dict[str, Any]:
        """One redemption, as it was answered."""
        lines = [{"id": "1", "product_id": "p", "quantity": 1, "unit_minor": 9_000}]
        basket = {"currency": "VND", "order_id": f"o-{name}", "lines": lines}
        asked = {"customer": f"user_id:k-{name}", "basket": basket, "vouchers": [self.code]}
        answer = await self.post(http, "/redemptions", asked, f"t-{name}")
        assert answer.status_code == 201, answer.text
        self.answered["redeem 201"] += 1
        found: dict[str, Any] = answer.json()
        return found

    async def take_the_rest(self, left: int) -> None:
        """Redeem all that is left, and not one more."""
        async with self.client() as http:
            for number in range(left + 1):
                lines = [{"id": "1", "product_id": "p", "quantity": 1, "unit_minor": 9_000}]
                basket = {"currency": "VND", "order_id": f"o-rest-{number}", "lines": lines}
                asked = {"customer": f"user_id:k-rest-{number}", "basket": basket, "vouchers": [self.code]}
                answer = await self.post(http, "/redemptions", asked, f"rest-{number}")
                assert answer.status_code == (201 if number < left else 409), answer.text
                if number < left:
                    self.committed[f"o-rest-{number}"] = answer.json()["id"]

    async def undo(self, http: httpx.AsyncClient, chance: random.Random) -> None:
        standing = sorted(set(self.committed.values()) - self.undone)
        if not standing:
            return
        redemption = chance.choice(standing)
        self.undone.add(redemption)
        undone = await self.post(http, f"/redemptions/{redemption}/rollbacks", {"reason": "x"}, f"b-{redemption}")
        self.answered[f"roll back {undone.status_code}"] += 1


async def test_killed_at_the_till(shop: Installation, seed: int):
    process = shop.process()
    await process.start()
    tills = Tills(shop, process)
    campaign = await tills.offer()
    chance = random.Random(seed)
    async with asyncio.TaskGroup() as group:
        for till in range(TILLS):
            group.create_task(tills.run(till, random.Random(seed + till)))
        for _ in range(KILLS):
            served = tills.answered.total()
            await until(lambda served=served: _served(tills, served + 25), "tills go on")
            await asyncio.sleep(chance.random() / 2)
            process.kill()
            await process.start()
        tills.is_over = True

    # What tills left behind is free for whoever comes, whether or not a sweeper was there yet.
    await asyncio.sleep(2.1)
    await tills.take_the_rest(LIMIT - len(tills.committed) + len(tills.undone))
    await ending(shop).expire_due()

    print(f"{KILLS} kills, {tills.broken} requests without an answer, {dict(tills.answered)}")
    assert tills.broken > 0, "no kill hit anything"
    assert {each.name: list(await shop.rows("loyalty", each.sql)) for each in CHECKS} == {
        each.name: [] for each in CHECKS
    }
    stored = await shop.rows("loyalty", "SELECT id, order_id FROM redemptions")
    assert {row.order_id: str(row.id) for row in stored} == tills.committed
    assert len(stored) == len(tills.committed)
    used = len(tills.committed) - len(tills.undone)
    counters = await shop.rows(
        "loyalty", "SELECT redeemed, reserved, spent_minor FROM campaigns WHERE id = :id", id=campaign
    )
    assert tuple(counters[0]) == (used, 0, used * 1_000)
    rolled = await shop.rows("loyalty", "SELECT redemption_id FROM rollbacks")
    assert sorted(str(row.redemption_id) for row in rolled) == sorted(tills.undone)


async def test_killed_while_many_redeem_together(shop: Installation, seed: int):
    """A batch is there wholly or not at all, and whoever asks again gets the answer that was given."""
    process = shop.process()
    await process.start()
    tills = Tills(shop, process)
    campaign = await tills.offer(10**6)
    chance, told = random.Random(seed), dict[str, dict[str, Any]]()

    async def till(number: int) -> None:
        async with tills.client() as http:
            for turn in count():
                if tills.is_over:
                    break
                told[f"{number}-{turn}"] = await tills.redeem(http, f"{number}-{turn}")

    async with asyncio.TaskGroup() as group:
        for number in range(24):
            group.create_task(till(number))
        for _ in range(KILLS):
            served = tills.answered.total()
            await until(lambda served=served: _served(tills, served + 25), "tills go on")
            await asyncio.sleep(chance.random() / 10)
            process.kill()
            await process.start()
        tills.is_over = True

    async with tills.client() as http:
        again = {name: await tills.redeem(http, name) for name in chance.sample(sorted(told), 40)}
    print(f"{KILLS} kills, {tills.broken} requests without an answer, {dict(tills.answered)}")
    assert tills.broken > 0, "no kill hit anything"
    assert again == {name: told[name] for name in again}
    assert {each.name: list(await shop.rows("loyalty", each.sql)) for each in CHECKS} == {
        each.name: [] for each in CHECKS
    }
    stored = await shop.rows("loyalty", "SELECT id, order_id FROM redemptions")
    assert {str(row.id): row.order_id for row in stored} == {each["id"]: each["order_id"] for each in told.values()}
    assert len(stored) == len(told)
    # Those of one batch were made at one moment.
    together = await shop.rows("loyalty", "SELECT count(*) AS n FROM redemptions GROUP BY created_at ORDER BY 1 DESC")
    assert together[0].n > 1, "nobody was taken together with others"
    counters = await shop.rows("loyalty", "SELECT redeemed, spent_minor FROM campaigns WHERE id = :id", id=campaign)
    assert tuple(counters[0]) == (len(told), len(told) * 1_000)


async def test_killed_while_a_household_pays_beside_a_promotion(shop: Installation, seed: int):
    """No point is lost or spent twice, whosever of the household it is, and no dong of the promotion's budget."""
    process = shop.process()
    await process.start()
    tills = Tills(shop, process)
    await tills.share(2_000)
    chance = random.Random(seed)

    async def till(number: int) -> None:
        of = random.Random(seed + number)
        async with tills.client() as http:
            for turn in count():
                if tills.is_over:
                    break
                await tills.spend_of_pool(http, f"{number}-{turn}", ("an", "binh")[number % 2], of)

    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(till(number))
        for _ in range(KILLS):
            served = tills.answered.total()
            await until(lambda served=served: _served(tills, served + 15), "tills go on", patience_seconds=90)
            await asyncio.sleep(chance.random() / 3)
            process.kill()
            await process.start()
        tills.is_over = True
    await asyncio.sleep(2.1)
    await ending(shop).expire_due()

    print(f"{KILLS} kills, {tills.broken} requests without an answer, {dict(tills.answered)}")
    assert tills.broken > 0, "no kill hit anything"
    every = (*CHECKS, *POOL_CHECKS, *POINTS_CHECKS)
    assert {each.name: list(await shop.rows("loyalty", each.sql)) for each in every} == {
        each.name: [] for each in every
    }
    stored = await shop.rows("loyalty", "SELECT id, order_id FROM redemptions")
    assert {row.order_id: str(row.id) for row in stored} == tills.committed
    standing = len(tills.committed) - len(tills.undone)
    (left,) = await shop.rows(
        "loyalty", "SELECT CAST(sum(available) AS bigint) AS n, CAST(sum(held) AS bigint) AS held FROM wallets"
    )
    assert (left.n, left.held) == (4_000 - 3 * standing, 0)
    (given,) = await shop.rows("loyalty", "SELECT redeemed, reserved, spent_minor, reserved_minor FROM budget_counters")
    assert tuple(given) == (standing, 0, 500 * standing, 0)


def ending(shop: Installation) -> Ending:
    """The sweeper: the lease of a killed process keeps the others' waiting for a minute."""
    clock = SystemClock()
    db = Database(shop.database("loyalty").engine, schema="loyalty", outbox=OutboxWriter())
    return Ending(db, clock, Points(clock, Programs(db, clock, ZONE)))


async def _served(tills: Tills, number: int) -> bool:
    return tills.answered.total() >= number
