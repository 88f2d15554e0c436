"""What the touchpoints service announces.

`TouchpointReceived` and `TouchpointRejected` are the raw, short-lived input and may hold personal data;
all others hold customer ids and facts only, and are kept.
Money is in minor units of `currency` (ISO 4217). An order is known by its `order_id`, unique within the firm.
Facts may come late, twice and in any order: a consumer folds them by `order_id`, event time and event id.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from shared.events.envelope import EventData
from shared.events.topics import INGEST, INGEST_REJECTED, ORDERS, SUBSCRIPTIONS, TOUCHPOINTS

CallType = Literal["track", "identify", "page", "screen", "group", "alias"]


class TouchpointReceived(EventData, type="tam.touchpoints.received.v1", topic=INGEST):
    """An accepted call, as sent. The envelope's id is derived from (source, message_id), its time is skew-corrected.

    `clock` says what became of the stated time: kept, corrected for the device's clock, or, being in the future, set
    to when it was received. An amount without a currency was given the firm's.
    """

    source: str
    message_id: str
    call: CallType
    name: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None
    group_id: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    traits: dict[str, Any] = Field(default_factory=dict)
    context: dict[str, Any] = Field(default_factory=dict)
    original_time: datetime
    sent_at: datetime | None = None
    clock: Literal["as_sent", "corrected", "clamped"] = "as_sent"


class TouchpointRejected(EventData, type="tam.touchpoints.rejected.v1", topic=INGEST_REJECTED):
    """An event refused at the door: `raw` is what was sent, cut to 32 KB."""

    source: str
    message_id: str | None = None
    code: str
    message: str
    raw: str


class TouchpointRecorded(EventData, type="tam.touchpoints.touchpoint_recorded.v1", topic=TOUCHPOINTS):
    """Emitted once for each touchpoint stored. `properties` are the known commerce fields, no free text."""

    source: str
    call: CallType
    name: str
    properties: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line of an order, as far as the shop said it; `unit_minor` is the price of one, before discounts on the order.

    Ids and words only: no title, no description, nothing that somebody may have typed.
    """

    product_id: str | None = None
    sku: str | None = None
    category: str | None = None
    quantity: int = 1
    unit_minor: int | None = None


class OrderPlaced(EventData, type="tam.touchpoints.order_placed.v1", topic=ORDERS):
    """An order was completed. `total_minor` is what the customer pays: after discounts, with tax and shipping.

    `lines` are what was bought; None: nobody said. Of an order with more than a thousand lines the first thousand.
    """

    order_id: str
    total_minor: int
    currency: str
    source: str
    coupon: str | None = None
    items: int | None = None
    lines: tuple[OrderLine, ...] | None = None
    shipping_minor: int | None = None
    tax_minor: int | None = None


class OrderChanged(EventData, type="tam.touchpoints.order_changed.v1", topic=ORDERS):
    """An order's total was corrected; the latest of all totals by event time holds.

    What it holds is that of the latest fact that states `lines`.
    """

    order_id: str
    total_minor: int
    currency: str
    source: str
    lines: tuple[OrderLine, ...] | None = None
    shipping_minor: int | None = None
    tax_minor: int | None = None


class OrderRefunded(EventData, type="tam.touchpoints.order_refunded.v1", topic=ORDERS):
    """Money went back. `amount_minor` None means all that is left of the order. A `refund_id` counts once."""

    order_id: str
    refund_id: str
    amount_minor: int | None = None
    currency: str | None = None
    source: str


class OrderCancelled(EventData, type="tam.touchpoints.order_cancelled.v1", topic=ORDERS):
    """The order never was: it counts on no day. Final."""

    order_id: str
    source: str


class _Subscription(EventData, type="tam.touchpoints.subscription.v1", topic=SUBSCRIPTIONS):
    """What it brings is `mrr_minor` a month, or `price_minor` × `quantity` every `interval_count` intervals."""

    subscription_id: str
    source: str
    plan_id: str | None = None
    plan_name: str | None = None
    mrr_minor: int | None = None
    currency: str | None = None
    interval: str | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    price_minor: int | None = None
    quantity: int | None = None
    interval_count: int | None = None
    trial_ends_at: datetime | None = None


class SubscriptionStarted(_Subscription, type="tam.touchpoints.subscription_started.v1", topic=SUBSCRIPTIONS):
    """A subscription began; until `trial_ends_at` nothing is paid."""


class SubscriptionRenewed(_Subscription, type="tam.touchpoints.subscription_renewed.v1", topic=SUBSCRIPTIONS):
    """A further period was paid."""


class SubscriptionChanged(_Subscription, type="tam.touchpoints.subscription_changed.v1", topic=SUBSCRIPTIONS):
    """Plan or price changed; `direction` says which way where the shop said it."""

    direction: Literal["upgrade", "downgrade"] | None = None


class SubscriptionPaused(_Subscription, type="tam.touchpoints.subscription_paused.v1", topic=SUBSCRIPTIONS):
    """Paused: no revenue until it resumes."""


class SubscriptionResumed(_Subscription, type="tam.touchpoints.subscription_resumed.v1", topic=SUBSCRIPTIONS):
    """Running again after a pause."""


class SubscriptionPaymentFailed(
    _Subscription, type="tam.touchpoints.subscription_payment_failed.v1", topic=SUBSCRIPTIONS
):
    """A payment was refused: the beginning of involuntary churn, unless it is mended."""


class SubscriptionCancelled(_Subscription, type="tam.touchpoints.subscription_cancelled.v1", topic=SUBSCRIPTIONS):
    """Cancelled at `time`; service may run on to `ends_at`."""

    cancel_reason: str | None = None
    is_voluntary: bool | None = None
    ends_at: datetime | None = None


PUBLISHES: tuple[type[EventData], ...] = (
    TouchpointReceived,
    TouchpointRejected,
    TouchpointRecorded,
    OrderPlaced,
    OrderChanged,
    OrderRefunded,
    OrderCancelled,
    SubscriptionStarted,
    SubscriptionRenewed,
    SubscriptionChanged,
    SubscriptionPaused,
    SubscriptionResumed,
    SubscriptionPaymentFailed,
    SubscriptionCancelled,
)
