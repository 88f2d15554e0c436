"""How retention stood at the end of every past day, worked out in one walk through all days.

Everybody is looked at once, some thousand persons at a time, for what changes on each day: sums by day and key, of
which there are no more with more customers. Walking through the days they are added up, and at the end of each what is
there is the document that counting everybody up to that day (`repository.scans`) ends in, number for number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from services.metrics.domain.calendar import PERIODS, Period
from services.metrics.domain.models.histories import Ints
from services.metrics.domain.purchases import SEVERAL
from services.metrics.domain.tallies import MAX_NTH, MOST_COHORTS, place
from services.metrics.retention.domain.recurring import again_within

# Waits by kind: that for the next day with a purchase, and from the nth order to the next.
_SILENCE = 0
# Above this sums of money might not fit into 64 bits: what is said of money is left to the database.
MOST_MONEY = 2.0**62
# So often changes of chunks are put together.
_CHUNKS = 6
# A number of orders beside a day in one key.
_ORDERS = 1 << 24
_THOUSAND, _TENS = 1_000, 10 ** np.arange(18, dtype=np.int64)
_RECENCY_PARTS, _FREQUENCY_PARTS, _MONEY_PARTS = 5, 4, 5

Document = Any


class Lines(NamedTuple):
    """What persons bought, whole persons: (who, day, currency) may come several times, one for each of their keys.

    `person` is any number of their own, ascending; `currency` is an index.
    """

    person: Ints
    day: Ints
    currency: Ints
    orders: Ints
    net: Ints


class Rows(NamedTuple):
    """Changes: on a day, of a key of two numbers; `sums` of shape (sums, rows)."""

    day: Ints
    one: Ints
    two: Ints
    sums: Ints

    @classmethod
    def joined(cls, parts: Sequence["Rows"]) -> "Rows":
        """All together, one row for each day and key, in ascending order; none that changes nothing."""
        day, one, two = (np.concatenate([each[column] for each in parts]) for column in range(3))
        order = np.lexsort((two, one, day))
        day, one, two = day[order], one[order], two[order]
        is_new = np.ones(len(day), np.bool_)
        is_new[1:] = (day[1:] != day[:-1]) | (one[1:] != one[:-1]) | (two[1:] != two[:-1])
        first = np.flatnonzero(is_new)
        sums = np.concatenate([each.sums for each in parts], axis=1)[:, order]
        sums = np.add.reduceat(sums, first, axis=1) if len(first) else sums
        is_any = sums.any(axis=0)
        return cls(day[first][is_any], one[first][is_any], two[first][is_any], sums[:, is_any])


@dataclass(slots=True)
class Changes:
    """All that changes on any day, by table; `money` is all that was ever paid or given back, about."""

    tables: dict[str, list[Rows]] = field(default_factory=dict)
    money: float = 0.0

    def add(self, table: str, day: Ints, one: Ints | int, two: Ints, *sums: Ints | int) -> None:
        """Count something on days, by key."""
        rows = Rows(
            day,
            np.broadcast_to(np.asarray(one, np.int64), day.shape),
            two,
            np.stack([np.broadcast_to(np.asarray(each, np.int64), day.shape) for each in sums]),
        )
        self.tables.setdefault(table, []).append(rows)

    @property
    def first_day(self) -> int | None:
        """The day of the first purchase of all; None: there was none."""
        return min((int(rows.day.min()) for rows in self.tables.get("first", ()) if len(rows.day)), default=None)

    def settle(self, at_most: int) -> None:
        """Put together what came in more parts than that."""
        for table, parts in self.tables.items():
            if len(parts) > at_most:
                self.tables[table] = [Rows.joined(parts)]

    def take(self, lives: "Lives") -> None:
        """Count the changes of some persons, whole: no other call may have any of them."""
        self.money += lives.money
        own = Changes()
        _waits(own, lives)
        for period in PERIODS:
            _chain(own, lives, period)
        _standings(own, lives)
        own.settle(0)
        for table, parts in own.tables.items():
            self.tables.setdefault(table, []).extend(parts)
        self.settle(_CHUNKS)


@dataclass(frozen=True, slots=True)
class Lives:
    """Days with a purchase, person by person; `begin` is the place of each person's first, for each row.

    `known` and `net` are orders and money up to the day and with it; `several`: by then in more than one currency.
    `money` is all that was ever paid or given back, about.
    """

    day: Ints
    begin: Ints
    known: Ints
    orders: Ints
    net: Ints
    currency: Ints
    several: Ints
    money: float

    @classmethod
    def of(cls, lines: Lines) -> "Lives":
        """Of whole persons, at least one."""
        order = np.lexsort((lines.day, lines.person))
        person, day = lines.person[order], lines.day[order]
        is_new = np.ones(len(day), np.bool_)
        is_new[1:] = (person[1:] != person[:-1]) | (day[1:] != day[:-1])
        at = np.flatnonzero(is_new)
        orders, net = (np.add.reduceat(each[order], at) for each in (lines.orders, lines.net))
        least, most = (of.reduceat(lines.currency[order], at) for of in (np.minimum, np.maximum))
        person, day = person[at], day[at]
        is_first = np.ones(len(day), np.bool_)
        is_first[1:] = person[1:] != person[:-1]
        begin = np.maximum.accumulate(np.where(is_first, np.arange(len(day)), 0))
        currency = least[begin]
        mixed = _upto(((least != currency) | (most != currency)).astype(np.int64), begin)
        several = (mixed > 0).astype(np.int64)
        money = float(np.abs(lines.net.astype(np.float64)).sum())
        return cls(day, begin, _upto(orders, begin), orders, _upto(net, begin), currency, several, money)

    @property
    def is_first(self) -> Any:
        """Which rows are somebody's first."""
        return self.begin == np.arange(len(self.begin))


