"""A brute-force reading of rules: from their JSON and from all facts ever told, sharing no code with the service."""

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.events.catalogue.touchpoints import OrderCancelled, OrderChanged, OrderPlaced, OrderRefunded
from shared.events.envelope import Event

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FAR = datetime.max.replace(tzinfo=UTC)
PAST = datetime(1970, 1, 1, tzinfo=UTC)
COMPARE = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


@dataclass
class Told:
    """Everything that was told so far; facts are unique by their id, and lists hold raw person keys."""

    traits: list[tuple[UUID, str, Any, datetime, UUID]] = field(default_factory=list)
    seen: dict[UUID, bool] = field(default_factory=dict)
    events: dict[UUID, tuple[UUID, str, datetime]] = field(default_factory=dict)
    orders: dict[UUID, Event[Any]] = field(default_factory=dict)
    lists: dict[UUID, set[UUID]] = field(default_factory=dict)
    consents: list[tuple[UUID, str, bool, datetime, datetime | None]] = field(default_factory=list)
    points: dict[tuple[UUID, str], tuple[int, int]] = field(default_factory=dict)
    tiers: dict[tuple[UUID, str], tuple[int, int, str | None]] = field(default_factory=dict)
    answers: dict[tuple[UUID, UUID], tuple[int, tuple[int, datetime] | None]] = field(default_factory=dict)
    cases: dict[tuple[UUID, UUID], tuple[int, bool | None]] = field(default_factory=dict)
    outlooks: dict[tuple[UUID, str], tuple[int, str | None, datetime]] = field(default_factory=dict)
    rules: dict[UUID, Any] = field(default_factory=dict)
    personas: dict[str, UUID] = field(default_factory=dict)
    scale: dict[str, Any] = field(default_factory=dict)
    instants_kept: int = 20

    def person(self, root: UUID, keys: Iterable[UUID]) -> "Person":
        """What is known under these keys."""
        mine = set(keys)
        kept: dict[tuple[UUID, str, date], list[datetime]] = {}
        for key, name, at in self.events.values():
            if key in mine:
                kept.setdefault((key, name, at.astimezone(ZONE).date()), []).append(at)
        tiers: dict[str, tuple[bool, int, str | None]] = {}
        for (key, track), (_, rank, tier) in sorted(self.tiers.items()):
            if key in mine and (track not in tiers or (key == root, rank) > tiers[track][:2]):
                tiers[track] = (key == root, rank, tier)
        points: dict[str, int] = {}
        for (key, wallet), (_, available) in self.points.items():
            points[wallet] = points.get(wallet, 0) + (available if key in mine else 0)
        spoken = sorted(
            (at, not granted, until or FAR, pair) for key, pair, granted, at, until in self.consents if key in mine
        )
        words = sorted((at, event, name, value) for key, name, value, at, event in self.traits if key in mine)
        traits = {name: value for _, _, name, value in words}
        return Person(
            is_known=bool(mine & self.seen.keys()),
            is_identified=self.seen.get(root, False),
            traits={name: value for name, value in traits.items() if value is not None},
            events=[(name, at) for key, name, at in self.events.values() if key in mine],
            orders=[order for order in folded(self.orders.values()) if order[0] in mine],
            lists={segment for segment, listed in self.lists.items() if listed & mine},
            moments=[(name, at) for (_, name, _), times in kept.items() for at in sorted(times)[-self.instants_kept :]],
            consents={pair: (withdrawn, until) for at, withdrawn, until, pair in spoken},
            points=points,
            tiers={track: (rank, tier) for track, (_, rank, tier) in tiers.items() if tier is not None},
            told=self,
            answers=[said for (key, _), (_, said) in self.answers.items() if key in mine and said is not None],
            has_case=any(is_open for (key, _), (_, is_open) in self.cases.items() if key in mine),
            outlook=self.outlook(root, mine),
        )

    def outlook(self, root: UUID, mine: set[UUID]) -> dict[str, str]:
        """The bands of a person: that of the root, or until one was told of it, the latest of any key."""
        found: dict[str, tuple[bool, datetime, str]] = {}
        for (key, what), (_, band, at) in self.outlooks.items():
            if key in mine and band is not None and (key == root, at, band) > found.get(what, (False, PAST, "")):
                found[what] = (key == root, at, band)
        return {what: band for what, (_, _, band) in found.items()}


