"""What a person's subscriptions come to together, day by day: who came, grew, shrank, left and came back.

A person subscribes while any of their subscriptions counts. Movements compare the ends of local days: one plan
cancelled and another begun on the same day are growth or shrinkage, not a departure and a return. Only somebody who
came and left on one day, and was there on the end of neither, has both movements.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Literal, NamedTuple

from services.metrics.domain.calendar import day_of, period_start
from services.metrics.subscriptions.domain.facts import Cause, Subscription
from services.metrics.subscriptions.domain.policy import Policy
from services.metrics.subscriptions.domain.standing import FOREVER, OUT, Standing, Step, Walked, walk, walk_on

Movement = Literal["new", "expansion", "contraction", "churn", "reactivation"]
MOVEMENTS: tuple[Movement, ...] = ("new", "reactivation", "expansion", "contraction", "churn")
# Beside the five: subscriptions whose price nobody said, and trials as they ended.
Kind = Movement | Literal["unpriced", "trial_won", "trial_lost"]
# The day of what has not come to pass.
NEVER = 2_147_483_647
# In place of a currency: people, whatever they pay in.
PEOPLE = ""


class Move(NamedTuple):
    """A kind of movement on a day, in a currency; `PEOPLE`: of people as a whole. `cause` is of departures alone."""

    day: int
    kind: Kind
    cause: str
    currency: str


class Spell(NamedTuple):
    """A time of subscribing that is over: its first day, the day it ended, and the day of coming back."""

    started: int
    ended: int
    back: int
    cause: Cause


class Term(NamedTuple):
    """A subscription from when it counts: how often is paid, in what, its first day, and the renewal it was lost at.

    0: nothing is known that will end it. One that ends in its third period is lost at its third renewal.
    """

    period: str
    currency: str
    started: int
    lost_at: int


class Cohort(NamedTuple):
    """Everybody who first subscribed in a month (its first day), what changed of them on a day, and in what."""

    month: int
    day: int
    currency: str


@dataclass(slots=True)
class Tally:
    """Sums over people; of money in minor units. What is added with `sign` −1 is taken out again."""

    moves: defaultdict[Move, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    spells: Counter[Spell] = field(default_factory=Counter)
    cohorts: defaultdict[Cohort, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    terms: defaultdict[Term, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def add(self, subscriptions: Iterable[Subscription], policy: Policy, zone: tzinfo, sign: int = 1) -> None:
        """Count a person, by all their subscriptions."""
        self._count([walk(each.facts, policy) for each in subscriptions], zone, sign)

    def replace(self, old: Iterable[Subscription], new: Iterable[Subscription], policy: Policy, zone: tzinfo) -> None:
        """Count a person as they are now, and no more as they were. Most facts, as renewals, change nothing of it."""
        facts = {each.id: each.facts for each in old}
        before, after = [], []
        for each in new:
            was, now = walk_on(facts.pop(each.id, ()), each.facts, policy)
            before.append(was)
            after.append(now)
        # Of those that went to another person.
        before += [walk(each, policy) for each in facts.values()]
        if before != after:
            self._count(before, zone, -1)
            self._count(after, zone, 1)

    def _count(self, walks: Sequence[Walked], zone: tzinfo, sign: int) -> None:
        self._move(_days([each.steps for each in walks], zone), sign)
        for walked in walks:
            self._terms(walked, zone, sign)
            for at, is_won in walked.trials:
                self._add(Move(day_of(at, zone), "trial_won" if is_won else "trial_lost", "", PEOPLE), sign, 0)

    def _move(self, days: Sequence["_Day"], sign: int) -> None:
        month: int | None = None
        spells: list[Spell] = []
        for day in days:
            before, after = day.before, day.after
            if before.is_there or after.is_there:
                moved = _moved(before, after, is_first=month is None, cause=day.cause)
            else:
                # Came and left on one day.
                moved = _moved(before, day.seen, is_first=month is None, cause=day.cause)
                moved += _moved(day.seen, after, is_first=False, cause=day.cause)
            month = period_start("month", day.day) if month is None and moved else month
            for kind, cause, currency, minor in moved:
                self._add(Move(day.day, kind, cause, currency), sign, sign * minor)
                self._cohort(month, day.day, kind, currency, minor, sign)
                _mark(spells, day.day, kind, currency, day.cause)
            if unpriced := after.unpriced - before.unpriced:
                self._add(Move(day.day, "unpriced", "", PEOPLE), sign * unpriced, 0)
        for spell, following in pairwise([*spells, None]):
            if spell is not None and spell.ended != NEVER:
                self.spells[spell._replace(back=NEVER if following is None else following.started)] += sign

    def _add(self, move: Move, people: int, minor: int) -> None:
        sums = self.moves[move]
        sums[0] += people
        sums[1] += minor

    def _cohort(self, month: int | None, day: int, kind: Kind, currency: str, minor: int, sign: int) -> None:
        if month is None:
            return
        people = (-1 if kind == "churn" else 1) if currency == PEOPLE else 0
        sums = self.cohorts[Cohort(month, day, currency)]
        sums[0] += sign * people
        sums[1] += sign * minor

    def _terms(self, walked: Walked, zone: tzinfo, sign: int) -> None:
        begun: int | None = None
        last: Step | None = None
        for step in [*walked.steps, None]:
            if last is not None and begun is not None and (step is None or not step.standing.is_counted):
                lost_at = 0 if step is None else max(1, last.every.begun(begun, day_of(step.at, zone)))
                sums = self.terms[Term(last.every.name, last.standing.currency, begun, lost_at)]
                sums[0] += sign
                sums[1] += sign * last.standing.minor
                begun = None
            if step is None:
                return
            if step.standing.is_counted:
                begun, last = (day_of(step.at, zone) if begun is None else begun), step


class _Sum(NamedTuple):
    """A person's subscriptions together: how many count, how many of them have no price, and money by currency."""

    counted: int
    unpriced: int
    money: Mapping[str, int]

    @property
    def is_there(self) -> bool:
        """Whether the person subscribes."""
        return self.counted > 0


