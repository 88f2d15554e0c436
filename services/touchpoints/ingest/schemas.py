"""The typed endpoint's events: strict, so that a typing error is an answer and not a hole in the figures.

Unknown fields are refused, times need an offset, and what an order or a subscription event says is typed. A valid
event is then read by the same rules as one from an SDK (`domain/calls.py`), so both end the same.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StrictFloat, StrictInt, StringConstraints, TypeAdapter, ValidationError

from services.touchpoints.domain import names
from services.touchpoints.domain.calls import MAX_MESSAGE_ID, Accepted, Delivery, accept, measure
from services.touchpoints.domain.commerce import MAX_ID
from services.touchpoints.domain.refusal import Refusal
from shared.http.schemas import Instant, Strict
from shared.ids import derived_id
from shared.money import MoneyError, currency_code, parse

Id = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(max_length=2_000)]
Amount = Annotated[
    StrictInt | StrictFloat | Annotated[str, StringConstraints(pattern=r"^\d{1,16}(\.\d{1,4})?$", strict=True)],
    Field(union_mode="left_to_right", description="Major units: 19.99, or exactly as a string: '19.99'."),
]
Quantity = Annotated[int | float, Field(ge=0, le=1_000_000)]


class Product(Strict):
    """A line of an order."""

    product_id: Id | None = None
    sku: Id | None = None
    category: Text | None = None
    name: Text | None = None
    brand: Text | None = None
    variant: Text | None = None
    price: Amount | None = None
    quantity: Quantity | None = None
    coupon: Id | None = None
    discount: Amount | None = None
    position: int | None = None
    url: Text | None = None
    image_url: Text | None = None


class _Money(Strict):
    currency: str | None = Field(None, description="ISO 4217; none: the firm's (`TAM_CURRENCY`).")


class _Order(_Money):
    order_id: Id
    checkout_id: Id | None = None
    affiliation: Text | None = None
    subtotal: Amount | None = None
    revenue: Amount | None = None
    shipping: Amount | None = None
    tax: Amount | None = None
    discount: Amount | None = None
    coupon: Id | None = None
    payment_method: Text | None = None
    shipping_method: Text | None = None
    products: list[Product] | None = None


class OrderTotal(_Order):
    """Order Completed and Order Updated: `total` is what the customer pays, discounts, tax and shipping included."""

    total: Amount


class OrderRefund(_Order):
    """Order Refunded: without `refund_amount` all that is left went back."""

    refund_id: Id | None = None
    refund_amount: Amount | None = None
    total: Amount | None = None
    reason: Text | None = None


class OrderCancellation(_Order):
    """Order Cancelled."""

    total: Amount | None = None
    reason: Text | None = None


class Subscription(_Money):
    """The subscription events; `mrr` is what it brings in a month, or `price` times `quantity` in each interval."""

    subscription_id: Id
    plan_id: Id | None = None
    plan_name: Text | None = None
    mrr: Amount | None = None
    price: Amount | None = Field(None, description="Of one piece for one interval; `mrr`, where stated, goes before.")
    quantity: Annotated[StrictInt, Field(ge=1, le=1_000_000)] | None = None
    interval: Annotated[str, StringConstraints(min_length=1, max_length=32)] | None = Field(
        None, description="day, week, month, quarter, year, or ISO 8601 such as P2W."
    )
    interval_count: Annotated[StrictInt, Field(ge=1, le=1_000)] | None = None
    period_start: Instant | None = None
    period_end: Instant | None = None
    trial_ends_at: Instant | None = Field(None, description="Until then nothing is paid.")


class SubscriptionEnd(Subscription):
    """Subscription Cancelled; service may run on to `ends_at`."""

    cancel_reason: Annotated[str, StringConstraints(max_length=64)] | None = None
    is_voluntary: bool | None = None
    ends_at: Instant | None = None


class _Event(Strict):
    message_id: Annotated[str, StringConstraints(min_length=1, max_length=MAX_MESSAGE_ID)] | None = Field(
        None, description="The event's own id: sent again, it counts once."
    )
    user_id: Id | None = None
    anonymous_id: Id | None = None
    time: Instant | None = Field(None, description="When it happened; none: when we got it.")
    context: dict[str, Any] = Field(default_factory=dict)


class Track(_Event):
    """Something a customer did."""

    type: Literal["track"]
    event: Id = Field(description="What happened, best a name of the e-commerce vocabulary: `Order Completed`.")
    properties: dict[str, Any] = Field(default_factory=dict)


class View(_Event):
    """A page or a screen was seen."""

    type: Literal["page", "screen"]
    name: Id | None = None
    properties: dict[str, Any] = Field(default_factory=dict)


class Identify(_Event):
    """Who a person is."""

    type: Literal["identify"]
    traits: dict[str, Any] = Field(default_factory=dict)


class Group(_Event):
    """Which group a person is in."""

    type: Literal["group"]
    group_id: Id
    traits: dict[str, Any] = Field(default_factory=dict)


class Alias(_Event):
    """`previous_id` and `user_id` are one person."""

    type: Literal["alias"]
    previous_id: Id


NativeEvent = Annotated[Track | View | Identify | Group | Alias, Field(discriminator="type")]

_ADAPTER: TypeAdapter[Track | View | Identify | Group | Alias] = TypeAdapter(NativeEvent)
PROPERTIES: Mapping[str, type[_Money]] = {
    names.ORDER_COMPLETED: OrderTotal,
    names.ORDER_UPDATED: OrderTotal,
    names.ORDER_REFUNDED: OrderRefund,
    names.ORDER_CANCELLED: OrderCancellation,
    names.SUBSCRIPTION_STARTED: Subscription,
    names.SUBSCRIPTION_RENEWED: Subscription,
    names.SUBSCRIPTION_UPGRADED: Subscription,
    names.SUBSCRIPTION_DOWNGRADED: Subscription,
    names.SUBSCRIPTION_CHANGED: Subscription,
    names.SUBSCRIPTION_PAUSED: Subscription,
    names.SUBSCRIPTION_RESUMED: Subscription,
    names.SUBSCRIPTION_PAYMENT_FAILED: Subscription,
    names.SUBSCRIPTION_CANCELLED: SubscriptionEnd,
}
_AMOUNTS = ("total", "subtotal", "revenue", "shipping", "tax", "discount", "refund_amount", "mrr", "price")
_WIRE = {
    "message_id": "messageId",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "group_id": "groupId",
    "previous_id": "previousId",
    "time": "timestamp",
}


def accept_native(event: object, index: int, delivery: Delivery, *, message_base: str | None) -> Accepted:
    """Read one typed event.

    Raises:
        Refusal: `unknown_field`, `missing_field`, `naive_time`, `impossible_amount`, …
    """
    if delivery.is_large:
        measure(event)
    try:
        typed = _ADAPTER.validate_python(event)
        if isinstance(typed, Track):
            _check_commerce(typed, delivery.currency)
    except ValidationError as error:
        raise _refusal(error) from None
    except MoneyError as error:
        raise Refusal(error.code, str(error)) from None
    said = typed.model_dump(mode="json", exclude_none=True)
    call = {_WIRE.get(name, name): value for name, value in said.items()}
    if message_base is not None and typed.message_id is None:
        call["messageId"] = str(derived_id("message", message_base, str(index)))
    return accept(call, typed.type, delivery)


def _check_commerce(track: Track, firm_currency: str | None) -> None:
    """Refuse what an order or subscription event may not say."""
    model = PROPERTIES.get(names.canonical(track.event))
    if model is None:
        return
    try:
        typed = model.model_validate(track.properties)
    except ValidationError as error:
        raise _refusal(error, "properties.") from None
    said = typed.model_dump(exclude_none=True)
    lines: list[dict[str, Any]] = [said, *said.get("products", ())]
    amounts = [line[name] for line in lines for name in _AMOUNTS if name in line]
    if not amounts:
        return
    if typed.currency is None and firm_currency is None:
        raise Refusal("no_currency", "The event has an amount and no currency, and the firm has set none.")
    currency = currency_code(typed.currency or firm_currency)
    for amount in amounts:
        parse(amount, currency, exact=True)


_CODES = {
    "extra_forbidden": "unknown_field",
    "missing": "missing_field",
    "timezone_aware": "naive_time",
    "rfc_3339": "bad_time",
    "datetime_from_date_parsing": "bad_time",
    "nul_character": "nul_character",
    "union_tag_invalid": "unknown_type",
    "union_tag_not_found": "unknown_type",
    "model_attributes_type": "not_an_object",
    "too_deep": "not_storable",
}


def _refusal(error: ValidationError, inside: str = "") -> Refusal:
    """The first thing that is wrong, by its place and a code; never the value that was sent."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = [str(each) for each in first["loc"] if each not in _TAGS]
    name = place[-1][:40] if place else "event"
    code = _CODES.get(first["type"])
    where = inside + ".".join(each[:40] for each in place)
    if code is None and (wrong := [each for each in place if each in _AMOUNTS]):
        return Refusal("impossible_amount", f"{inside}{wrong[0]}: Input should be a number, or a text such as '19.99'.")
    if code is None:
        code = f"{name}_too_long" if first["type"] == "string_too_long" else "bad_field"
    if code == "unknown_type":
        return Refusal(code, f"The event's type is none of {', '.join(_TAGS)}.")
    return Refusal(code, f"{where or 'event'}: {first['msg'].replace(chr(0), '')[:200]}.")


_TAGS = ("alias", "group", "identify", "page", "screen", "track")
