"""How customers stood at the end of every past day: whose histories were as long, worked out in one walk through all.

A history stays as it is from somebody's last day with a purchase until the next. Stays that are alike are counted
together; walking through the days, those that begin come to what is there, and those that end go.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from services.metrics.domain.models.histories import Ints
from services.metrics.domain.purchases import SEVERAL
from services.metrics.retention.domain.past import MOST_MONEY, Lives
from services.metrics.value.domain.worth import Base

# How often, first day, last day and the day after which it is another: together they fit into 64 bits.
_BITS, _MASK = 16, (1 << 16) - 1
_MOST_REPEATS, _NEVER = (1 << 15) - 1, _MASK
# So many are sorted anew for each that came since, at most.
_FEW = 1 << 20


class Stays(NamedTuple):
    """Distinct stays in ascending order, of how many customers, and what those spent again, in minor units."""

    key: Ints
    customers: Ints
    again_minor: Ints

    @classmethod
    def joined(cls, parts: Sequence["Stays"]) -> "Stays":
        """All together."""
        key = np.concatenate([each.key for each in parts])
        order = np.argsort(key, kind="stable")
        key = key[order]
        begin = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
        sums = (np.concatenate([each[column] for each in parts])[order] for column in (1, 2))
        return cls(key[begin], *(np.add.reduceat(each, begin) for each in sums))


@dataclass(slots=True)
class Standings:
    """All stays by currency (an index), and how many came to buy in several on each day."""

    stays: dict[int, list[Stays]] = field(default_factory=dict)
    mixed: dict[int, int] = field(default_factory=dict)
    money: float = 0.0
    is_in_reach: bool = True

    def take(self, of: Lives) -> None:
        """Count some persons, whole: no other call may have any of them."""
        self.money += of.money
        here = np.arange(len(of.day))
        repeats, first = here - of.begin, of.day[of.begin]
        is_last = np.append(of.begin[1:] == here[1:], True)
        until = np.where(is_last, _NEVER, np.append(of.day[1:], 0))
        if of.day.min() < 0 or of.day.max() >= _NEVER or repeats.max() > _MOST_REPEATS:
            self.is_in_reach = False
            return
        key = (((repeats << _BITS | first) << _BITS | of.day) << _BITS) | until
        again = of.net - of.net[of.begin]
        single = of.several == 0
        for currency in np.unique(of.currency[single]).tolist():
            rows = single & (of.currency == currency)
            self._add(currency, Stays(key[rows], np.ones(int(rows.sum()), np.int64), again[rows]))
        begun = np.flatnonzero((of.several > 0) & ((here == of.begin) | np.insert(single[:-1], 0, True)))
        for day, number in zip(*map(np.ndarray.tolist, np.unique(of.day[begun], return_counts=True)), strict=True):
            self.mixed[day] = self.mixed.get(day, 0) + number

    def _add(self, currency: int, stays: Stays) -> None:
        parts = self.stays.setdefault(currency, [])
        parts.append(Stays.joined([stays]))
        if sum(len(each.key) for each in parts[1:]) > max(_FEW, len(parts[0].key)):
            self.stays[currency] = [Stays.joined(parts)]

    @property
    def is_known(self) -> bool:
        """Whether all can be counted here: neither days nor money are beyond what these numbers hold."""
        return self.is_in_reach and self.money <= MOST_MONEY

    def walked(self, currencies: Sequence[str], first: int, last: int) -> Iterator[Mapping[str, Base]]:
        """Customers by currency as of the end of each day from `first` to `last`; under `*` those of several.

        `currencies` are those of the lines, by index. Uses up what was counted.
        """
        states = {index: _State(Stays.joined(self.stays.pop(index))) for index in sorted(self.stays)}
        for day in range(first, last + 1):
            found = {currencies[index]: base for index, state in states.items() if (base := state.at(day)) is not None}
            if several := sum(number for begun, number in self.mixed.items() if begun <= day):
                found[SEVERAL] = _crowd(several, min(self.mixed))
            yield found


def _crowd(customers: int, day: int) -> Base:
    """So many of whom no more is known than that they are there."""
    nothing, days = np.zeros(1), np.full(1, float(day))
    return Base(nothing, days, days, np.full(1, float(customers)), nothing)


class _State:
    """What is there of one currency as of the days walked through."""

    def __init__(self, stays: Stays) -> None:
        history = stays.key >> _BITS
        begin = np.flatnonzero(np.concatenate(([True], history[1:] != history[:-1])))
        self._history = history[begin]
        self._comes = [np.add.reduceat(each, begin) for each in stays[1:]]
        self._last = self._history & _MASK
        self._coming = np.argsort(self._last, kind="stable").astype(np.int32)
        place = np.repeat(np.arange(len(begin), dtype=np.int32), np.diff(np.append(begin, len(history))))
        until = (stays.key & _MASK).astype(np.int32)
        going = np.flatnonzero(until < _NEVER)
        going = going[np.argsort(until[going], kind="stable")]
        self._until, self._place = until[going], place[going]
        self._goes = [each[going] for each in stays[1:]]
        self._sums = np.zeros((2, len(begin)), np.int64)
        self._come = self._gone = 0

    def at(self, day: int) -> Base | None:
        """Go on to the end of a day; None: nobody is there yet."""
        come = int(np.searchsorted(self._last, day, "right", sorter=self._coming))
        rows = self._coming[self._come : come]
        gone = int(np.searchsorted(self._until, day, "right"))
        left = slice(self._gone, gone)
        for sums, comes, goes in zip(self._sums, self._comes, self._goes, strict=True):
            sums[rows] += comes[rows]
            np.subtract.at(sums, self._place[left], goes[left])
        self._come, self._gone = come, gone
        here = np.flatnonzero(self._sums[0])
        if not len(here):
            return None
        history = self._history[here]
        columns = (
            history >> 2 * _BITS, history >> _BITS & _MASK, history & _MASK, self._sums[0, here], self._sums[1, here]
        )  # fmt: skip
        return Base(*(each.astype(np.float64) for each in columns))
