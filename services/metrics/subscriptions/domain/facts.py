"""What is known of a subscription: its facts, in the order in which they happened."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, overload
from uuid import UUID

from services.metrics.subscriptions.domain.pricing import Terms
from shared.errors import Poison
from shared.events.catalogue import touchpoints as catalogue
from shared.events.envelope import Event, EventData
from shared.ids import read_uuid
from shared.money import EXPONENTS, MAX_MINOR

Kind = Literal["started", "renewed", "changed", "paused", "resumed", "payment_failed", "cancelled"]
Cause = Literal["voluntary", "involuntary", "unstated"]
SubscriptionFact = (
    catalogue.SubscriptionStarted
    | catalogue.SubscriptionRenewed
    | catalogue.SubscriptionChanged
    | catalogue.SubscriptionPaused
    | catalogue.SubscriptionResumed
    | catalogue.SubscriptionPaymentFailed
    | catalogue.SubscriptionCancelled
)
KINDS: Mapping[type[EventData], Kind] = {
    catalogue.SubscriptionStarted: "started",
    catalogue.SubscriptionRenewed: "renewed",
    catalogue.SubscriptionChanged: "changed",
    catalogue.SubscriptionPaused: "paused",
    catalogue.SubscriptionResumed: "resumed",
    catalogue.SubscriptionPaymentFailed: "payment_failed",
    catalogue.SubscriptionCancelled: "cancelled",
}
# As billing systems write that nobody chose to leave: Stripe, Chargebee, Recurly, Paddle and App Stores.
_INVOLUNTARY = (
    "payment_failed payment_failure failed_payment non_payment nonpayment unpaid not_paid past_due dunning "
    "card_expired expired_card no_card payment_disputed billing_error billing_retry_exhausted"
)
INVOLUNTARY = frozenset(_INVOLUNTARY.split())


class Fact(NamedTuple):
    """One thing that happened to a subscription. `terms` is what it said of the price; nothing was said: None."""

    at: datetime
    id: UUID
    kind: Kind
    customer: UUID
    terms: Terms
    period_end: datetime | None = None
    trial_ends_at: datetime | None = None
    ends_at: datetime | None = None
    cause: Cause = "unstated"


def fact_of(event: Event[SubscriptionFact]) -> Fact:
    """The fact an event states.

    Raises:
        Poison: an amount or a currency that cannot be money.
    """
    said = event.data
    mrr, price = said.mrr_minor, said.price_minor
    if (mrr is not None and not 0 <= mrr <= MAX_MINOR) or (price is not None and not 0 <= price <= MAX_MINOR):
        raise Poison("the amount is negative or too large to be money")
    has_amount = mrr is not None or price is not None
    if has_amount and said.currency not in EXPONENTS:
        raise Poison("the currency is no ISO 4217 code")
    terms = Terms(
        said.mrr_minor,
        said.price_minor,
        said.quantity,
        said.interval,
        said.interval_count,
        said.currency if has_amount else None,
    )
    if (terms.monthly_minor or 0) > MAX_MINOR:
        raise Poison("price and quantity together are too large to be money")
    end = said if type(said) is catalogue.SubscriptionCancelled else None
    return Fact(
        _utc(event.time),
        event.id,
        KINDS[type(said)],
        event.subject,
        terms,
        _utc(said.period_end),
        _utc(said.trial_ends_at),
        None if end is None else _utc(end.ends_at),
        "unstated" if end is None else _cause(end),
    )


@overload
def _utc(at: datetime) -> datetime: ...
@overload
def _utc(at: datetime | None) -> datetime | None: ...
def _utc(at: datetime | None) -> datetime | None:
    # One moment has one text, so that a rebuilt table equals the live one.
    if at is None or at.tzinfo is UTC:
        return at
    try:
        return at.astimezone(UTC)
    except (OverflowError, ValueError):
        raise Poison("a time lies beyond the first or the last year") from None


def _cause(said: catalogue.SubscriptionCancelled) -> Cause:
    if said.is_voluntary is not None:
        return "voluntary" if said.is_voluntary else "involuntary"
    reason = (said.cancel_reason or "").strip().lower().replace(" ", "_").replace("-", "_")
    return "involuntary" if reason in INVOLUNTARY else "voluntary" if reason else "unstated"


class Subscription(NamedTuple):
    """A subscription with all that is known of it, in the order of its facts: it belongs to whom the first names."""

    id: str
    facts: tuple[Fact, ...]

    @property
    def customer(self) -> UUID:
        """The person key it belongs to."""
        return self.facts[0].customer

    def with_facts(self, more: Iterable[Fact]) -> "Subscription":
        """The same with facts it may or may not know yet: each id counts once."""
        more = tuple(more)
        if len(more) == 1 and (not self.facts or _order(self.facts[-1]) < _order(more[0])):
            # Nearly all come in their order; what comes after all others is none of them.
            if all(each.id != more[0].id for each in self.facts):
                return Subscription(self.id, (*self.facts, *more))
            return self
        known = {each.id for each in self.facts}
        # Of an id that came twice the first counts.
        new = [each for each in {each.id: each for each in reversed(more)}.values() if each.id not in known]
        return Subscription(self.id, tuple(sorted((*self.facts, *new), key=_order))) if new else self

    def document(self) -> list[list[Any]]:
        """The facts as JSON values; of times their text in UTC, so that one history has one text."""
        return [
            [each.at, str(each.id), each.kind, str(each.customer), list(each.terms), *each[5:]] for each in self.facts
        ]

    @classmethod
    def of_document(cls, subscription_id: str, document: Sequence[Sequence[Any]]) -> "Subscription":
        """The inverse of `document`, after JSON."""
        return cls(subscription_id, tuple(map(_fact, document)))


def _order(fact: Fact) -> tuple[datetime, UUID]:
    return fact.at, fact.id


def _fact(row: Sequence[Any]) -> Fact:
    at, event_id, kind, customer, terms, period_end, trial_ends_at, ends_at, cause = row
    return Fact(
        datetime.fromisoformat(at),
        read_uuid(event_id),
        kind,
        read_uuid(customer),
        Terms(*terms),
        _moment(period_end),
        _moment(trial_ends_at),
        _moment(ends_at),
        cause,
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
