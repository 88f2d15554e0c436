"""Retention by brute force: straight from the definitions, person by person and day by day.

Nothing here is taken from the service: no cells, no sums, no arithmetic of periods but walking through days.
"""

from collections import Counter
from datetime import date, timedelta
from uuid import UUID

from metrics_truth import Bought, Truth, period_start

DAY = timedelta(days=1)


def lives(truth: Truth, until: date) -> list[list[date]]:
    """The days of each person's orders, with repeats."""
    return [sorted(days) for days in truth.purchases(until).values()]


def silences(truth: Truth, until: date) -> tuple[Counter[int], Counter[int]]:
    ended: Counter[int] = Counter()
    going: Counter[int] = Counter()
    for days in lives(truth, until):
        distinct = sorted(set(days))
        for place, day in enumerate(distinct):
            if place + 1 < len(distinct):
                ended[(distinct[place + 1] - day).days] += 1
            else:
                going[(until - day).days] += 1
    return ended, going


def waits(truth: Truth, until: date, nth: int) -> tuple[Counter[int], Counter[int]]:
    """From the nth order to the next one."""
    ended: Counter[int] = Counter()
    going: Counter[int] = Counter()
    for days in lives(truth, until):
        if len(days) > nth:
            ended[(days[nth] - days[nth - 1]).days] += 1
        elif len(days) == nth:
            going[(until - days[nth - 1]).days] += 1
    return ended, going


def within(truth: Truth, until: date, days: int) -> tuple[int, int]:
    old = [life for life in lives(truth, until) if (until - life[0]).days >= days]
    return sum(1 for life in old if len(life) > 1 and (life[1] - life[0]).days <= days), len(old)


def came_back(truth: Truth, until: date, horizon: int, window: int) -> tuple[int, int]:
    """Of who had lapsed `horizon` days before, who bought since; a lapse is `window` days without a purchase."""
    then = until - horizon * DAY
    lapsed = [
        life
        for life in lives(truth, until)
        if life[0] <= then and not any(then - window * DAY < day <= then for day in life)
    ]
    return sum(1 for life in lapsed if life[-1] > then), len(lapsed)


def starts(period: str, first: date, last: date) -> list[date]:
    """First days of the periods that these days touch."""
    found = [period_start(period, first)]
    day = first
    while day <= last:
        start = period_start(period, day)
        if start != found[-1]:
            found.append(start)
        day += DAY
    return found


def retained(truth: Truth, until: date, period: str, cohort: date, later: int, rule: str) -> int:
    """Customers of a cohort (the first day of its period) who count so many periods later."""
    count = 0
    for life in lives(truth, until):
        if period_start(period, life[0]) != cohort:
            continue
        periods = {period_start(period, day) for day in life}
        walk = starts(period, cohort, until)
        if rule == "on":
            count += walk[later] in periods
        elif rule == "every":
            count += all(each in periods for each in walk[: later + 1])
        else:
            count += any(each >= walk[later] for each in periods)
    return count


class Person:
    """What one person bought up to a day."""

    def __init__(self, orders: list[Bought]) -> None:
        self.last = max(order.day for order in orders)
        self.orders = len(orders)
        self.net = sum(order.total - sum(paid for _, paid in order.refunds) for order in orders)
        currencies = {order.currency for order in orders}
        self.currency = currencies.pop() if len(currencies) == 1 else "*"


def persons(truth: Truth, until: date) -> dict[frozenset[UUID], Person]:
    found: dict[frozenset[UUID], list[Bought]] = {}
    for order in truth.orders:
        if order.is_purchase and order.day is not None and order.day <= until:
            found.setdefault(truth.person(order.customer), []).append(order)
    return {keys: Person(orders) for keys, orders in found.items()}


def score(value: object, everybody: list, parts: int) -> int:
    """1 and one more for each part's end that it exceeds; an end is the smallest value that so many do not exceed."""
    found = 1
    for part in range(1, parts):
        end = min(
            each for each in everybody if sum(other <= each for other in everybody) * parts >= part * len(everybody)
        )
        found += value > end
    return found


def three_digits(minor: int) -> int:
    """Rounded up: what is cut off after three digits makes the last of them one more."""
    digits = str(minor)
    kept = int(digits[:3]) + (1 if digits[3:].strip("0") else 0)
    return min(kept * 10 ** len(digits[3:]), 9_223_372_036_854_775_807)


def rfm(truth: Truth, until: date, currency: str) -> dict[frozenset[UUID], tuple[int, int, int]]:
    """Scores of each customer of a currency."""
    crowd = {keys: one for keys, one in persons(truth, until).items() if one.currency == currency}
    lasts, nets = [one.last for one in crowd.values()], [three_digits(one.net) for one in crowd.values()]
    often = [one.orders for one in crowd.values() if one.orders > 1]
    return {
        keys: (
            score(one.last, lasts, 5),
            1 if one.orders == 1 else 1 + score(one.orders, often, 4),
            score(three_digits(one.net), nets, 5),
        )
        for keys, one in crowd.items()
    }
