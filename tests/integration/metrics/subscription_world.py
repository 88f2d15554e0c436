"""What the tests of subscriptions play with: facts with defaults, and days that can be read."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from metrics_world import World, fact

from services.metrics.gap.consumers import take_voices
from services.metrics.ledger.consumers import follow_identity
from shared.events.catalogue import touchpoints as facts
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event, EventData

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def on(day: str | date, hour: int = 12) -> datetime:
    """An hour of a local day of the firm."""
    day = date.fromisoformat(day) if isinstance(day, str) else day
    return datetime(day.year, day.month, day.day, tzinfo=ZONE) + timedelta(hours=hour)


def said(kind: type[EventData], subscription: str, customer: str | UUID, at: datetime, **fields: Any) -> Event[Any]:
    if any(name in fields for name in ("mrr_minor", "price_minor")):
        fields.setdefault("currency", "USD")
    return fact(kind(subscription_id=subscription, source="shop", **fields), customer, at)


def started(
    subscription: str, customer: str | UUID, at: datetime, mrr: int | None = 1_000, **fields: Any
) -> Event[Any]:
    priced = {} if mrr is None else {"mrr_minor": mrr}
    return said(facts.SubscriptionStarted, subscription, customer, at, **priced, **fields)


def changed(subscription: str, customer: str | UUID, at: datetime, **fields: Any) -> Event[Any]:
    return said(facts.SubscriptionChanged, subscription, customer, at, **fields)


def renewed(subscription: str, customer: str | UUID, at: datetime, **fields: Any) -> Event[Any]:
    return said(facts.SubscriptionRenewed, subscription, customer, at, **fields)


def paused(subscription: str, customer: str | UUID, at: datetime) -> Event[Any]:
    return said(facts.SubscriptionPaused, subscription, customer, at)


def resumed(subscription: str, customer: str | UUID, at: datetime) -> Event[Any]:
    return said(facts.SubscriptionResumed, subscription, customer, at)


def refused(subscription: str, customer: str | UUID, at: datetime) -> Event[Any]:
    return said(facts.SubscriptionPaymentFailed, subscription, customer, at)


def ended(subscription: str, customer: str | UUID, at: datetime, **fields: Any) -> Event[Any]:
    return said(facts.SubscriptionCancelled, subscription, customer, at, **fields)


async def deliver(world: World, events: Sequence[Event[Any]]) -> None:
    """Hand over one batch of one consumer, as the runner does."""
    async with world.db.write() as tx:
        if isinstance(events[0].data, CustomerMerged | CustomerUnmerged):
            await follow_identity(world.metrics, tx, events)
        else:
            await take_voices(world.metrics, tx, events)


def values(figures: Any) -> dict[str, Any]:
    """The values of figures by name."""
    return {name: each.value for name, each in figures.items()}
