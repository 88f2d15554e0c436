"""One person's way through one track: facts come in the order of time, levels come and go.

Pure, and the only place where it is decided who holds which level: what is stored is what this says for now.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from itertools import accumulate
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from services.loyalty.programs.domain import calendar
from services.loyalty.programs.domain.calendar import add_days, add_months, in_year, local_day
from services.loyalty.tiers.domain.track import (
    ByMetric,
    ByPoints,
    BySpend,
    Calendar,
    Level,
    Lifetime,
    Rolling,
    Track,
)

Reason = Literal["qualified", "downgraded", "rules"]
_NOWHERE = -1
_MOMENT = timedelta(microseconds=1)
_NEVER = datetime.max.replace(tzinfo=UTC)
# No number of a touchpoint counts for more.
MAX_AMOUNT = 10**12

# Asked for the same few days again and again.
day_start = lru_cache(maxsize=4_096)(calendar.day_start)


@lru_cache(maxsize=4_096)
def _months_on(day: date, months: int, zone: ZoneInfo) -> datetime:
    """When the same day some months on begins."""
    return calendar.day_start(add_months(day, months), zone)


class Earned(NamedTuple):
    """What one fact brings to whatever is measured: points by wallet, money by currency, orders.

    `name` is that of a touchpoint, `amounts` are its numbers by property.
    """

    at: datetime
    points: tuple[tuple[str, int], ...] = ()
    spend: tuple[tuple[str, int], ...] = ()
    orders: int = 0
    name: str | None = None
    amounts: Mapping[str, str] = {}


class Version(NamedTuple):
    """A track as it holds from a moment on."""

    version: int
    track: Track
    effective_from: datetime


class Step(NamedTuple):
    """Another level from a moment on; None: none."""

    at: datetime
    level: str | None
    reason: Reason


@dataclass(slots=True)
class Walk:
    """The way so far. `versions` are in the order of their effect; before the first there is no track."""

    key: str
    versions: Sequence[Version]
    zone: ZoneInfo
    joined: datetime
    steps: list[Step] = field(default_factory=list)
    valid_until: datetime | None = None
    since: datetime | None = None
    _place: int = _NOWHERE
    _track: Track | None = None
    _next: int = 0
    _facts: list[Earned] = field(default_factory=list)
    _times: list[datetime] = field(default_factory=list)
    # Sums of the amounts before each fact, and of all: what is measured never goes down, so they can be searched.
    _sums: list[int] = field(default_factory=lambda: [0])
    # When each fact leaves a rolling window.
    _ends: list[datetime] = field(default_factory=list)
    # Before this moment time alone changes nothing; None: it is to be worked out.
    _quiet_until: datetime | None = None

    @property
    def level(self) -> Level | None:
        """The level held now."""
        return self._track.levels[self._place] if self._track and self._place != _NOWHERE else None

    @property
    def track(self) -> Track | None:
        """The version that holds now."""
        return self._track

    @property
    def place(self) -> int:
        """Where the level stands, from 0; -1: none."""
        return self._place

    @property
    def held_until(self) -> datetime | None:
        """Until when the level is held for what is known; None: for good."""
        track, level = self._track, self.level
        if track is None or level is None or level.keeps or track.downgrade == "never":
            return None
        return self.valid_until

    @property
    def review_at(self) -> datetime | None:
        """When time alone may change something next."""
        review = self._review()
        if self._next == len(self.versions):
            return review
        other = self.versions[self._next].effective_from
        return other if review is None else min(review, other)

    def advance(self, to: datetime) -> None:
        """Let time pass until a moment, that moment included: reviews, and other versions of the track."""
        if self._quiet_until is not None and to < self._quiet_until:
            return
        while (due := self.review_at) is not None and due <= to:
            if self._next < len(self.versions) and self.versions[self._next].effective_from == due:
                self._change(self.versions[self._next])
            else:
                self._look_again(due)
        self._quiet_until = due or _NEVER

    def record(self, earned: Earned) -> None:
        """A fact comes, no earlier than the one before."""
        self.advance(earned.at)
        self._facts.append(earned)
        if self._track is None:
            return
        self._times.append(earned.at)
        self._sums.append(self._sums[-1] + _amount(self._track, earned))
        if type(self._track.window) is Rolling:
            self._ends.append(self._leaves(earned.at, self._track.window.months))
        self._lift(earned.at, "qualified")

    def measured(self, at: datetime) -> int:
        """What counts at a moment."""
        return self._sum_from(self._window_start(at))

    def is_above_facts(self, at: datetime) -> bool:
        """Whether more is held than would be reached anew."""
        return self._place > self._qualified(self.measured(at))

    def _lift(self, at: datetime, reason: Reason) -> None:
        """Go up where the facts reach, or hold what they reach again for longer."""
        place = self._qualified(self.measured(at))
        if place > self._place:
            self._quiet_until = None
            self._step(place, at, reason)
            self.valid_until = self._end(place, at)
        elif place == self._place != _NOWHERE:
            self._quiet_until = None
            end = self._end(place, at)
            self.valid_until = None if end is None or self.valid_until is None else max(end, self.valid_until)

    def _step(self, place: int, at: datetime, reason: Reason) -> None:
        self._place = place
        self.since = at
        level = self.level
        self.steps.append(Step(at, level.key if level else None, reason))
        if place == _NOWHERE:
            self.valid_until = None

    def _review(self) -> datetime | None:
        until = self.held_until
        if self._track is None or until is None or self._track.grace_days == 0:
            return until
        return day_start(add_days(local_day(until, self.zone), self._track.grace_days), self.zone)

    def _look_again(self, at: datetime) -> None:
        """The time of a level is over: what came since its last period began, grace included, decides."""
        track, over = self._track, self.valid_until
        if track is None or over is None:
            return
        start = self._period_start(over if track.holds == "period" else over - _MOMENT)
        if isinstance(track.window, Rolling):
            start = self._left_by(over)
        qualified = self._qualified(self._sum_from(start))
        place = max(qualified, self._place - 1) if track.downgrade == "one_down" else qualified
        if place >= self._place:
            place = self._place
        else:
            self._step(place, at, "downgraded")
        if place != _NOWHERE:
            self.valid_until = self._end_after(place, qualified, over)

    def _end_after(self, place: int, qualified: int, over: datetime) -> datetime | None:
        """How long a level is held that was kept, or come down to, when another's time was over."""
        track = self._track
        if track is None or isinstance(track.window, Lifetime):
            return None
        if not isinstance(track.window, Rolling):
            return self._period_end(over)
        months = track.window.months
        falls = self._falls(track.levels[place].threshold, over) if place <= qualified else None
        if falls is None and place <= qualified:
            return None
        if falls is None or falls <= over:
            return _months_on(local_day(over, self.zone), months, self.zone)
        return self._held_on(falls, months)

    def _change(self, version: Version) -> None:
        """Another version of the track holds from now on."""
        self._next += 1
        held, before = self.level, self.valid_until
        self._track = version.track
        at = version.effective_from
        self._times = [each.at for each in self._facts]
        self._sums = [0, *accumulate(_amount(version.track, each) for each in self._facts)]
        window = version.track.window
        self._ends = [self._leaves(at, window.months) for at in self._times] if isinstance(window, Rolling) else []
        place = version.track.place(held.key) if held else None
        self._place = _NOWHERE if place is None else place
        qualified = self._qualified(self.measured(at))
        if held is not None and place is None:
            self._step(qualified, at, "rules")
            self.valid_until = self._end(qualified, at)
            return
        if version.track.on_change == "apply" and qualified < self._place:
            self._step(qualified, at, "rules")
            self.valid_until = self._end(qualified, at)
            return
        self._lift(at, "rules")
        if self._place != _NOWHERE and before is None and self.valid_until is None:
            self.valid_until = self._end(self._place, at)

    def _qualified(self, amount: int) -> int:
        track = self._track
        if track is None or not self._facts:
            return _NOWHERE
        return bisect_right(track.thresholds, amount) - 1

    def _end(self, place: int, at: datetime) -> datetime | None:
        """How long a level is held that is qualified for at a moment."""
        track = self._track
        if track is None or place == _NOWHERE or type(track.window) is Lifetime:
            return None
        if type(track.window) is Rolling:
            falls = self._falls(track.levels[place].threshold, at)
            return None if falls is None else self._held_on(falls, track.window.months)
        end = self._period_end(at)
        return end if track.holds == "period" else self._period_end(end)

    def _held_on(self, falls: datetime, months: int) -> datetime:
        if self._track is not None and self._track.holds == "period":
            return falls
        return _months_on(local_day(falls, self.zone), months, self.zone)

    def _falls(self, threshold: int, at: datetime) -> datetime | None:
        """When what is in the rolling window at a moment no longer reaches a threshold; None: never."""
        track = self._track
        if track is None or type(track.window) is not Rolling or threshold == 0:
            return None
        first = self._left_by(at)
        if self._sums[-1] - self._sums[first] < threshold:
            return None
        # The last fact without which too little is left.
        place = bisect_right(self._sums, self._sums[-1] - threshold) - 1
        return self._ends[max(first, place)]

    def _leaves(self, at: datetime, months: int) -> datetime:
        """When a fact is no longer within the last months."""
        return _months_on(local_day(at, self.zone), months, self.zone)

    def _left_by(self, at: datetime) -> int:
        """How many facts are out of the rolling window at a moment."""
        return bisect_right(self._ends, at)

    def _window_start(self, at: datetime) -> int:
        track = self._track
        # Not isinstance, which models make slow, and which is asked here for every fact.
        if track is not None and type(track.window) is Rolling:
            return self._left_by(at)
        return self._period_start(at)

    def _period_start(self, at: datetime) -> int:
        """How many facts are before the period in which a moment lies."""
        track = self._track
        if track is None or type(track.window) in (Lifetime, Rolling):
            return 0
        begin = day_start(self._period(local_day(at, self.zone))[0], self.zone)
        return bisect_right(self._times, begin - _MOMENT)

    def _period_end(self, at: datetime) -> datetime:
        return day_start(self._period(local_day(at, self.zone))[1], self.zone)

    def _period(self, day: date) -> tuple[date, date]:
        """The first day of the period in which a day lies, and that of the next."""
        if self._track is None or type(self._track.window) is Calendar:
            return date(day.year, 1, 1), date(min(day.year + 1, date.max.year), 1, 1)
        joined = local_day(self.joined, self.zone)
        this = in_year(day.year, joined.month, joined.day)
        if this <= day:
            return this, in_year(min(day.year + 1, date.max.year), joined.month, joined.day)
        return in_year(max(day.year - 1, 1), joined.month, joined.day), this

    def _sum_from(self, place: int) -> int:
        return self._sums[-1] - self._sums[place]


def _amount(track: Track, earned: Earned) -> int:
    measure = track.measure
    if type(measure) is ByPoints:
        return sum(points for wallet, points in earned.points if wallet == measure.wallet)
    if type(measure) is BySpend:
        return sum(minor for currency, minor in earned.spend if currency == measure.currency)
    if type(measure) is ByMetric:
        return _metric(measure, earned)
    return earned.orders


def _metric(measure: ByMetric, earned: Earned) -> int:
    if earned.name != measure.name:
        return 0
    if measure.property is None:
        return 1
    value = earned.amounts.get(measure.property)
    if value is None:
        return 0
    whole = Decimal(value).scaleb(measure.decimals).to_integral_value(ROUND_HALF_EVEN)
    return min(MAX_AMOUNT, max(0, int(whole)))