def _upto(values: Ints, begin: Ints) -> Ints:
    """Sums from the beginning of each person."""
    sums = np.cumsum(values)
    return np.asarray(sums - (sums - values)[begin], np.int64)


def _waits(into: Changes, of: Lives) -> None:
    first, again = np.flatnonzero(of.is_first), np.flatnonzero(~of.is_first)
    into.add("first", of.day[first], 0, of.day[first], 1)
    into.add("going", of.day, _SILENCE, of.day, 1)
    _ended(into, _SILENCE, of.day[again - 1], of.day[again])
    # On which row each person has the nth order; rows of one person follow one another.
    before = of.known - of.orders
    rows = [np.flatnonzero((before < nth) & (of.known >= nth)) for nth in range(1, MAX_NTH + 2)]
    for nth in range(1, MAX_NTH + 1):
        since, till = rows[nth - 1], rows[nth]
        into.add("going", of.day[since], nth, of.day[since], 1)
        # Whoever has the next has this one, so both are in the order of persons.
        has_next = np.isin(of.begin[since], of.begin[till], assume_unique=True)
        _ended(into, nth, of.day[since[has_next]], of.day[till])


def _ended(into: Changes, kind: int, since: Ints, till: Ints) -> None:
    into.add("going", till, kind, since, -1)
    into.add("ended", till, kind, till - since, 1)


def _chain(into: Changes, of: Lives, period: Period) -> None:
    """Cohorts: on the first day of somebody in a period they are there, and not last where they were before."""
    low = int(of.day.min())
    places = np.array([place(period, day) for day in range(low, int(of.day.max()) + 1)], np.int64)[of.day - low]
    is_new = of.is_first
    is_new[1:] |= places[1:] != places[:-1]
    cohort = places[of.begin]
    later, missed = places - cohort, _upto(is_new.astype(np.int64), of.begin) - 1
    rows = np.flatnonzero(is_new & (later < MOST_COHORTS[period]))
    is_unbroken = (later[rows] == missed[rows]).astype(np.int64)
    into.add(period, of.day[rows], cohort[rows], later[rows], 1, 1, is_unbroken)
    left = np.flatnonzero(is_new & ~of.is_first)
    left = left[later[left - 1] < MOST_COHORTS[period]]
    into.add(period, of.day[left], cohort[left], later[left - 1], 0, -1, 0)


def _standings(into: Changes, of: Lives) -> None:
    """Crowds by currency, last day and orders, and worths by currency: where somebody stands, and stood before."""
    currency = np.where(of.several > 0, -1, of.currency)
    net = np.where(of.several > 0, 0, of.net)
    keys = of.day * _ORDERS + np.minimum(of.known, _ORDERS - 1)
    worths = ceilings(net)
    again = np.flatnonzero(~of.is_first)
    into.add("crowd", of.day, currency, keys, 1, net)
    into.add("crowd", of.day[again], currency[again - 1], keys[again - 1], -1, -net[again - 1])
    one = np.flatnonzero(currency >= 0)
    into.add("worth", of.day[one], currency[one], worths[one], 1)
    was = again[currency[again - 1] >= 0]
    into.add("worth", of.day[was], currency[was - 1], worths[was - 1], -1)