@dataclass
class Person:
    """What a rule is asked of; orders are (customer, placed at, currency, total, refunded)."""

    is_known: bool
    is_identified: bool
    traits: Mapping[str, Any]
    events: list[tuple[str, datetime]]
    orders: list[tuple[UUID, datetime, str, int, int]]
    lists: set[UUID]
    moments: list[tuple[str, datetime]]
    consents: Mapping[str, tuple[bool, datetime]]
    points: Mapping[str, int]
    tiers: Mapping[str, tuple[int, str]]
    told: Told
    answers: list[tuple[int, datetime]]
    has_case: bool
    outlook: Mapping[str, str]

    @property
    def nps(self) -> int | None:
        """The last answer; no two are of one moment here."""
        return max(self.answers, key=lambda said: said[1])[0] if self.answers else None


def folded(facts: Iterable[Event[Any]]) -> list[tuple[UUID, datetime, str, int, int]]:
    """The orders that these facts make."""
    by_order: dict[str, list[Event[Any]]] = {}
    for fact in sorted(facts, key=lambda fact: (fact.time, fact.id)):
        by_order.setdefault(fact.data.order_id, []).append(fact)
    found = []
    for each in by_order.values():
        totals = [fact for fact in each if isinstance(fact.data, OrderPlaced | OrderChanged)]
        if not totals or any(isinstance(fact.data, OrderCancelled) for fact in each):
            continue
        first = ([fact for fact in totals if isinstance(fact.data, OrderPlaced)] or totals)[0]
        last = totals[-1].data
        refunds = {fact.data.refund_id: fact for fact in each if isinstance(fact.data, OrderRefunded)}
        left = last.total_minor
        for fact in sorted(refunds.values(), key=lambda fact: (fact.time, fact.id)):
            if fact.data.currency in (None, last.currency):
                left -= left if fact.data.amount_minor is None else min(left, fact.data.amount_minor)
        found.append((first.subject, first.time, last.currency, last.total_minor, last.total_minor - left))
    return found


def holds(rule: Mapping[str, Any], person: Person, now: datetime) -> bool:
    """Whether the rule is true of the person now."""
    match rule:
        case {"and": parts}:
            return all(holds(part, person, now) for part in parts)
        case {"or": parts}:
            return any(holds(part, person, now) for part in parts)
        case {"not": part}:
            return not holds(part, person, now)
        case {"trait": name, **tests}:
            return all(trait_holds(person.traits.get(name), op, value) for op, value in tests.items())
        case {"identified": wanted}:
            return person.is_identified is wanted
        case {"list": segment}:
            return UUID(segment) in person.lists
        case {"event": name}:
            return event_holds(name, rule, person, now)
    return newer_holds(rule, person, now)


def newer_holds(rule: Mapping[str, Any], person: Person, now: datetime) -> bool:
    match rule:
        case {"sequence": steps}:
            return sequence_holds(steps, rule, person, now)
        case {"consent": state, "purpose": _, "channel": channel}:
            return consent_state(person.consents.get(channel), now) == state
        case {"segment": segment}:
            return asked_holds(UUID(segment), person, now)
        case {"persona": key}:
            return key in person.told.personas and asked_holds(person.told.personas[key], person, now)
        case {"rfm": which, **tests}:
            score = score_of(which, person, now)
            return score is not None and all(COMPARE[op](score, value) for op, value in tests.items())
        case {"computed": "points", "wallet": wallet, **tests}:
            return all(COMPARE[op](person.points.get(wallet, 0), value) for op, value in tests.items())
        case {"computed": ("tier" | "tier_rank") as what, "track": track, **tests}:
            rank, tier = person.tiers.get(track, (None, None))
            return all(trait_holds(tier if what == "tier" else rank, op, value) for op, value in tests.items())
    return experience_holds(rule, person, now)


def experience_holds(rule: Mapping[str, Any], person: Person, now: datetime) -> bool:
    match rule:
        case {"computed": "nps", **tests}:
            return person.nps is not None and all(COMPARE[op](person.nps, value) for op, value in tests.items())
        case {"computed": "nps_band", **tests}:
            bands = ["detractor"] * 7 + ["passive"] * 2 + ["promoter"] * 2
            band = None if person.nps is None else bands[person.nps]
            return all(trait_holds(band, op, value) for op, value in tests.items())
        case {"computed": "days_since_last_nps", **tests}:
            return since_holds([at for _, at in person.answers], tests, now)
        case {"computed": ("churn_risk_band" | "clv_band") as what, **tests}:
            return all(trait_holds(person.outlook.get(what), op, value) for op, value in tests.items())
        case {"computed": "open_case", "eq": wanted}:
            return person.has_case is wanted
    return computed_holds(rule, person, now)


