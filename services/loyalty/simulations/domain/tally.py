"""What a slice of members comes to, in sums that add up over slices."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from heapq import nsmallest
from typing import Literal, NamedTuple
from uuid import UUID

Run = Literal["live", "proposed"]
RUNS: tuple[Run, Run] = ("live", "proposed")
# What is told of points, by month and wallet.
FLOWS = (
    "opening", "issued", "other_in", "returned", "spent", "other_out", "expired", "over_limit", "outstanding", "unmet",
)  # fmt: skip
# So many members are shown who would gain most, and so many who would lose most.
EXAMPLES = 10


class Key(NamedTuple):
    """What is counted: points of a wallet (`subject`), or members of a track on a level (`after`), in a month.

    `members`: who held a level as the month ended; `moves`: who came from another (`before`) in the month; `switches`:
    who held one at the end of the period, and would hold another (the same counts, too).
    """

    measure: str
    run: Run
    month: date
    subject: str
    before: str = ""
    after: str = ""


class Example(NamedTuple):
    """A member who would have so many points more in a wallet, or (negative) fewer."""

    wallet: str
    person: UUID
    difference: int


@dataclass(slots=True)
class Tally:
    """Sums of some members."""

    counts: Counter[Key] = field(default_factory=Counter)
    # How many members would have so many more points in a wallet.
    differences: Counter[tuple[str, int]] = field(default_factory=Counter)
    _examples: defaultdict[str, list[Example]] = field(default_factory=lambda: defaultdict(list))

    def compare(self, person: UUID, live: Mapping[str, int], proposed: Mapping[str, int]) -> None:
        """What a member has at the end, and would have."""
        for wallet in sorted(live.keys() | proposed.keys()):
            difference = proposed.get(wallet, 0) - live.get(wallet, 0)
            self.differences[wallet, difference] += 1
            if difference:
                self._examples[wallet] = extremes([*self._examples[wallet], Example(wallet, person, difference)])

    @property
    def examples(self) -> list[Example]:
        """Those with the greatest differences, by wallet."""
        return [each for own in self._examples.values() for each in own]


def extremes(found: Iterable[Example]) -> list[Example]:
    """Of the examples of one wallet those who would gain most, and those who would lose most."""
    some = [*found]
    more = [each for each in some if each.difference > 0]
    fewer = [each for each in some if each.difference < 0]
    return [
        *nsmallest(EXAMPLES, more, key=lambda each: (-each.difference, each.person)),
        *nsmallest(EXAMPLES, fewer, key=lambda each: (each.difference, each.person)),
    ]
