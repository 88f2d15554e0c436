"""What the tests of checkout play with: campaigns, codes, points, and a shop's till over HTTP."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

import httpx
from loyalty_world import follow

from services.loyalty.app import service as manifest
from services.loyalty.checkout.repository.checks import CHECKS
from services.loyalty.checkout.schemas import RedemptionIn
from services.loyalty.checkout.service import Checkout
from services.loyalty.checkout.service.lanes import Lane, Lanes
from services.loyalty.points.service import Credit
from services.loyalty.service import LoyaltyService
from shared.db.engine import Database
from shared.delivery.idempotency import Answer, Idempotent
from shared.errors import AppError
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event, EventData
from shared.identity import members
from shared.ids import user_key, uuid7
from shared.testing.platform import Running, running_platform
from shared.testing.postgres import fresh_database

_numbers = count(1)


def basket(total: int = 1_000_000, *, order_id: str | None = None, **more: Any) -> dict[str, Any]:
    """Two lines of dong: three fifths and two fifths of `total`."""
    first = total * 3 // 5
    lines = [
        {"id": "1", "product_id": "ao-dai", "quantity": 1, "unit_minor": first, "categories": ["clothes"]},
        {"id": "2", "product_id": "ca-phe", "quantity": 1, "unit_minor": total - first, "categories": ["food"]},
    ]
    return {"currency": "VND", "lines": lines, "order_id": order_id, **more}


@dataclass
class Till:
    """A shop's till."""

    running: Running

    @property
    def http(self) -> httpx.AsyncClient:
        return self.running.crm

    @property
    def loyalty(self) -> LoyaltyService:
        found: LoyaltyService = self.running.platform.app.state.services["loyalty"]
        return found

    @property
    def db(self) -> Database:
        return self.loyalty.db

    async def post(self, path: str, body: Any, status: int | None = None, *, key: str | None = None) -> Any:
        """The answer's JSON; `status` is what it must be."""
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = await self.http.post(f"/v1/loyalty{path}", json=body, headers=headers)
        assert status is None or answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str, status: int = 200, **params: Any) -> Any:
        answer = await self.http.get(f"/v1/loyalty{path}", params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def campaign(
        self,
        benefit: dict[str, Any] | None = None,
        *,
        shared: bool = True,
        limits: dict[str, Any] | None = None,
        **terms: Any,
    ) -> UUID:
        """An active campaign of dong."""
        body = {
            "name": f"Khuyến mãi {next(_numbers)}",
            "codes": "shared" if shared else "unique",
            "currency": "VND",
            "terms": {"benefit": benefit or {"type": "fixed", "amount_minor": 100_000}, **terms},
            **(limits or {}),
        }
        made = await self.post("/campaigns", body, 201)
        await self.post(f"/campaigns/{made['id']}/state", {"state": "active"}, 200)
        return UUID(made["id"])

    async def code(self, campaign: UUID, *, uses: int | None = None) -> str:
        """A code of it that everybody may know."""
        text = f"TET{next(_numbers)}HOI"
        await self.post(f"/campaigns/{campaign}/shared-codes", {"code": text, "max_uses": uses}, 201)
        return text

    async def secret_code(self, campaign: UUID, *, value: int | None = None, uses: int | None = None) -> str:
        """A code of its own."""
        text = f"QUATANG{next(_numbers):05d}"
        imported = {"code": text, "value_minor": value, "max_uses": uses}
        done = await self.post(f"/campaigns/{campaign}/imports", {"codes": [imported]})
        assert done["imported"] == 1, done
        return text

    async def offer(self, benefit: dict[str, Any] | None = None, **more: Any) -> tuple[UUID, str]:
        """A campaign and its code."""
        campaign = await self.campaign(benefit, **more)
        return campaign, await self.code(campaign)

    async def give_points(self, customer: str, points: int) -> None:
        """Points that count at once."""
        async with self.db.write() as tx:
            now = self.loyalty.clock.now()
            credit = Credit(user_key(customer), "points", points, "earned", f"test:{uuid7()}", now)
            await self.loyalty.points.credit(tx, credit)

    async def points(self, customer: str) -> int:
        """What they can spend."""
        async with self.db.read() as tx:
            member = await members.find(tx, user_key(customer))
            return (await self.loyalty.points.balance(tx, member, "points")).available

    async def let_points_pay(self) -> None:
        """One point is worth 100 dong, pays half of an order at most, and never fewer than 10 points."""
        pays = {"currency": "VND", "points": 1, "minor": 100, "share_basis_points": 5_000, "minimum_points": 10}
        body = {"zone": "Asia/Ho_Chi_Minh", "wallets": {"points": {"pays": [pays]}}}
        made = await self.post("/program/versions", body, 201)
        await self.post(f"/program/versions/{made['version']}/activate", {}, 200)

    async def lapse(self, reservation: str) -> None:
        """Its time is over, as the clock of the database sees it."""
        async with self.db.write() as tx:
            await tx.execute(
                "UPDATE reservations SET created_at = created_at - interval '1 day', "
                "expires_at = clock_timestamp() - interval '1 second' WHERE id = :id",
                {"id": UUID(reservation)},
            )
            await tx.execute(
                "UPDATE holds SET expires_at = clock_timestamp() - interval '1 second' WHERE id = :id",
                {"id": UUID(reservation)},
            )

    async def hear(self, *facts: EventData, at: datetime | None = None) -> None:
        """Facts about orders, as the consumer takes them."""
        now = at or self.loyalty.clock.now()
        subscription = next(each for each in manifest.subscriptions if each.group == "loyalty.checkout")
        async with self.db.write() as tx:
            events = [Event(uuid7(), user_key("anybody"), now, now, fact) for fact in facts]
            await subscription.handler(self.loyalty, tx, events)

    async def merge(self, from_id: UUID, into_id: UUID) -> None:
        """`from_id` is `into_id` from now on."""
        said = CustomerMerged(from_id=from_id, into_id=into_id, version=next(_numbers), reason="manual")
        await self._regroup(from_id, said)

    async def unmerge(self, from_id: UUID, into_id: UUID) -> None:
        """They are two again."""
        said = CustomerUnmerged(from_id=from_id, into_id=into_id, version=next(_numbers), reason="manual")
        await self._regroup(from_id, said)

    async def _regroup(self, subject: UUID, said: CustomerMerged | CustomerUnmerged) -> None:
        now = self.loyalty.clock.now()
        async with self.db.write() as tx:
            await follow(self.loyalty, tx, Event(uuid7(), subject, now, now, said))

    async def fingerprint(self) -> dict[str, str]:
        """A digest of every row of every table of loyalty, but the throttle's: codes that are none count there."""
        tables = await self.rows(
            "SELECT tablename FROM pg_tables "
            "WHERE schemaname = 'loyalty' AND tablename <> 'throttle_buckets' ORDER BY 1"
        )
        return {
            name: await self.value(
                f"SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {name} AS t"
            )
            for (name,) in tables
        }

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        async with self.db.read() as tx:
            return list(await tx.execute(sql, values))

    async def value(self, sql: str, **values: Any) -> Any:
        return (await self.rows(sql, **values))[0][0]

    async def counters(self, campaign: UUID) -> tuple[int, int, int, int]:
        """Redeemed, reserved, spent, held."""
        found = await self.rows(
            "SELECT redeemed, reserved, spent_minor, reserved_minor FROM campaigns WHERE id = :id", id=campaign
        )
        return tuple(found[0])  # type: ignore[return-value]

    async def violations(self) -> dict[str, list[str]]:
        """What breaks an invariant of checkout."""
        found = {}
        async with self.db.read() as tx:
            for check in CHECKS:
                if what := [row.what for row in await tx.execute(check.sql)]:
                    found[check.name] = what
        return found


def ask(customer: str, *codes: str, total: int = 1_000_000, order_id: str | None = None, **more: Any) -> dict[str, Any]:
    """A reservation or a redemption."""
    return {
        "customer": f"user_id:{customer}",
        "basket": basket(total, order_id=order_id),
        "vouchers": list(codes),
        **more,
    }


@asynccontextmanager
async def open_till(pg_url: str) -> AsyncIterator[Till]:
    """A till on a platform of its own, for the tests of a file: each takes people and campaigns of its own."""
    # Without workers: no job comes by to end what has run out.
    async with fresh_database(pg_url) as url, running_platform(url, [manifest], role="api") as platform:
        till = Till(platform)
        await till.let_points_pay()
        yield till


@asynccontextmanager
async def crowd(till: Till) -> AsyncIterator[tuple[Checkout, list[int]]]:
    """A checkout with lanes of its own; the sizes of what it takes together."""
    sizes: list[int] = []
    lanes = Lanes(takes=_Watched(sizes), looks=_Watched(sizes))
    yield replace(till.loyalty.checkout, lanes=lanes), sizes


class _Watched(Lane[Any, Any]):
    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self._sizes = sizes

    async def ask(self, asked: Any, together: Any) -> Any:
        async def watched(several: Sequence[Any]) -> Any:
            self._sizes.append(len(several))
            return await together(several)

        return await super().ask(asked, watched)


async def redeem(checkout: Checkout, body: dict[str, Any], key: str | None = None) -> Any:
    """Its JSON, or the refusal."""
    idem = None if key is None else Idempotent(key, key.encode().ljust(32, b".") + str(body).encode())
    person = user_key(body["customer"].removeprefix("user_id:"))
    try:
        answer = await checkout.redeeming.redeem(person, RedemptionIn.model_validate(body), by="test", idem=idem)
    except AppError as refusal:
        return refusal
    return answer


def codes(found: Sequence[Any]) -> Counter[str]:
    """What became of each: `redeemed`, or the code of the refusal."""
    return Counter("redeemed" if isinstance(each, Answer) else each.code for each in found)