def event_holds(name: str, rule: Mapping[str, Any], person: Person, now: datetime) -> bool:
    if "days_since_last" in rule:
        return since_holds([at for each, at in person.events if each == name], rule["days_since_last"], now)
    days = rule.get("within_days")
    today = now.astimezone(ZONE).date()
    times = sum(
        each == name and (days is None or at.astimezone(ZONE).date() > today - timedelta(days=days))
        for each, at in person.events
    )
    return all(COMPARE[op](times, value) for op, value in rule.get("count", {"gte": 1}).items())


def asked_holds(segment: UUID, person: Person, now: datetime) -> bool:
    """Whether somebody would be in a segment that a rule refers to; one that is gone has nobody."""
    if segment not in person.told.rules:
        return False
    rule = person.told.rules[segment]
    return holds({"list": str(segment)} if rule is None else rule, person, now)


def sequence_holds(steps: list[str], rule: Mapping[str, Any], person: Person, now: datetime) -> bool:
    """Every way to pick one moment for each step is tried."""
    within = timedelta(
        minutes=rule.get("within_minutes", 0), hours=rule.get("within_hours", 0), days=rule.get("within_days", 0)
    )
    barred = [at for name, at in person.moments if name in rule.get("without", [])]
    complete = [
        chain[-1]
        for chain in product(*([at for name, at in person.moments if name == step] for step in steps))
        if all(one < other for one, other in pairwise(chain))
        and chain[-1] - chain[0] <= within
        and not any(chain[0] < at < chain[-1] for at in barred)
    ]
    if "days_since_last" not in rule:
        return bool(complete)
    return since_holds(complete, rule["days_since_last"], now)


def consent_state(word: tuple[bool, datetime] | None, now: datetime) -> str:
    if word is None:
        return "none"
    withdrawn, until = word
    if withdrawn:
        return "withdrawn"
    return "expired" if until <= now else "granted"


def score_of(which: str, person: Person, now: datetime) -> int | None:
    """Counted from the top down."""
    if not person.orders:
        return None
    scale = person.told.scale
    if which == "recency":
        ago = now - max(order[1] for order in person.orders)
        return 1 + sum(ago <= timedelta(days=days) for days in scale["recency_days"])
    value = len(person.orders)
    if which == "monetary":
        value = sum(total - refunded for _, _, each, total, refunded in person.orders if each == scale["currency"])
    return 1 + sum(value >= least for least in scale["orders" if which == "frequency" else "net_minor"])


def computed_holds(rule: Mapping[str, Any], person: Person, now: datetime) -> bool:
    match rule:
        case {"computed": "days_since_last_order", **tests}:
            return since_holds([order[1] for order in person.orders], tests, now)
        case {"computed": "orders", **tests}:
            return all(COMPARE[op](len(person.orders), value) for op, value in tests.items())
        case {"computed": ("first_order_at" | "last_order_at") as which, **tests}:
            times = sorted(order[1] for order in person.orders)
            if not times:
                return False
            at = times[0] if which == "first_order_at" else times[-1]
            return all(COMPARE[op](at, moment(value)) for op, value in tests.items())
        case {"computed": sum_, "currency": currency, **tests}:
            mine = [(total, refunded) for _, _, each, total, refunded in person.orders if each == currency]
            gross, refunds = sum(total for total, _ in mine), sum(refunded for _, refunded in mine)
            value = {"gross_minor": gross, "refunds_minor": refunds, "net_minor": gross - refunds}[sum_]
            return all(COMPARE[op](value, wanted) for op, wanted in tests.items())
    raise AssertionError(rule)


def since_holds(times: list[datetime], tests: Mapping[str, int], now: datetime) -> bool:
    if not times:
        return False
    ago = now - max(times)
    return all(COMPARE[op](ago, timedelta(days=days)) for op, days in tests.items())


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1."""
    return (type(one) is type(other) and one == other) or (is_number(one) and is_number(other) and one == other)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def trait_holds(held: Any, op: str, value: Any) -> bool:
    if op == "exists":
        return (held is not None) is value
    if held is None:
        return False
    if op in ("eq", "ne"):
        return same(held, value) is (op == "eq")
    if op == "in":
        return any(same(held, each) for each in value)
    if op == "contains":
        if isinstance(held, list):
            return any(same(each, value) for each in held)
        return isinstance(held, str) and isinstance(value, str) and value in held
    if op == "starts_with":
        return isinstance(held, str) and held.startswith(value)
    if is_number(value):
        return is_number(held) and bool(COMPARE[op](held, value))
    try:
        return isinstance(held, str) and bool(COMPARE[op](moment(held), moment(value)))
    except ValueError:
        return False


def moment(text: str) -> datetime:
    """A time with offset, or the first moment of a local day."""
    if len(text) == 10:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=ZONE)
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at
