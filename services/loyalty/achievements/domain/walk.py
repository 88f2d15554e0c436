"""How far somebody is: their facts walked through in the order of time, whatever order they were learnt in."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.loyalty.achievements.domain.goal import Achievement, Count, Distinct, Filter, Period, Spend, Step, Streak
from services.loyalty.audience.domain import KnownOrder, KnownTouchpoint
from services.loyalty.programs.domain.calendar import day_end, local_day, month_end

# The zone whose days count, at a moment.
Zones = Callable[[datetime], ZoneInfo]
Counts = Callable[[datetime], bool]


class Span(NamedTuple):
    """The time in which facts count: from `start` on, and before `end`; None: without end."""

    start: datetime
    end: datetime | None

    def holds(self, at: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.start <= at and (self.end is None or at < self.end)


class Fact(NamedTuple):
    """A fact that counts: whose, when, on which local day, and what of it."""

    at: datetime
    source: str
    customer: UUID
    day: date
    name: str = ""
    order: KnownOrder | None = None


class Reach(NamedTuple):
    """An achievement was reached for the `number`th time in a period (from 1), by a fact of a raw person key."""

    period: str
    number: int
    at: datetime
    customer: UUID
    source: str


class Progress(NamedTuple):
    """How far somebody is now: `value` of `target` on the way to the next time, which counts until `until`.

    `value` is the target where there is no next time. `run` is how long the streak is that has not broken.
    """

    period: str
    value: int
    target: int
    times: int
    until: datetime | None
    run: int | None = None


def facts(
    achievement: Achievement,
    span: Span,
    orders: Iterable[KnownOrder],
    others: Iterable[KnownTouchpoint],
    zones: Zones,
    counts: Counts = lambda _: True,
) -> list[Fact]:
    """The facts that count, in the order of time; what happened at one moment in the order of its ids.

    `counts`: whether what the person does at a moment counts.
    """
    kind, name = achievement.trigger
    if kind == "order":
        found = [
            Fact(
                each.placed_at,
                f"order:{each.order_id}",
                each.customer,
                local_day(each.placed_at, zones(each.placed_at)),
                order=each,
            )
            for each in orders
            if span.holds(each.placed_at) and _counts(each, achievement.only) and counts(each.placed_at)
        ]
    else:
        found = [
            Fact(each.at, f"{each.kind}:{each.id}", each.customer, local_day(each.at, zones(each.at)), each.name)
            for each in others
            if each.kind == kind and name in ("*", each.name) and span.holds(each.at) and counts(each.at)
        ]
    return sorted(found, key=lambda each: (each.at, each.source))


def _counts(order: KnownOrder, only: Filter) -> bool:
    if order.is_cancelled or order.net_minor <= 0 < order.total_minor:
        return False
    if only.currency is not None and (order.currency != only.currency or order.net_minor < only.minimum_minor):
        return False
    if only.sources and order.source not in only.sources:
        return False
    lines = order.lines or ()
    if only.categories and not any(line.category in only.categories for line in lines):
        return False
    return not only.products or any(line.product_id in only.products for line in lines)


def reached(achievement: Achievement, found: Sequence[Fact]) -> list[Reach]:
    """Each time it was reached, in the order of time."""
    if isinstance(achievement.goal, Streak):
        return _streaks(achievement.goal, found)[: achievement.times]
    reaches: list[Reach] = []
    for period, own in _periods(achievement.period, found).items():
        number = 0
        for fact, value in _values(achievement, own):
            while number < achievement.times and value >= (number + 1) * achievement.goal.target:
                number += 1
                reaches.append(Reach(period, number, fact.at, fact.customer, fact.source))
    return sorted(reaches, key=lambda each: (each.at, each.period, each.number))


def progress(achievement: Achievement, found: Sequence[Fact], now: datetime, zone: ZoneInfo) -> Progress:
    """How far it is at a moment, of which no later fact is among `found`."""
    goal, today = achievement.goal, local_day(now, zone)
    if isinstance(goal, Streak):
        return _streak_progress(achievement, goal, found, today, zone)
    period = label(achievement.period, today)
    own = _periods(achievement.period, found).get(period, [])
    value = max((value for _, value in _values(achievement, own)), default=0)
    times = min(achievement.times, max(0, value) // goal.target)
    left = goal.target if times == achievement.times else value - times * goal.target
    return Progress(period, left, goal.target, times, _end(achievement.period, today, zone))


def _periods(period: Period, found: Iterable[Fact]) -> dict[str, list[Fact]]:
    own: defaultdict[str, list[Fact]] = defaultdict(list)
    for fact in found:
        own[label(period, fact.day)].append(fact)
    return own


def _values(achievement: Achievement, found: Iterable[Fact]) -> list[tuple[Fact, int]]:
    """What is counted after each fact."""
    goal, values, seen, money = achievement.goal, list[tuple[Fact, int]](), set[str](), 0
    for number, fact in enumerate(found, 1):
        match goal:
            case Count():
                values.append((fact, number))
            case Distinct(of=of):
                seen |= _traits(of, fact)
                values.append((fact, len(seen)))
            case Spend(currency=currency):
                if fact.order is not None and fact.order.currency == currency:
                    money += max(0, fact.order.net_minor)
                values.append((fact, money))
            case Streak():
                raise AssertionError("streaks are walked apart")
    return values


def _traits(of: str, fact: Fact) -> set[str]:
    if of == "day":
        return {fact.day.isoformat()}
    if of == "name":
        return {fact.name}
    lines = (fact.order.lines or ()) if fact.order else ()
    told = {"category": "category", "product": "product_id", "sku": "sku"}[of]
    return {value for line in lines if (value := getattr(line, told)) is not None}


def _full(goal: Streak, found: Iterable[Fact]) -> dict[int, Fact]:
    """The periods with enough facts, counted through, each with the fact that filled it; in the order of time."""
    count: defaultdict[int, int] = defaultdict(int)
    full: dict[int, Fact] = {}
    for fact in found:
        place = _place(goal.every, fact.day)
        count[place] += 1
        if count[place] == goal.at_least:
            full[place] = fact
    return dict(sorted(full.items()))


def _streaks(goal: Streak, found: Iterable[Fact]) -> list[Reach]:
    reaches: list[Reach] = []
    run, before = 0, None
    for place, fact in _full(goal, found).items():
        run = run + 1 if before == place - 1 else 1
        before = place
        if run % goal.target == 0:
            reaches.append(Reach("", len(reaches) + 1, fact.at, fact.customer, fact.source))
    return reaches


def _streak_progress(
    achievement: Achievement, goal: Streak, found: Sequence[Fact], today: date, zone: ZoneInfo
) -> Progress:
    full, now = _full(goal, found), _place(goal.every, today)
    times = min(achievement.times, len(_streaks(goal, found)))
    # The period that is not over can still be filled.
    last = now if now in full else now - 1
    run = 0
    while last - run in full:
        run += 1
    left = goal.target if times == achievement.times else run % goal.target
    # The run breaks with the end of the period after the last one that is full.
    until = _step_end(goal.every, last + 1, zone) if run else None
    return Progress("", left, goal.target, times, until, run)


def label(period: Period, day: date) -> str:
    """What a period is called; the empty word: ever."""
    match period:
        case "ever":
            return ""
        case "day":
            return day.isoformat()
        case "week":
            year, week, _ = day.isocalendar()
            return f"{year:04}-W{week:02}"
        case "month":
            return f"{day.year:04}-{day.month:02}"
        case "quarter":
            return f"{day.year:04}-Q{(day.month + 2) // 3}"
        case "year":
            return f"{day.year:04}"


def _end(period: Period, day: date, zone: ZoneInfo) -> datetime | None:
    match period:
        case "ever":
            return None
        case "day" | "week" | "month":
            return _step_end(period, _place(period, day), zone)
        case "quarter":
            return day_end(month_end(day.year, (day.month + 2) // 3 * 3), zone)
        case "year":
            return day_end(date(day.year, 12, 31), zone)


def _place(step: Step, day: date) -> int:
    """Days, weeks (from Monday) and months, counted through."""
    if step == "day":
        return day.toordinal()
    return (day.toordinal() - 1) // 7 if step == "week" else day.year * 12 + day.month - 1


def _step_end(step: Step, place: int, zone: ZoneInfo) -> datetime:
    if step == "month":
        return day_end(month_end(place // 12, place % 12 + 1), zone)
    return day_end(date.fromordinal(place if step == "day" else place * 7 + 7), zone)
