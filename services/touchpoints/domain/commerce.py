"""Money facts: what an order or subscription event says, in minor units.

Read twice by the same rules: at the door, so that a wrong amount is refused with a reason, and by the recorder, which
emits the fact. Amounts are major units on the wire, whatever their field:

* the total of an order is `total`, else `revenue`, else `value`; an event that states none places no order in the
  figures (it is a touchpoint, and the answer carries a warning);
* the amount of a refund is `refund_amount`, else `total`, `amount`, `value`, `revenue`; none means all that is left;
* an order without `order_id` is known by its `checkout_id`, else by its event's id, so that it counts once; a change,
  refund or cancellation without one refers to nothing and is refused;
* the lines of an order are its `products`, else `items`, each as far as it can be read: what is wrong with a line
  never refuses the order. They are read by the recorder alone.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from services.touchpoints.domain import names
from services.touchpoints.domain.privacy import plain_text
from services.touchpoints.domain.refusal import Refusal
from services.touchpoints.domain.times import event_time
from shared.events.catalogue import touchpoints as facts
from shared.events.envelope import EventData
from shared.money import MoneyError, currency_code, parse

MAX_ID = 255
MAX_ITEMS = 100_000
MAX_INTERVALS = 1_000
MAX_LINES = 5_000
# Of these many lines an order tells what they hold; a call of 32 KB has room for a third of them.
MAX_TOLD_LINES = 1_000

Properties = Mapping[str, Any]


class Statement(NamedTuple):
    """What an event is read from: its canonical name, its properties, and whose it is."""

    name: str
    properties: Properties
    event_id: str
    source: str


class Draft(NamedTuple):
    """A fact that is possible: its class and its fields."""

    kind: type[EventData]
    fields: dict[str, Any]


def fact_of(said: Statement) -> EventData | None:
    """The fact an event states; None for all others, and for an order or subscription that lacks what makes it one.

    Raises:
        Refusal: `impossible_amount`, `unknown_currency`, `no_currency`, `order_id_too_long`, `no_order_id`, …
    """
    draft = draft_of(said)
    if draft is None:
        return None
    if draft.kind in _WITH_LINES:
        return draft.kind(**draft.fields, **_contents(_flat(said.properties), draft.fields["currency"]))
    return draft.kind(**draft.fields)


def draft_of(said: Statement) -> Draft | None:
    """The same, not yet made an event: all that the door needs to know.

    Raises:
        Refusal: as `fact_of`.
    """
    reader = _READERS.get(said.name)
    if reader is None:
        return None
    try:
        return reader(said)
    except MoneyError as error:
        raise Refusal(error.code, str(error)) from None


def states_facts(name: str) -> bool:
    """Whether events of this canonical name are read for facts."""
    return name in _READERS


def with_currency(properties: Properties, default: str | None) -> Properties:
    """The properties with the firm's currency where they name none, so that the log alone decides what was meant."""
    if default is None or _stated(properties, *_CURRENCY) is not None or _shopify(properties):
        return properties
    return {**properties, "currency": default}


def lacks(said: Statement) -> str:
    """Why an accepted event states no fact, in one word for the answer's warning."""
    return "no_subscription_id" if said.name.startswith("Subscription") else "no_amount"


_CURRENCY = ("currency", "currency_code", "currencyCode")
_TOTAL = ("total", "revenue", "value")
_REFUND = ("refund_amount", "refundAmount", "total", "amount", "value", "revenue")
_ORDER = ("order_id", "orderId", "transaction_id", "transactionId")
_CHECKOUT = ("checkout_id", "checkoutId")
_SUBSCRIPTION = ("subscription_id", "subscriptionId")


def _stated(properties: Properties, *fields: str) -> Any:
    for field in fields:
        value = properties.get(field)
        if value is not None and value != "":
            return value
    return None


def _shopify(properties: Properties) -> Properties | None:
    """The checkout of a Shopify web pixel event, whose facts stand one floor down."""
    data = properties.get("data")
    checkout = data.get("checkout") if isinstance(data, dict) else properties.get("checkout")
    return checkout if isinstance(checkout, dict) else None


def _flat(properties: Properties) -> Properties:
    checkout = _shopify(properties)
    if checkout is None:
        return properties
    order, price = checkout.get("order"), checkout.get("totalPrice")
    price = price if isinstance(price, dict) else {}
    return {
        "order_id": order.get("id") if isinstance(order, dict) else None,
        "checkout_id": checkout.get("token"),
        "total": price.get("amount"),
        "currency": price.get("currencyCode") or checkout.get("currencyCode"),
        "products": checkout.get("lineItems"),
        **properties,
    }


