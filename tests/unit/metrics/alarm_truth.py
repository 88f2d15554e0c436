"""A CUSUM of shares counted person by person and day by day, in plain lists: what the path is held against."""

from math import exp, log
from typing import NamedTuple


class Day(NamedTuple):
    """Of a day: those who did not, and those who did."""

    no: int
    yes: int


def odds_ratio(base: list[Day], change: float) -> float:
    """The odds ratio that moves the share of the base by `change` (−1 to 1), found by halving."""
    yes, n = sum(day.yes for day in base), sum(day.yes + day.no for day in base)
    p = yes / n
    room = (1 - p) if change > 0 else -p
    target = p + (change if abs(change) < abs(room) / 2 else room / 2)
    low, high = -30.0, 30.0
    for _ in range(200):
        middle = (low + high) / 2
        moved = p * exp(middle) / (1 - p + p * exp(middle))
        low, high = (middle, high) if moved < target else (low, middle)
    return (low + high) / 2


def shares(base: list[Day]) -> list[float]:
    """The share of each weekday from Monday on, drawn to that of all by twenty answers."""
    whole = sum(day.yes for day in base) / sum(day.yes + day.no for day in base)
    found = []
    for weekday in range(7):
        days = base[weekday::7]
        n = sum(day.yes + day.no for day in days)
        found.append((sum(day.yes for day in days) + 20 * whole) / (n + 20))
    return found


def dispersion(base: list[Day], by_weekday: list[float]) -> float:
    """How much sums of weeks vary more than chance would have them."""
    misses, expected, weeks = 0.0, 0.0, len(base) // 7
    for week in range(weeks):
        miss = 0.0
        for weekday in range(7):
            day, p = base[7 * week + weekday], by_weekday[weekday]
            miss += day.yes - (day.yes + day.no) * p
            expected += (day.yes + day.no) * p * (1 - p)
        misses += miss**2
    more = misses / expected * weeks / (weeks - 1) - 1
    return 1 + max(0.0, more) ** 3 / (more**2 + 2 / (weeks - 1))


def cusum(days: list[Day], start: int, change: float, base_weeks: int) -> list[float]:
    """The statistic of each day from `start` on, as if nothing were ever raised; the first day is a Monday."""
    statistic, found, rate, base, by_weekday, clumped = 0.0, [], 0.0, [], [0.0], 1.0
    for today in range(start, len(days)):
        if statistic == 0:
            end = (today - 14) // 7 * 7
            base = days[max(0, end - 7 * base_weeks) : end]
            rate, by_weekday = odds_ratio(base, change), shares(base)
            clumped = dispersion(base, by_weekday)
        p, day = by_weekday[today % 7], days[today]
        # Each who did is worth the odds ratio, each at all what the odds cost.
        ratio = day.yes * rate - (day.yes + day.no) * log(1 - p + p * exp(rate))
        statistic = max(0.0, statistic + ratio / clumped)
        found.append(statistic)
    return found