def ceilings(minor: Ints) -> Ints:
    """`tallies.ceiling` of each amount."""
    step = _TENS[np.searchsorted(_TENS, minor // _THOUSAND, "right")]
    return np.where(minor > _THOUSAND, -(-minor // step) * step, minor)


class _State:
    """A table as of the days walked through: sums by key, keys in ascending order."""

    def __init__(self, rows: Rows) -> None:
        self._rows, self._at = rows, 0
        order = np.lexsort((rows.two, rows.one))
        one, two = rows.one[order], rows.two[order]
        is_new = np.ones(len(one), np.bool_)
        is_new[1:] = (one[1:] != one[:-1]) | (two[1:] != two[:-1])
        self.one, self.two = one[is_new], two[is_new]
        self._key = np.empty(len(one), np.int64)
        self._key[order] = np.cumsum(is_new) - 1
        self.sums = np.zeros((len(rows.sums), len(self.one)), np.int64)

    def walk(self, day: int) -> None:
        """Go on to the end of a day."""
        end = int(np.searchsorted(self._rows.day, day, "right"))
        for sums, changes in zip(self.sums, self._rows.sums, strict=True):
            np.add.at(sums, self._key[self._at : end], changes[self._at : end])
        self._at = end

    def of(self, one: int) -> tuple[Ints, Ints]:
        """What is there of keys that begin so: their second parts, and sums."""
        begin, end = np.searchsorted(self.one, (one, one + 1))
        here = begin + np.flatnonzero(self.sums[0, begin:end])
        return self.two[here], self.sums[:, here]


def walked(
    changes: Changes, currencies: Sequence[str], first: int, last: int
) -> Iterator[tuple[int, Mapping[str, Document]]]:
    """The documents of each day from `first` to `last`, by subject; None: it cannot be said here. Uses the changes up.

    `currencies` are those of the lines, by index.
    """
    if not changes.tables:
        return
    is_money_known = changes.money <= MOST_MONEY
    changes.settle(1)
    states = {table: _State(*changes.tables.pop(table)) for table in list(changes.tables)}
    for day in range(first, last + 1):
        for state in states.values():
            state.walk(day)
        yield (
            day,
            {
                "silences": _lengths(states, _SILENCE, day),
                "second_orders": _second(states, day),
                "next_orders": _next(states, day),
                "rfm": _scores(states, currencies, day) if is_money_known else None,
                **{f"cohorts.{period}": _cohorts(states[period], period, day) for period in PERIODS},
            },
        )


def _pairs(state: _State, kind: int) -> tuple[list[int], list[int]]:
    keys, (number,) = state.of(kind)
    return keys.tolist(), number.tolist()


def _lengths(states: Mapping[str, _State], kind: int, day: int) -> dict[str, list[tuple[int, int]]]:
    ended = zip(*_pairs(states["ended"], kind), strict=True)
    since, waiting = _pairs(states["going"], kind)
    return {"ended": list(ended), "going": [(day - at, number) for at, number in zip(since, waiting, strict=True)]}


def _second(states: Mapping[str, _State], day: int) -> Document:
    found = _lengths(states, 1, day)
    firsts = list(zip(*_pairs(states["first"], 0), strict=True))
    within = again_within(found["ended"], found["going"], firsts, day)
    return {**found, "within": [tuple(each) for each in within]}


def _next(states: Mapping[str, _State], day: int) -> Document:
    rows: list[tuple[int, int, int, int]] = []
    for nth in range(2, MAX_NTH + 1):
        found = _lengths(states, nth, day)
        for is_over, name in enumerate(("going", "ended")):
            rows += ((nth, days, is_over, number) for days, number in found[name])
    return rows


def _cohorts(state: _State, period: Period, day: int) -> Document:
    low = place(period, day) + 1 - MOST_COHORTS[period]
    begin = int(np.searchsorted(state.one, low))
    here = begin + np.flatnonzero(state.sums[0, begin:])
    rows: list[list[int]] = np.stack((state.one[here] - low, state.two[here], *state.sums[:, here]), axis=1).tolist()
    return rows


def _scores(states: Mapping[str, _State], currencies: Sequence[str], day: int) -> Document:
    found: list[list[Any]] = []
    for index, currency in ((-1, SEVERAL), *enumerate(currencies)):
        keys, (customers, net) = states["crowd"].of(index)
        if not len(keys):
            continue
        last, orders = keys // _ORDERS, keys % _ORDERS
        again = np.flatnonzero(orders > 1)
        again = again[np.argsort(orders[again], kind="stable")]
        recency = _cuts(last, customers, _RECENCY_PARTS)
        frequency = _cuts(orders[again], customers[again], _FREQUENCY_PARTS)
        money: list[int] = []
        groups: list[list[Any]] = []
        if currency != SEVERAL:
            worths, (number,) = states["worth"].of(index)
            money = _cuts(worths, number, _MONEY_PARTS)
            often = np.where(orders > 1, 1 + np.searchsorted(frequency, orders), 0)
            columns = (customers, orders * customers, net, (day - last) * customers)
            groups = _groups(np.searchsorted(recency, last), often, columns)
        found.append([currency, int(customers.sum()), recency, frequency, list(map(str, money)), groups])
    return sorted(found, key=lambda each: (-each[1], each[0]))


def _cuts(values: Ints, customers: Ints, parts: int) -> list[int]:
    """The smallest of the ascending values that one, two, … of so many parts of their customers do not exceed."""
    upto = np.cumsum(customers)
    if not len(upto):
        return []
    wanted = upto[-1] * np.arange(1, parts)
    found: list[int] = values[np.searchsorted(upto * parts, wanted)].tolist()
    return found


def _groups(recency: Ints, often: Ints, columns: Sequence[Ints]) -> list[list[Any]]:
    """Sums by both scores, counted from 0; money as text, for JSON knows no whole number as large as it can be."""
    width = _FREQUENCY_PARTS + 1
    sums = np.zeros((len(columns), _RECENCY_PARTS * width), np.int64)
    for into, column in zip(sums, columns, strict=True):
        np.add.at(into, recency * width + often, column)
    return [
        [1 + code // width, 1 + code % width, *sums[:2, code].tolist(), str(sums[2, code]), int(sums[3, code])]
        for code in np.flatnonzero(sums[0]).tolist()
    ]