def identifier(value: object, what: str) -> str | None:
    """An id as text; a number becomes its digits.

    Raises:
        Refusal: `<what>_too_long`, or `bad_<what>`: it is no text and no whole number, or one that JSON has rounded.
    """
    if value is None:
        return None
    if type(value) is str:
        text = value.strip()
    elif type(value) is int:
        text = str(value) if abs(value) < 10**MAX_ID else "9" * (MAX_ID + 1)
    elif type(value) is float and value.is_integer() and abs(value) < 2**53:
        text = str(int(value))
    else:
        raise Refusal(f"bad_{what}", f"The {what} is neither text nor a whole number.")
    if len(text) > MAX_ID:
        raise Refusal(f"{what}_too_long", f"The {what} has more than {MAX_ID} characters.")
    return text or None


def _order_id(properties: Properties) -> str:
    order_id = identifier(_stated(properties, *_ORDER), "order_id")
    if order_id is None:
        raise Refusal("no_order_id", "The event names no order_id, so it refers to no order.")
    return order_id


def _currency(properties: Properties) -> str:
    stated = _stated(properties, *_CURRENCY)
    if stated is None:
        raise Refusal("no_currency", "The event has an amount and no currency, and the firm has set none.")
    if type(stated) is not str:
        raise Refusal("unknown_currency", "The currency is no text, so no ISO 4217 code.")
    return currency_code(stated)


def _text(value: object, limit: int = MAX_ID) -> str | None:
    return value.strip()[:limit] or None if isinstance(value, str) else None


def _items(products: object) -> int | None:
    """How many pieces were bought: the quantities of the lines, one where none is stated."""
    if not isinstance(products, list) or not products:
        return None
    pieces = 0
    for line in products[:MAX_LINES]:
        quantity = line.get("quantity") if isinstance(line, dict) else None
        pieces += int(quantity) if isinstance(quantity, int | float) and 1 <= quantity <= MAX_ITEMS else 1
    return min(pieces, MAX_ITEMS)


_WITH_LINES = (facts.OrderPlaced, facts.OrderChanged)


def _contents(properties: Properties, currency: str) -> dict[str, Any]:
    """What an order holds, as far as it can be read."""
    products = properties.get("products") or properties.get("items")
    contents: dict[str, Any] = {}
    if type(products) is list and products:
        lines = [_line(each, currency) for each in products[:MAX_TOLD_LINES] if type(each) is dict]
        if lines:
            contents["lines"] = tuple(lines)
    for field, name in (("shipping_minor", "shipping"), ("tax_minor", "tax")):
        if (amount := properties.get(name)) is not None and (minor := _amount(amount, currency)) is not None:
            contents[field] = minor
    return contents


def _line(said: Properties, currency: str) -> facts.OrderLine:
    variant = said.get("variant")
    if type(variant) is dict:
        said = _shopify_line(said, variant)
    quantity, price = said.get("quantity"), said.get("price")
    is_number = isinstance(quantity, int | float) and 1 <= quantity <= MAX_ITEMS
    return facts.OrderLine(
        _word(said.get("product_id") or said.get("item_id") or said.get("productId")),
        _word(said.get("sku")),
        _word(said.get("category") or said.get("item_category")),
        int(quantity) if is_number and quantity is not None else 1,
        None if price is None else _amount(price, currency),
    )


def _shopify_line(said: Properties, variant: Properties) -> Properties:
    """The line of a Shopify web pixel event; in others `variant` is a text."""
    price, product = variant.get("price"), variant.get("product")
    product = product if isinstance(product, dict) else {}
    return {
        "product_id": product.get("id"),
        "sku": variant.get("sku"),
        "category": product.get("type"),
        "quantity": said.get("quantity"),
        "price": price.get("amount") if isinstance(price, dict) else None,
    }


def _word(value: object) -> str | None:
    return str(value) if type(value) is int else plain_text(value)


def _amount(value: object, currency: str) -> int | None:
    try:
        return parse(value, currency)
    except MoneyError:
        return None


def _placed(said: Statement) -> Draft | None:
    properties = _flat(said.properties)
    order_id = (
        identifier(_stated(properties, *_ORDER), "order_id")
        or identifier(_stated(properties, *_CHECKOUT), "checkout_id")
        or f"event-{said.event_id}"
    )
    total = _stated(properties, *_TOTAL)
    if total is None:
        return None
    currency = _currency(properties)
    fields = {
        "order_id": order_id,
        "total_minor": parse(total, currency),
        "currency": currency,
        "source": said.source,
        "coupon": _text(properties.get("coupon")),
        "items": _items(properties.get("products") or properties.get("items")),
    }
    return Draft(facts.OrderPlaced, fields)


