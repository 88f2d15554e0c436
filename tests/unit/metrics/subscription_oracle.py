"""Brute force: subscriptions lived hour by hour (every sixth, on which alone anything happens), from the
rules as they are told, without the code under test.

Every hour first takes the facts of that hour, in the order of their ids, then what falls due. Figures are counted by
asking every person on every day.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from shared.events.envelope import Event

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FIRST = date(2026, 8, 1)
DAYS = 100
TICK = 6
MONTHS = {"month": Fraction(1), "quarter": Fraction(3), "year": Fraction(12), "week": Fraction(84, 365)}


def hour_of(at: datetime) -> int:
    """Hours since the first local midnight."""
    return int((at - datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=ZONE)).total_seconds() // 3600)


def at_hour(hour: int) -> datetime:
    """The inverse."""
    return datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=ZONE) + timedelta(hours=hour)


@dataclass
class Sub:
    """What is known of a subscription at some hour."""

    rules: dict[str, Any]
    running: bool = False
    paused: bool = False
    paid_once: bool = False
    begun: bool = False
    price: dict[str, Any] = field(default_factory=dict)
    paid_until: int | None = None
    trial_until: int | None = None
    failing: int | None = None
    ends: int | None = None
    why: str | None = None
    trials: list[tuple[int, bool]] = field(default_factory=list)

    def hear(self, event: Event[Any], hour: int) -> None:
        kind, data = type(event.data).__name__.removeprefix("Subscription"), event.data
        if kind in ("Started", "Renewed", "Resumed", "Changed"):
            self.say_price(data)
            if kind != "Changed" or not self.begun:
                if not self.running:
                    self.trial_until = None
                self.running, self.paused, self.begun = True, False, True
                self.failing = self.ends = self.why = None
                if kind == "Renewed" and self.trial_until is not None:
                    self.trial_until = min(self.trial_until, hour)
            if data.period_end is not None:
                self.paid_until = hour_of(data.period_end)
            if data.trial_ends_at is not None and hour_of(data.trial_ends_at) > hour and not self.paid_once:
                self.trial_until = hour_of(data.trial_ends_at)
        elif kind == "Paused":
            self.paused = True
        elif kind == "PaymentFailed" and self.running and self.failing is None:
            self.failing = hour
        elif kind == "Cancelled" and self.running:
            self.cancel(data, hour)

    def say_price(self, data: Any) -> None:
        if data.mrr_minor is not None or data.price_minor is not None:
            self.price["mrr"], self.price["price"] = data.mrr_minor, data.price_minor
            self.price["currency"] = data.currency
        for name in ("quantity", "interval"):
            if getattr(data, name) is not None:
                self.price[name] = getattr(data, name)

    def cancel(self, data: Any, hour: int) -> None:
        if data.is_voluntary is not None:
            self.why = "voluntary" if data.is_voluntary else "involuntary"
        elif self.failing is not None:
            self.why = "involuntary"
        self.why = self.why or "unstated"
        if self.rules["recognition"] == "at_request":
            self.end(hour, self.why)
            return
        stated = [hour_of(each) for each in (data.ends_at, data.period_end) if each is not None]
        until = stated[0] if stated else self.paid_until
        until = max(hour, hour if until is None else until)
        in_trial = self.trial_until is not None and until <= self.trial_until
        self.ends = until + (24 * self.rules["grace_days"] if not in_trial else 0)
        if self.ends <= hour:
            self.end(hour, self.why)

    def end(self, hour: int, why: str) -> None:
        if self.trial_until is not None:
            self.trials.append((hour, False))
        self.running, self.why = False, why
        self.trial_until = self.failing = self.paid_until = self.ends = None

    def fall_due(self, hour: int) -> None:
        if not self.running:
            return
        patience = self.rules["dunning_days"]
        given_up = self.failing is not None and patience is not None and hour >= self.failing + 24 * patience
        if self.ends is not None and hour >= self.ends:
            self.end(hour, self.why or "involuntary")
        elif given_up:
            self.end(hour, "involuntary")
        elif self.trial_until is not None and hour >= self.trial_until:
            self.trials.append((self.trial_until, True))
            self.trial_until = None

    def waits(self) -> bool:
        """Whether time alone may change something."""
        return self.running and (self.ends, self.failing, self.trial_until) != (None, None, None)

    def reason(self) -> str:
        """Why it counts no more."""
        return "voluntary" if self.running else self.why or "unstated"

    def monthly(self) -> int | None:
        if self.price.get("mrr") is not None:
            return int(self.price["mrr"])
        months = MONTHS.get(self.price.get("interval", ""))
        if self.price.get("price") is None or months is None:
            return None
        exact = self.price["price"] * self.price.get("quantity", 1) / months
        return int((Decimal(exact.numerator) / exact.denominator).quantize(Decimal(1), ROUND_HALF_EVEN))

    def counts(self) -> tuple[str, int] | None:
        """What it brings in which currency (none: nobody said); None: it does not count."""
        if not self.running or self.trial_until is not None:
            return None
        if self.paused:
            if self.rules["pause_is_churn"] or not self.paid_once:
                return None
            return "", 0
        brings = self.monthly()
        if brings is None or brings > 0:
            self.paid_once = True
            return (self.price["currency"], brings) if brings else ("", 0)
        return ("", 0) if self.paid_once and not self.rules["free_is_churn"] else None


@dataclass
class Person:
    """Day by day: whether there at its end, at any hour of it, what it brought then and last, and why any ceased."""

    there: list[bool] = field(default_factory=list)
    touched: list[bool] = field(default_factory=list)
    money: list[dict[str, int]] = field(default_factory=list)
    seen: list[dict[str, int]] = field(default_factory=list)
    causes: list[set[str]] = field(default_factory=list)
    trials: list[tuple[int, bool]] = field(default_factory=list)


def live(subscriptions: Mapping[str, Sequence[Event[Any]]], rules: dict[str, Any]) -> Person:
    """One person's hours."""
    subs = {name: Sub(rules) for name in subscriptions}
    at: dict[int, list[tuple[Any, str, Event[Any]]]] = defaultdict(list)
    for name, events in subscriptions.items():
        for event in {event.id: event for event in events}.values():
            at[hour_of(event.time)].append((event.id, name, event))
    person = Person()
    now: dict[str, tuple[str, int] | None] = dict.fromkeys(subs)
    for day in range(DAYS):
        touched, seen, causes = False, now, set[str]()
        for hour in range(24 * day, 24 * day + 24, TICK):
            before, now = now, an_hour(subs, at.get(hour, []), hour, now)
            causes |= {subs[name].reason() for name in subs if before[name] is not None and now[name] is None}
            if any(each is not None for each in now.values()):
                touched, seen = True, now
        person.there.append(any(each is not None for each in now.values()))
        person.touched.append(touched)
        person.money.append(together(now))
        person.seen.append(together(seen))
        person.causes.append(causes)
    person.trials = [each for sub in subs.values() for each in sub.trials]
    return person


