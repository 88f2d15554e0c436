"""Jepsen-style histories: what clients asked, what they were told, and whether what is stored agrees with it.

A client logs `invoke`, then `ok` (we said it is stored), `fail` (it cannot have reached us) or `info` (nobody knows: a
timeout, a cut connection, a 503). At the end everything is read back, from every place where an effect shows, and

* `lost` = acknowledged − recorded: must be nothing;
* `phantom` = recorded − (acknowledged ∪ unknown): must be nothing;
* `doubled`: effects that show more than once: must be nothing;
* `disordered`: customers whose effects do not show in the order in which they were sent: must be nobody.

An unknown outcome that turns out recorded, or not recorded, is right either way.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from pathlib import Path
from time import monotonic
from typing import Any, Literal
from uuid import UUID

from shared.ids import anonymous_key, user_key
from shared.money import to_decimal_string

Kind = Literal["placed", "changed", "refunded", "identified"]
Outcome = Literal["ok", "fail", "info"]

_EVENTS: Mapping[Kind, str] = {
    "placed": "Order Completed",
    "changed": "Order Updated",
    "refunded": "Order Refunded",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a customer did. `at` is unique per customer and grows with `sequence`; `minor` is in minor units.

    A visitor is a customer that is only known anonymously; `identified` says that `visitor` is this customer.
    """

    message_id: str
    customer: str
    sequence: int
    kind: Kind
    order_id: str
    minor: int
    currency: str
    at: datetime
    is_visitor: bool = False
    visitor: str | None = None

    @property
    def subject(self) -> UUID:
        """The customer's person key."""
        return anonymous_key(self.customer) if self.is_visitor else user_key(self.customer)

    def call(self) -> dict[str, object]:
        """The event as a shop's SDK sends it."""
        said: dict[str, object] = {"messageId": self.message_id, "timestamp": self.at.isoformat()}
        said["anonymousId" if self.is_visitor else "userId"] = self.customer
        if self.kind == "identified":
            return {**said, "type": "identify", "anonymousId": self.visitor, "traits": {}}
        properties = {
            "order_id": self.order_id,
            "total": to_decimal_string(self.minor, self.currency),
            "currency": self.currency,
        }
        if self.kind == "refunded":
            properties["refund_id"] = f"back-{self.message_id}"
        return {**said, "type": "track", "event": _EVENTS[self.kind], "properties": properties}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history; `seconds` since its beginning."""

    seconds: float
    client: str
    what: Literal["invoke", "ok", "fail", "info"]
    message_ids: tuple[str, ...]
    note: str = ""


@dataclass
class History:
    """Everything that clients did; `problems` are answers that no fault excuses."""

    entries: list[Entry] = field(default_factory=list)
    facts: dict[str, Fact] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    began: float = field(default_factory=monotonic)

    def invoke(self, client: str, facts: Sequence[Fact]) -> tuple[str, ...]:
        """Log that a client begins to send."""
        ids = tuple(fact.message_id for fact in facts)
        self.facts.update(zip(ids, facts, strict=True))
        self._log(client, "invoke", ids)
        return ids

    def end(self, client: str, ids: tuple[str, ...], outcome: Outcome, note: str) -> None:
        """Log what became of it."""
        self.outcomes[note] += 1
        if outcome == "ok":
            self.acknowledged.update(ids)
        elif outcome == "info":
            self.unknown.update(ids)
        self._log(client, outcome, ids, note)

    def at(self) -> float:
        """Seconds since the beginning."""
        return monotonic() - self.began

    def message_of(self, subject: UUID, at: datetime) -> str:
        """The fact that a later stage tells by customer and time; a strange one is named so that it stands out."""
        return self._by_moment().get((subject, at)) or f"stranger {subject} {at.isoformat()}"

    def dump(self, path: Path) -> None:
        """Write the history as JSON lines, to look at after a failure."""
        with path.open("w") as file:
            for entry in self.entries:
                line = [round(entry.seconds, 3), entry.client, entry.what, entry.note, *entry.message_ids]
                file.write(json.dumps(line) + "\n")

    def _log(
        self, client: str, what: Literal["invoke", "ok", "fail", "info"], ids: tuple[str, ...], note: str = ""
    ) -> None:
        self.entries.append(Entry(self.at(), client, what, ids, note))

    def _by_moment(self) -> Mapping[tuple[UUID, datetime], str]:
        if len(self._moments) != len(self.facts):
            self._moments = {(fact.subject, fact.at): fact.message_id for fact in self.facts.values()}
        return self._moments

    _moments: dict[tuple[UUID, datetime], str] = field(default_factory=dict, repr=False)


# (local day, currency) → orders, gross and refunds in minor units.
Money = Mapping[tuple[date, str], tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Observed:
    """What the platform holds in the end: message ids as each stage has them, in its order, with repeats.

    `money_stages` are those where money facts alone show, in order per customer.
    """

    stages: Mapping[str, Sequence[str]]
    money_stages: frozenset[str]
    money: Money
    figures: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checker found; `problems` empty: every promise was kept."""

    acknowledged: int
    recorded: int
    unknown_recorded: int
    lost: Mapping[str, frozenset[str]]
    phantom: Mapping[str, frozenset[str]]
    doubled: Mapping[str, frozenset[str]]
    disordered: Mapping[str, frozenset[str]]
    wrong: Sequence[str]

    def problems(self) -> list[str]:
        """One sentence for each broken promise."""
        found = list(self.wrong)
        for name in ("lost", "phantom", "doubled", "disordered"):
            for stage, ids in getattr(self, name).items():
                if ids:
                    found.append(f"{stage}: {len(ids)} {name}, among them {sorted(ids)[:3]}")
        return found

    def number(self, name: Literal["lost", "phantom", "doubled", "disordered"]) -> int:
        """How many there are in all stages together."""
        return sum(len(ids) for ids in getattr(self, name).values())