def _changed(said: Statement) -> Draft | None:
    order_id, total = _order_id(said.properties), _stated(said.properties, *_TOTAL)
    if total is None:
        return None
    currency = _currency(said.properties)
    fields = {
        "order_id": order_id,
        "total_minor": parse(total, currency),
        "currency": currency,
        "source": said.source,
    }
    return Draft(facts.OrderChanged, fields)


def _refunded(said: Statement) -> Draft:
    order_id, amount = _order_id(said.properties), _stated(said.properties, *_REFUND)
    currency = None if amount is None else _currency(said.properties)
    refund_id = identifier(_stated(said.properties, "refund_id", "refundId"), "refund_id")
    fields = {
        "order_id": order_id,
        "refund_id": refund_id or f"event-{said.event_id}",
        "amount_minor": None if currency is None else parse(amount, currency),
        "currency": currency,
        "source": said.source,
    }
    return Draft(facts.OrderRefunded, fields)


def _cancelled(said: Statement) -> Draft:
    return Draft(facts.OrderCancelled, {"order_id": _order_id(said.properties), "source": said.source})


def _subscription(said: Statement) -> dict[str, Any] | None:
    """The fields all subscription facts share; None if the event names no subscription."""
    properties = said.properties
    subscription_id = identifier(_stated(properties, *_SUBSCRIPTION), "subscription_id")
    if subscription_id is None:
        return None
    mrr, price = _stated(properties, "mrr"), _stated(properties, "price")
    currency = None if mrr is None and price is None else _currency(properties)
    start, end, trial = (_stated(properties, each) for each in ("period_start", "period_end", "trial_ends_at"))
    return {
        "subscription_id": subscription_id,
        "source": said.source,
        "plan_id": identifier(_stated(properties, "plan_id", "planId"), "plan_id"),
        "plan_name": _text(_stated(properties, "plan_name", "planName", "plan")),
        "mrr_minor": None if mrr is None or currency is None else parse(mrr, currency),
        "currency": currency,
        "interval": _text(properties.get("interval"), 32),
        "period_start": None if start is None else event_time(start),
        "period_end": None if end is None else event_time(end),
        "price_minor": None if price is None or currency is None else parse(price, currency),
        "quantity": _count(properties.get("quantity"), MAX_ITEMS),
        "interval_count": _count(properties.get("interval_count"), MAX_INTERVALS),
        "trial_ends_at": None if trial is None else event_time(trial),
    }


def _count(value: object, most: int) -> int | None:
    """A whole number of things from 1 on; what is none was not said."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= most
    return int(value) if is_number and isinstance(value, int | float) and value == int(value) else None


def _plain(kind: type[EventData], **more: Any) -> Callable[[Statement], Draft | None]:
    def read(said: Statement) -> Draft | None:
        fields = _subscription(said)
        return None if fields is None else Draft(kind, {**fields, **more})

    return read


def _ended(said: Statement) -> Draft | None:
    fields = _subscription(said)
    if fields is None:
        return None
    voluntary, ends = said.properties.get("is_voluntary"), _stated(said.properties, "ends_at")
    fields |= {
        "cancel_reason": _text(said.properties.get("cancel_reason"), 64),
        "is_voluntary": voluntary if isinstance(voluntary, bool) else None,
        "ends_at": fields["period_end"] if ends is None else event_time(ends),
    }
    return Draft(facts.SubscriptionCancelled, fields)


_READERS: Mapping[str, Callable[[Statement], Draft | None]] = {
    names.ORDER_COMPLETED: _placed,
    names.ORDER_UPDATED: _changed,
    names.ORDER_REFUNDED: _refunded,
    names.ORDER_CANCELLED: _cancelled,
    names.SUBSCRIPTION_STARTED: _plain(facts.SubscriptionStarted),
    names.SUBSCRIPTION_RENEWED: _plain(facts.SubscriptionRenewed),
    names.SUBSCRIPTION_UPGRADED: _plain(facts.SubscriptionChanged, direction="upgrade"),
    names.SUBSCRIPTION_DOWNGRADED: _plain(facts.SubscriptionChanged, direction="downgrade"),
    names.SUBSCRIPTION_CHANGED: _plain(facts.SubscriptionChanged),
    names.SUBSCRIPTION_PAUSED: _plain(facts.SubscriptionPaused),
    names.SUBSCRIPTION_RESUMED: _plain(facts.SubscriptionResumed),
    names.SUBSCRIPTION_CANCELLED: _ended,
    names.SUBSCRIPTION_PAYMENT_FAILED: _plain(facts.SubscriptionPaymentFailed),
}