def an_hour(
    subs: Mapping[str, Sub],
    events: Sequence[tuple[Any, str, Event[Any]]],
    hour: int,
    before: dict[str, tuple[str, int] | None],
) -> dict[str, tuple[str, int] | None]:
    """What each subscription counts for after an hour."""
    if not events and not any(sub.waits() for sub in subs.values()):
        return before
    for _, name, event in sorted(events, key=lambda each: each[0]):
        subs[name].hear(event, hour)
        subs[name].counts()
    for sub in subs.values():
        sub.fall_due(hour)
    return {name: sub.counts() for name, sub in subs.items()}


def together(now: Mapping[str, tuple[str, int] | None]) -> dict[str, int]:
    """What they bring, by currency."""
    money = Counter[str]()
    for brings in now.values():
        if brings is not None:
            money[brings[0]] += brings[1]
    return {code: minor for code, minor in money.items() if minor}


@dataclass
class Oracle:
    """Everybody, asked one by one. Days are numbers from `FIRST`, the first of them 0, which nothing happens on."""

    people: list[Person]

    def subscribers(self, day: int) -> int:
        return sum(each.there[day] for each in self.people)

    def mrr(self, day: int) -> dict[str, int]:
        found = Counter[str]()
        for each in self.people:
            found.update(each.money[day])
        return {code: minor for code, minor in found.items() if minor}

    def moves(self, first: int, last: int) -> tuple[Counter[Any], Counter[Any]]:
        """People by (movement, why), and money by (day, currency, movement)."""
        people, money = Counter[Any](), Counter[Any]()
        for each in self.people:
            was = False
            for day in range(1, last + 1):
                found = moved(each, day, was=was)
                was = was or each.touched[day]
                for kind, why, change in found if day >= first else ():
                    people[kind, why] += kind in ("new", "reactivation", "churn")
                    for code, minor in change.items():
                        money[day, code, kind] += minor
        return +people, money

    def standard(self, first: int, last: int) -> Counter[str]:
        """Who was there when `first` began, left, and did not show up again."""
        gone = Counter[str]()
        for each in self.people:
            days = [day for day in range(first, last + 1) if not each.there[day]]
            if not each.there[first - 1] or not days:
                continue
            if not any(each.touched[day] for day in range(days[0] + 1, last + 1)):
                gone[
                    next((why for why in ("voluntary", "involuntary") if why in each.causes[days[0]]), "unstated")
                ] += 1
        return gone

    def hazard(self, first: int, last: int) -> tuple[float | None, int, int]:
        total, lost, risk = 0.0, 0, 0
        for day in range(first, last + 1):
            morning = self.subscribers(day - 1)
            left = sum(each.there[day - 1] and not each.there[day] for each in self.people)
            total += left / morning if morning else 0.0
            lost, risk = lost + left, risk + morning
        return (total if risk else None), lost, risk

    def trials(self, first: int, last: int) -> tuple[int, int]:
        ends = [is_won for each in self.people for hour, is_won in each.trials if first <= hour // 24 <= last]
        return sum(ends), len(ends) - sum(ends)

    def worth(self, day: int, rates: Mapping[str, Sequence[tuple[int, Fraction]]]) -> Fraction:
        """All revenue at the end of a day, each currency at its rate of the day."""
        return sum((minor * rate_on(rates, code, day) for code, minor in self.mrr(day).items()), Fraction(0))


def moved(person: Person, day: int, *, was: bool) -> list[tuple[str, str, dict[str, int]]]:
    """A person's movements of a day: (movement, why, money by currency)."""
    there, before, then, now = person.there[day], person.there[day - 1], person.money[day - 1], person.money[day]
    if before and there:
        changes = {code: now.get(code, 0) - then.get(code, 0) for code in then.keys() | now.keys()}
        return [("expansion" if minor > 0 else "contraction", "", {code: minor}) for code, minor in changes.items()]
    found: list[tuple[str, str, dict[str, int]]] = []
    if not before and person.touched[day]:
        found.append(("reactivation" if was else "new", "", person.seen[day]))
    if not there and (before or person.touched[day]):
        lost = then if before else person.seen[day]
        why = next((each for each in ("voluntary", "involuntary") if each in person.causes[day]), "unstated")
        found.append(("churn", why, {code: -minor for code, minor in lost.items()}))
    return found


def rate_on(rates: Mapping[str, Sequence[tuple[int, Fraction]]], currency: str, day: int) -> Fraction:
    """The rate that holds on a day; 1 of the currency that all is brought into."""
    return [rate for since, rate in rates.get(currency, [(0, Fraction(1))]) if since <= day][-1]
