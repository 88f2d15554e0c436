"""What the code under test makes of everybody, without a database: the rows it would keep, and how they are read."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from subscription_oracle import ZONE

from services.metrics.subscriptions.domain.facts import Subscription, fact_of
from services.metrics.subscriptions.domain.lives import PEOPLE, Tally
from services.metrics.subscriptions.domain.people import Crowd, Ended, all_ended, of_people
from services.metrics.subscriptions.domain.policy import Policy
from services.metrics.subscriptions.domain.stream import DaySum, Stream, streams_of
from shared.events.envelope import Event


@dataclass
class Counted:
    """What the code under test makes of everybody."""

    tally: Tally

    def __init__(self, persons: Sequence[Mapping[str, Sequence[Event[Any]]]], policy: Policy) -> None:
        self.tally = Tally()
        for person in persons:
            subs = [Subscription(name, ()).with_facts(map(fact_of, events)) for name, events in person.items()]
            self.tally.add(subs, policy, ZONE)

    def rows(self, first: int, last: int) -> list[DaySum]:
        """As the database would give them."""
        sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
        for move, (number, minor) in self.tally.moves.items():
            if move.day <= last:
                total = sums[max(move.day, first - 1), move.kind, move.cause, move.currency]
                total[0] += number
                total[1] += minor
        return [DaySum(*key, *total) for key, total in sums.items()]

    def crowd(self, first: int, last: int) -> Crowd:
        """As it is read: who came or came back within the days one by one, all others by movements."""
        ended = [Ended(*spell, number) for spell, number in self.tally.spells.items() if first <= spell.ended <= last]
        within = [each for each in ended if each.started >= first or each.back <= last]
        moves = self.tally.moves.items()
        left = {
            (move.day, move.cause): sums[0]
            for move, sums in moves
            if (move.kind, move.currency) == ("churn", PEOPLE) and first <= move.day <= last
        }
        return Crowd(first, of_people(self.rows(first, last)), all_ended(left, within, first))

    def streams(self, first: int, last: int) -> list[Stream]:
        rows = self.rows(first, last)
        return streams_of(rows, first)
