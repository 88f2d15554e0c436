"""Seven shops of which little can be said, each as it tells its story through the public door and on the bus."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from metrics_world import NOW, placed
from satisfaction_world import answered, entered, published
from satisfaction_world import persona as known_as
from test_value import a_shop

from shared.events.envelope import Event

MANY = 500
"""As many customers as a model of buying asks for at the least."""
LONG_AGO = datetime(1990, 1, 2, 12, tzinfo=UTC)
"""About the first day that the door lets in."""
BEFORE_SHOPS = datetime(1869, 1, 1, tzinfo=UTC)
Call = dict[str, Any]


class Shop(NamedTuple):
    """What a shop sends to the door, and what surveys and segments say on the bus."""

    calls: list[Call]
    facts: list[Event[Any]]
    currency: str = "VND"


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def track(event: str, customer: str, at: datetime, **properties: Any) -> Call:
    return {"type": "track", "event": event, "userId": customer, "timestamp": at.isoformat(), "properties": properties}


def order(number: str, customer: str, at: datetime, total: int = 100_000, currency: str = "VND") -> Call:
    return track("Order Completed", customer, at, order_id=number, total=total, currency=currency)


def refund(number: str, customer: str, at: datetime, amount: int, refund_id: str = "r", currency: str = "VND") -> Call:
    return track(
        "Order Refunded", customer, at, order_id=number, refund_id=refund_id, refund_amount=amount, currency=currency
    )


def subscribe(number: str, customer: str, at: datetime, price: int = 50_000, currency: str = "VND") -> Call:
    said = {"subscription_id": number, "price": price, "interval": "month", "currency": currency}
    return track("Subscription Started", customer, at, **said)


def _voices(customers: list[str], scores: tuple[int, int, int] = (10, 5, 7)) -> list[Event[Any]]:
    """Surveys that these customers answer all alike, and a segment of the first of them."""
    nps, csat, ces = scores
    said = [answered(f"r-{who}", who, ago(5), nps=nps, csat=csat, ces=ces) for who in customers]
    return [published("s"), *said, entered("vip", customers[0]), known_as("chi-lan", "vip")]


def twenty() -> Shop:
    """Twenty customers who buy like others do: each at other times, for other amounts, some again."""
    calls = [
        order(f"t{n}-{k}", f"u-{n}", ago(300 - 11 * n - 7 * k), 90_000 + 7_000 * n)
        for n in range(20)
        for k in range(1 + n % 3)
    ]
    return Shop([*calls, subscribe("s1", "u-1", ago(50))], _voices(["u-1", "u-2", "u-3"]))


def all_once() -> Shop:
    """Everybody bought once, long enough ago."""
    calls = [order(f"o{n}", f"u-{n}", ago(200 + n % 100), 80_000 + 100 * n) for n in range(MANY)]
    return Shop(calls, _voices([f"u-{n}" for n in range(30)]))


def constant() -> Shop:
    """Customers come, buy and leave as a model of buying says, and each purchase is for the same amount."""
    return Shop([*_lively(spend=100_000), *(subscribe(f"s{n}", f"u-{n}", ago(40)) for n in range(5))], _voices(["u-1"]))


def whale() -> Shop:
    """They come and spend as the models say; and one spends forty million times as much."""
    huge = [order(f"w{k}", "whale", ago(300 - 60 * k), 4_000_000_000_000) for k in range(4)]
    return Shop([*_lively(), *huge], _voices(["whale", "u-1", "u-2"]))


def _lively(spend: int | None = None) -> list[Call]:
    """What models of buying and spending are right about; with one `spend` for all, once a day at most."""
    calls, days = [], set[tuple[str, datetime]]()
    for event in a_shop(21):
        number = event.data.order_id
        customer = "u-" + number.split("-")[1]
        if spend is None or (customer, event.time) not in days:
            calls.append(order(number, customer, event.time, spend or event.data.total_minor))
        days.add((customer, event.time))
    return calls


def before_birth() -> Shop:
    """Some orders of decades before the shop was there, one of the future, a refund before its order."""
    calls = [order(f"o{n}", f"u-{n}", ago(100 - n), 100_000 + n) for n in range(40)]
    calls += [order("first", "u-7", LONG_AGO), order("refused", "u-8", BEFORE_SHOPS)]
    calls += [order("future", "soon", NOW + timedelta(days=900)), refund("o3", "u-3", ago(4_000), 1_000)]
    past = [placed("methuselah", "old", BEFORE_SHOPS, 100_000, "VND"), answered("past", "old", BEFORE_SHOPS, nps=0)]
    return Shop(calls, [*_voices(["u-1", "old"]), *past])


def over_refunded() -> Shop:
    """More goes back than was paid: at once, in two parts, twice, of orders never seen, of subscriptions nobody has."""
    calls = [order(f"o{n}", f"u-{n}", ago(100 - n % 60)) for n in range(40)]
    calls += [refund(f"o{n}", f"u-{n}", ago(20), 900_000_000) for n in range(10)]
    calls += [refund(f"o{n}", f"u-{n}", ago(10), 80_000, part) for n in range(10, 15) for part in ("r1", "r2")]
    calls += [refund("never", "u-30", ago(5), 5_000), refund("o31", "stranger", ago(5), 100_001)]
    calls.append(track("Subscription Cancelled", "u-2", ago(3), subscription_id="never"))
    return Shop(calls, _voices(["u-1", "u-2"]))


def in_turns() -> Shop:
    """Each buys in three currencies, and subscribes in three; nobody said what one is worth in another."""
    prices = {"VND": 500_000, "USD": 20, "EUR": 19}
    calls = [
        order(f"o{n}-{code}", f"u-{n}", ago(300 - 2 * n % 90 - 40 * k), price, code)
        for n in range(MANY)
        for k, (code, price) in enumerate(prices.items())
    ]
    calls += [
        subscribe(f"s-{code}", f"u-{k}", ago(70 - k), price, code) for k, (code, price) in enumerate(prices.items())
    ]
    return Shop(calls, _voices(["u-1", "u-2"]))


SHOPS = {
    "twenty": twenty,
    "all_once": all_once,
    "constant": constant,
    "whale": whale,
    "before_birth": before_birth,
    "over_refunded": over_refunded,
    "in_turns": in_turns,
}
