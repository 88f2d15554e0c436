"""What the platform says: of each person, and in total, as flat facts that can be held against the book."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from shared.load.book import by_invitation
from shared.load.firm import Terms, flash_item
from shared.load.visits import FLASH_ITEMS
from shared.load.wire import GaveUp, Wire

Facts = dict[str, Any]
WINDOWS = (30, 60, 90)
_PAGE = 500


# Behind a gateway each service tells of itself alone.
_SERVICES = ("profiles", "touchpoints", "surveys", "loyalty", "metrics")


async def look_at_backlog(wire: Wire) -> dict[str, int]:
    """What is on its way: events in outboxes, and records that consumers have not read; nothing: figures are final."""
    whole = await wire.read("/v1/ops/consumers")
    told = [whole] if whole else [await wire.read(f"/v1/ops/{service}/consumers") for service in _SERVICES]
    found: Counter[str] = Counter()
    for each in told:
        if each is None:
            raise GaveUp("GET /v1/ops/consumers: the server does not tell how far its consumers are")
        found.update({f"outbox of {outbox['service']}": outbox["waiting"] for outbox in each["outboxes"]})
        for consumer in each["items"]:
            found[consumer["group"]] += consumer["lag"]
    return {name: left for name, left in sorted(found.items()) if left}


async def look_at(wire: Wire, terms: Terms, who: str) -> Facts:
    """All that is said of one person."""
    customer = await wire.read(f"/v1/customers/{who}", include=["computed", "segments", "consent"]) or {}
    figures = await wire.read(f"/v1/metrics/customers/{who}", currency="VND") or {}
    responses = await _pages(wire, "/v1/responses", customer=who, survey=terms.survey)
    redemptions = await _pages(wire, "/v1/loyalty/redemptions", customer=who)
    standing = [each for each in redemptions if each["state"] != "rolled_back"]
    segments = (customer.get("segments") or {}).get("segments", [])
    facts: Facts = {
        "touchpoints": [each["message_id"] for each in await _pages(wire, f"/v1/customers/{who}/touchpoints")],
        "answers": {_known_by(each): _scores(each) for each in responses if each["state"] != "withdrawn"},
        "vouchers redeemed": sum(len(each["vouchers"]) for each in standing),
        "points redeemed": sum(each["points"] - each["points_rolled_back"] for each in standing),
        "points": await _points(wire, who),
        "ids": customer.get("member_count", 0),
        "orders known to profiles": (customer.get("computed") or {}).get("orders", 0),
        "in the segment": any(each["segment"] == terms.segment for each in segments),
        "consent": _consent(customer),
        "orders": _value(figures, "orders") or 0,
    }
    return {**facts, **_money(figures)}


def _known_by(response: Any) -> str:
    reference: str | None = response["reference"]
    return by_invitation(response["invitation_id"]) if reference is None else reference


def _scores(response: Any) -> tuple[int, int]:
    answers = response["answers"]
    return _number(answers["nps"]), _number(answers["csat"])


def _number(answer: Any) -> int:
    return int(answer["score"] if isinstance(answer, dict) and "score" in answer else answer)


def _consent(customer: Any) -> bool | None:
    said = (customer.get("consent") or {}).get("consents", [])
    return next(
        (each["allowed"] for each in said if (each["purpose"], each["channel"]) == ("marketing", "email")), None
    )


def _money(figures: Any) -> Facts:
    """Gross, refunds and net of each currency in which there is an order."""
    by_currency = {"VND": figures, **figures.get("other_currencies", {})}
    return {
        f"{name} {currency}": amount
        for currency, found in by_currency.items()
        for name in ("gross", "refunds", "net")
        if (amount := Decimal(_value(found, name) or 0))
    }


def _value(figures: Any, name: str) -> Any:
    return figures.get(name, {}).get("value")


async def _points(wire: Wire, who: str) -> int:
    """What somebody has, less what they owe; what is not theirs yet counts too."""
    member = await wire.read(f"/v1/loyalty/members/{who}") or {"wallets": []}
    wallet = next((each for each in member["wallets"] if each["wallet"] == "points"), None)
    return 0 if wallet is None else sum(wallet[name] for name in ("available", "pending", "held")) - wallet["debt"]


async def _pages(wire: Wire, path: str, **params: Any) -> list[Any]:
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = await wire.read(path, limit=_PAGE, **params, **cursor)
        if page is None:
            return found
        found += page["items"]
        if page.get("next_cursor") is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def look_over(wire: Wire, as_of: str) -> Facts:
    """Totals that grow with the traffic: what others did before is in them, and is taken off by whoever asks twice."""
    facts: Facts = {}
    for window in WINDOWS:
        figures = await wire.read("/v1/metrics/summary", as_of=as_of, window=window, currency="VND")
        facts |= _money(figures)
        facts |= {name: _value(figures, name) or 0 for name in ("orders", "customers")}
        facts |= {f"{name}, {window} days": _value(figures, f"{name}_customers") or 0 for name in ("active", "lapsed")}
        facts["customers who came again"] = figures["repeat_purchase_rate"]["numerator"] or 0
    monthly = await wire.read("/v1/metrics/subscriptions/mrr")
    facts["subscribers"] = monthly["customers"]["subscribers"]["value"] or 0
    for currency, found in monthly["revenue"]["by_currency"].items():
        if amount := Decimal(found["mrr"]["value"] or 0):
            facts[f"monthly {currency}"] = amount
    return facts


async def look_at_survey(wire: Wire, terms: Terms, days: tuple[str, str]) -> Facts:
    """How content people are, by this survey alone."""
    facts: Facts = {}
    for metric in ("nps", "csat"):
        told = (await wire.read(f"/v1/metrics/{metric}", survey=terms.survey, **{"from": days[0], "to": days[1]}))[
            "total"
        ]
        facts |= {f"{metric} answers": told["n"], f"{metric} buckets": told["buckets"]}
        facts[metric] = None if told["value"] is None else round(told["value"], 6)
        facts |= {"asked": told["response"]["invited"], "answered who was asked": told["response"]["responded"]}
    return facts


async def look_at_sale(wire: Wire, terms: Terms) -> Facts:
    """Units that are taken; more than there are is a fault of its own."""
    sale = await wire.read(f"/v1/loyalty/flash-sales/{terms.sale}")
    items = {each["item"]: each for each in sale["items"]}
    facts = {f"{flash_item(n)} sold": items[flash_item(n)]["taken"] for n in range(FLASH_ITEMS)}
    return {**facts, "flash items over their stock": [n for n, each in items.items() if each["taken"] > each["units"]]}


def less(after: Facts, before: Facts) -> Facts:
    """What was added to totals."""
    names: Sequence[str] = [*after, *(name for name in before if name not in after)]
    return {name: added for name in names if (added := after.get(name, 0) - before.get(name, 0)) or name in after}
