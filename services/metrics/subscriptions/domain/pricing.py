"""What a subscription brings in a month, in whole minor units.

A price for another interval is brought to a month once, for the whole subscription (price × quantity), rounded half to
even: 100.00 a year are 8.33 a month. All sums are sums of these whole numbers, so that they add up exactly; twelve of
them need not be the year's price. A month is a twelfth of a year of 365 days.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from services.metrics.domain.calendar import to_date


class Interval(NamedTuple):
    """How often is paid: every so many months, or every so many days; one of the two is 0."""

    months: int
    days: int

    @property
    def in_months(self) -> Fraction:
        """How many months it lasts."""
        return Fraction(self.months) + Fraction(12 * self.days, 365)

    @property
    def name(self) -> str:
        """`m1` is each month, `d14` every fortnight."""
        return f"m{self.months}" if self.months else f"d{self.days}"

    def over(self, first: int, last: int) -> int:
        """How many of them are over on the day `last` that began on `first`.

        A month is over on the same day of the next one, or on the first day that comes after it.
        """
        if not self.months:
            return (last - first) // self.days
        (months, day), (then, other) = _month_and_day(first), _month_and_day(last)
        return (then - months - (other < day)) // self.months

    def begun(self, first: int, last: int) -> int:
        """The same with the one that has begun and is not over."""
        if not self.months:
            return -((first - last) // self.days)
        (months, day), (then, other) = _month_and_day(first), _month_and_day(last)
        return -((months - then - (other > day)) // self.months)

    @classmethod
    def of_name(cls, name: str) -> "Interval":
        """The inverse of `name`."""
        number = int(name[1:])
        return cls(number, 0) if name[0] == "m" else cls(0, number)


@lru_cache(maxsize=16_384)
def _month_and_day(day: int) -> tuple[int, int]:
    date = to_date(day)
    return 12 * date.year + date.month, date.day


MONTH = Interval(1, 0)
_WORDS = {
    Interval(0, 1): "day days daily ngày",
    Interval(0, 7): "week weeks weekly tuần",
    MONTH: "month months monthly tháng",
    Interval(3, 0): "quarter quarters quarterly quý",
    Interval(6, 0): "half_year half-year semiannual semi-annual biannual",
    Interval(12, 0): "year years yearly annual annually năm",
}
_BY_WORD = {word: interval for interval, words in _WORDS.items() for word in words.split()}
_ISO = re.compile(r"p(\d{1,4})([dwmy])", re.ASCII)
_UNITS = {"d": Interval(0, 1), "w": Interval(0, 7), "m": MONTH, "y": Interval(12, 0)}


@lru_cache(maxsize=4_096)
def interval_of(said: str | None, count: int | None) -> Interval | None:
    """The interval meant by a word (or ISO 8601, such as P2W) and how many of them; None: it cannot be read."""
    word = "" if said is None else said.strip().lower()
    base = _BY_WORD.get(word)
    number = count or 1
    if base is None and (iso := _ISO.fullmatch(word)) is not None:
        base, number = _UNITS[iso[2]], number * int(iso[1])
    if base is None or not number:
        return None
    return Interval(base.months * number, base.days * number)


class Terms(NamedTuple):
    """What was last said of a price, each part when it was; amounts in minor units of `currency`."""

    mrr_minor: int | None = None
    price_minor: int | None = None
    quantity: int | None = None
    interval: str | None = None
    interval_count: int | None = None
    currency: str | None = None

    @property
    def every(self) -> Interval:
        """How often is paid; each month where nobody said."""
        return interval_of(self.interval, self.interval_count) or MONTH

    @property
    def monthly_minor(self) -> int | None:
        """What it brings in a month; None: nobody said, or for an interval that cannot be read."""
        if self.mrr_minor is not None or self.price_minor is None:
            return self.mrr_minor
        every = interval_of(self.interval, self.interval_count)
        if every is None:
            return None
        return _a_month(self.price_minor * (self.quantity or 1), every)

    def then(self, later: "Terms") -> "Terms":
        """The terms after something more was said: a stated month goes before a price until a price is stated."""
        if later == _UNSAID:
            return self
        if later.mrr_minor is None and later.price_minor is None:
            return self._replace(
                quantity=later.quantity or self.quantity,
                interval=later.interval or self.interval,
                interval_count=later.interval_count or self.interval_count,
            )
        return Terms(
            later.mrr_minor,
            later.price_minor,
            later.quantity or self.quantity,
            later.interval or self.interval,
            later.interval_count or (None if later.interval else self.interval_count),
            later.currency,
        )


_UNSAID = Terms()


# A firm has few prices.
@lru_cache(maxsize=16_384)
def _a_month(minor: int, every: Interval) -> int:
    return round(minor / every.in_months)