_NONE = _Sum(0, 0, {})


class _Day(NamedTuple):
    """A day on which something changed: how the person stood before and after, and last while there; why, if left."""

    day: int
    before: _Sum
    after: _Sum
    seen: _Sum
    cause: Cause


def _days(lives: Sequence[Sequence[Step]], zone: tzinfo) -> list[_Day]:
    if len(lives) == 1 and (found := _days_apart(lives[0], zone)) is not None:
        return found
    return _days_together(lives, zone)


def _days_apart(life: Sequence[Step], zone: tzinfo) -> list[_Day] | None:
    """The same of one subscription, as nearly everybody has; None: several steps are on one day."""
    found: list[_Day] = []
    now, last = _NONE, None
    for step in life:
        if step.at >= FOREVER:
            continue
        day, before, now = day_of(step.at, zone), now, _together((step.standing,))
        if day == last:
            return None
        last = day
        if before != now:
            left = before.is_there and not now.is_there
            found.append(_Day(day, before, now, now if now.is_there else before, step.cause if left else "unstated"))
    return found


def _days_together(lives: Sequence[Sequence[Step]], zone: tzinfo) -> list[_Day]:
    steps = sorted(
        ((each.at, index, each) for index, life in enumerate(lives) for each in life if each.at < FOREVER),
        key=itemgetter(0, 1),
    )
    standings: list[Standing] = [OUT] * len(lives)
    found: list[_Day] = []
    now = _NONE
    for day, of_day in groupby(steps, key=lambda step: day_of(step[0], zone)):
        before, seen, causes = now, now, set[Cause]()
        for _, at_once in groupby(of_day, key=itemgetter(0)):
            # Of several steps at one moment the last holds.
            last = {index: step for _, index, step in at_once}
            for index, step in last.items():
                if standings[index].is_counted and not step.standing.is_counted:
                    causes.add(step.cause)
                standings[index] = step.standing
            now = _together(standings)
            seen = now if now.is_there else seen
        found.append(_Day(day, before, now, seen, _cause(causes)))
    return [each for each in found if each.before != each.after or each.seen != each.before]


def _together(standings: Iterable[Standing]) -> _Sum:
    money: dict[str, int] = {}
    counted = unpriced = 0
    for each in standings:
        if each.is_counted:
            counted += 1
            unpriced += not each.currency
            money[each.currency] = money.get(each.currency, 0) + each.minor
    return _Sum(counted, unpriced, {code: minor for code, minor in money.items() if minor})


def _cause(causes: set[Cause]) -> Cause:
    # Who cancels one and lets another lapse has chosen to leave.
    return "voluntary" if "voluntary" in causes else "involuntary" if "involuntary" in causes else "unstated"


def _moved(before: _Sum, after: _Sum, *, is_first: bool, cause: Cause) -> list[tuple[Movement, str, str, int]]:
    """What moved between two moments: (movement, cause, currency, minor units); of people as a whole without money."""
    if not before.is_there and not after.is_there:
        return []
    changes = {
        code: after.money.get(code, 0) - before.money.get(code, 0) for code in before.money.keys() | after.money.keys()
    }
    if before.is_there and after.is_there:
        return [
            ("expansion" if change > 0 else "contraction", "", code, change)
            for code, change in changes.items()
            if change
        ]
    kind: Movement = "churn" if before.is_there else "new" if is_first else "reactivation"
    why = cause if kind == "churn" else ""
    return [(kind, why, PEOPLE, 0), *((kind, why, code, change) for code, change in changes.items())]


def _mark(spells: list[Spell], day: int, kind: Movement, currency: str, cause: Cause) -> None:
    if currency == PEOPLE and kind in ("new", "reactivation"):
        spells.append(Spell(day, NEVER, NEVER, "unstated"))
    elif currency == PEOPLE and kind == "churn":
        spells[-1] = spells[-1]._replace(ended=day, cause=cause)