def check(history: History, observed: Observed, zone: tzinfo) -> Verdict:
    """Compare what was promised with what is there."""
    stages = {stage: list(ids) for stage, ids in observed.stages.items()}
    first = next(iter(stages))
    recorded = set(stages[first])
    possible = history.acknowledged | history.unknown
    # What is recorded at all must show everywhere, acknowledged or not.
    promised = history.acknowledged | (recorded & possible)
    money = {each for each in promised if history.facts[each].kind != "identified"}
    known = [history.facts[each] for each in recorded if each in history.facts]
    wrong = [*history.problems, *_differences("day_money", expected_money(known, zone), observed.money)]
    wrong += _differences("summary", expected_figures(known), observed.figures)
    return Verdict(
        acknowledged=len(history.acknowledged),
        recorded=len(recorded),
        unknown_recorded=len(recorded - history.acknowledged),
        lost={
            stage: frozenset((money if stage in observed.money_stages else promised) - set(ids))
            for stage, ids in stages.items()
        },
        phantom={stage: frozenset(set(ids) - possible) for stage, ids in stages.items()},
        doubled={
            stage: frozenset(each for each, times in Counter(ids).items() if times > 1) for stage, ids in stages.items()
        },
        disordered={
            stage: frozenset(_disordered(history, ids))
            for stage, ids in stages.items()
            if stage in observed.money_stages
        },
        wrong=wrong,
    )


def _disordered(history: History, ids: Iterable[str]) -> Iterable[str]:
    """Customers whose facts appear, for the first time, after a later one of theirs."""
    highest: dict[str, int] = {}
    seen: set[str] = set()
    for each in ids:
        fact = history.facts.get(each)
        if fact is None or each in seen:
            continue
        seen.add(each)
        if fact.sequence < highest.get(fact.customer, -1):
            yield fact.customer
        highest[fact.customer] = max(fact.sequence, highest.get(fact.customer, -1))


def expected_money(facts: Iterable[Fact], zone: tzinfo) -> dict[tuple[date, str], tuple[int, int, int]]:
    """Orders, gross and refunds per local day and currency, by brute force over the facts."""
    sums: dict[tuple[date, str], list[int]] = {}

    def add(fact: Fact, column: int, amount: int) -> None:
        sums.setdefault((fact.at.astimezone(zone).date(), fact.currency), [0, 0, 0])[column] += amount

    for placed, total, refunds in _orders(facts):
        add(placed, 0, 1)
        add(placed, 1, total)
        left = total
        for refund in refunds:
            paid = min(refund.minor, left)
            left -= paid
            if paid:
                add(refund, 2, paid)
    return {key: (orders, gross, refunds) for key, (orders, gross, refunds) in sums.items()}


def expected_figures(facts: Iterable[Fact]) -> dict[str, object]:
    """The totals of `/v1/metrics/summary` by brute force; all facts must be in one currency."""
    orders = gross = refunded = 0
    currency = "USD"
    for placed, total, refunds in _orders(facts):
        currency = placed.currency
        orders += 1
        gross += total
        refunded += min(total, sum(refund.minor for refund in refunds))
    return {
        "orders": orders,
        "gross": to_decimal_string(gross, currency),
        "refunds": to_decimal_string(refunded, currency),
        "net": to_decimal_string(gross - refunded, currency),
    }


def _orders(facts: Iterable[Fact]) -> Iterable[tuple[Fact, int, list[Fact]]]:
    """Each order: the fact that placed it, its last total, its refunds in order of time.

    As in the platform, a correction places an order of which nothing else is known.
    """
    by_order: dict[str, list[Fact]] = {}
    for fact in sorted(facts, key=lambda fact: fact.at):
        if fact.kind == "identified":
            continue
        by_order.setdefault(fact.order_id, []).append(fact)
    for mine in by_order.values():
        totals = [fact for fact in mine if fact.kind != "refunded"]
        if totals:
            placed = next((fact for fact in totals if fact.kind == "placed"), totals[0])
            yield placed, totals[-1].minor, [fact for fact in mine if fact.kind == "refunded"]


def _differences(where: str, expected: Mapping[Any, object], found: Mapping[Any, object]) -> list[str]:
    keys = [*expected, *(key for key in found if key not in expected)]
    return [
        f"{where} {key}: {found.get(key)} instead of {expected.get(key)}"
        for key in keys
        if expected.get(key) != found.get(key)
    ][:5]
