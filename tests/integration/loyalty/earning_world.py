"""What the tests of earning and tiers play with: orders as facts, rules and tracks, and what people have by them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from loyalty_world import NOW, LoyaltyWorld

from services.loyalty.app import service as manifest
from services.loyalty.earning.schemas.rules import RuleChangeIn, RuleIn
from services.loyalty.tiers.schemas import TrackIn
from shared.events.catalogue.profiles import SegmentEntered, SegmentLeft
from shared.events.catalogue.touchpoints import (
    OrderCancelled,
    OrderChanged,
    OrderLine,
    OrderPlaced,
    OrderRefunded,
    TouchpointRecorded,
)
from shared.events.envelope import Event, EventData
from shared.ids import user_key, uuid7

# A Monday morning in Việt Nam.
DAY = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
PER_10K = {
    "trigger": {"on": "order"},
    "effect": {"kind": "per_amount", "points": 1, "per_minor": 10_000, "currency": "VND"},
}


def key(person: str | UUID) -> UUID:
    return user_key(person) if isinstance(person, str) else person


def event(data: EventData, person: str | UUID, at: datetime) -> Event[Any]:
    return Event(uuid7(), key(person), at, at, data)


def placed(order: str, person: str | UUID, total: int, *, at: datetime = DAY, **more: Any) -> Event[Any]:
    data = OrderPlaced(order_id=order, total_minor=total, **{"currency": "VND", "source": "web", **more})
    return event(data, person, at)


def changed(order: str, person: str | UUID, total: int, *, at: datetime, **more: Any) -> Event[Any]:
    return event(OrderChanged(order_id=order, total_minor=total, currency="VND", source="web", **more), person, at)


def refunded(
    order: str, person: str | UUID, amount: int | None = None, *, refund: str = "r1", at: datetime = DAY
) -> Event[Any]:
    data = OrderRefunded(
        order_id=order,
        refund_id=refund,
        amount_minor=amount,
        currency=None if amount is None else "VND",
        source="web",
    )
    return event(data, person, at + timedelta(hours=1))


def cancelled(order: str, person: str | UUID, *, at: datetime = DAY) -> Event[Any]:
    return event(OrderCancelled(order_id=order, source="web"), person, at + timedelta(hours=1))


def touched(name: str, person: str | UUID, *, at: datetime = DAY, **properties: Any) -> Event[Any]:
    return event(TouchpointRecorded(source="web", call="track", name=name, properties=properties), person, at)


def entered(segment: UUID, person: str | UUID, at: datetime) -> Event[Any]:
    return event(SegmentEntered(segment_id=segment, segment_version=1, cause="fact"), person, at)


def left(segment: UUID, person: str | UUID, at: datetime) -> Event[Any]:
    return event(SegmentLeft(segment_id=segment, segment_version=1, cause="fact"), person, at)


def line(product: str, category: str, quantity: int, unit: int) -> OrderLine:
    return OrderLine(product, None, category, quantity, unit)


@dataclass
class EarningWorld:
    """Loyalty with rules, at some moment."""

    world: LoyaltyWorld

    async def rule(self, rule: dict[str, Any], *, name: str = "rule", since: datetime | None = None) -> UUID:
        """An active rule that holds from the beginning of time, or from a moment on."""
        body = RuleIn.model_validate(
            {
                "name": name,
                "state": "active",
                "rule": rule,
                "effective_from": (since or datetime(2020, 1, 1, tzinfo=UTC)).isoformat(),
                "retroactive": True,
            }
        )
        answer = await self.world.service.earning_rules.create(body, by="test", idem=None)
        await self.settle()
        return UUID(orjson.loads(answer.body)["id"])

    async def change(
        self, rule_id: UUID, rule: dict[str, Any], *, since: datetime, state: str = "active", name: str = "rule"
    ) -> None:
        """Another version of a rule."""
        version = (await self.world.service.earning_rules.get(rule_id)).version
        body = RuleChangeIn.model_validate(
            {
                "version": version,
                "name": name,
                "state": state,
                "rule": rule,
                "effective_from": since.isoformat(),
                "retroactive": True,
            }
        )
        await self.world.service.earning_rules.change(rule_id, body, by="test", idem=None)
        await self.settle()

    async def track(
        self,
        track: dict[str, Any],
        *,
        key: str = "main",
        version: int = 0,
        since: datetime | None = None,
        accept: int = 0,
    ) -> None:
        """A tier track that holds from the beginning of time, or from a moment on."""
        body = TrackIn.model_validate(
            {
                "track": track,
                "version": version,
                "effective_from": (since or datetime(2020, 1, 1, tzinfo=UTC)).isoformat(),
                "accept_downgrades": accept,
            }
        )
        await self.world.service.tracks.put(key, body, by="test", idem=None)
        await self.settle()

    async def settle(self) -> None:
        """Whoever waits to be looked at again is."""
        while await self.world.service.earning.look_again_at_queued():
            pass

    async def hear(self, *events: Event[Any]) -> None:
        """Facts come, each by its own consumer, in batches of one partition."""
        for subscription in manifest.subscriptions:
            ours = [each for each in events if isinstance(each.data, subscription.events)]
            if ours and subscription.group in GROUPS:
                async with self.world.db.write() as tx:
                    await subscription.handler(self.world.service, tx, ours)

    async def points(self, person: str | UUID, wallet: str = "points") -> int:
        """What somebody has earned as things stand, pending or not, less what they owe."""
        member = await self.world.member(key(person))
        async with self.world.db.read() as tx:
            balance = await self.world.service.points.balance(tx, member, wallet)
        return balance.available + balance.pending - balance.debt

    async def levels(self, person: str | UUID) -> dict[str, str]:
        """The levels that are stored of somebody."""
        member = await self.world.member(key(person))
        rows = await self.world.rows(
            "SELECT track, level FROM tier_states WHERE person = :root AND level IS NOT NULL", root=member.root
        )
        return {row.track: row.level for row in rows}

    async def differences(self) -> Sequence[Any]:
        """Of whom other tiers are stored than their facts say."""
        await self.world.service.tracks.check()
        return await self.world.rows("SELECT person, track, stored, recomputed FROM tier_differences")


async def emptied(world: LoyaltyWorld) -> EarningWorld:
    """The same database, as if it were new: past the triggers that keep the ledger."""
    world.clock.time = NOW
    async with world.db.write() as tx:
        tables = await tx.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT LIKE 'alembic%'"
        )
        names = ", ".join(f'"{name}"' for name in tables.scalars())
        await tx.execute("SET LOCAL session_replication_role = replica")
        await tx.execute(f"TRUNCATE {names}")
    return EarningWorld(world)


GROUPS = ("loyalty.orders", "loyalty.touchpoints", "loyalty.segments", "loyalty.customers")
