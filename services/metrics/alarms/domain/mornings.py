"""Mornings of some subscribers, from what their subscriptions come to: as sums by day give them of all."""

from collections import Counter
from typing import NamedTuple

from services.metrics.subscriptions.domain.lives import MOVEMENTS, PEOPLE, Tally

_LOST = ("churn", "contraction")
_COMES = {"new": 1, "reactivation": 1, "churn": -1}


class Morning(NamedTuple):
    """A day: how many subscribe in its morning, what they come to (people, or minor units), and what of it went.

    `takers` are how many of them left or pay less.
    """

    people: int
    whole: float
    lost: float
    takers: int


def mornings_of(tally: Tally, first: int, last: int, currency: str = PEOPLE) -> dict[int, Morning]:
    """Of people, or of those who pay in a currency and what they bring in a month.

    Days before which nobody was there are not. Who came and left on one day was there in no morning.
    """
    people, worth, lost, takers = Counter[int](), Counter[int](), Counter[int](), Counter[int]()
    for move, (number, minor) in tally.moves.items():
        if move.currency == currency and move.kind in MOVEMENTS and move.day <= last:
            people[move.day] += _COMES.get(move.kind, 0) * number
            worth[move.day] += minor
            if move.kind in _LOST:
                lost[move.day] += number if currency == PEOPLE else -minor
                takers[move.day] += number
    if currency == PEOPLE:
        worth, takers = people, lost
        for spell, number in tally.spells.items():
            if spell.started == spell.ended:
                lost[spell.ended] -= number
    found: dict[int, Morning] = {}
    there, whole = 0, 0
    for day in range(min(people, default=first), last + 1):
        if day >= first and there > 0 and whole > 0:
            found[day] = Morning(there, float(whole), float(lost[day]), takers[day])
        there, whole = there + people[day], whole + worth[day]
    return found
