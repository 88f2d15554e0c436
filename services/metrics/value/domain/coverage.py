"""Measured coverage: of what came true in the back-test, how much lay in the intervals that were given for it."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel

from services.metrics.domain.models.histories import Array
from services.metrics.value.domain.lives import Lives

LEVELS = (0.8, 0.95)
# Where an interval of a level held too little, one of the next of these is given instead.
_WIDER = (0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995, 1.0)
Figure = Literal["purchases", "value"]


class Coverage(BaseModel, frozen=True):
    """Intervals of single customers at a level: in how many of all `cases` (a customer in a round) they held.

    `promised` is what the model says they hold: more than `level`, for purchases are whole numbers and most people buy
    none. `drawn_at` is the level that they have to be drawn at for the share of `inside` to reach `level`; where it is
    higher, what is served is widened to it.
    """

    figure: Figure
    level: float
    cases: int
    inside: int
    promised: float
    drawn_at: float


class Came(NamedTuple):
    """Lives drawn of the people of a round, and what each of them then really did."""

    lives: Lives
    times: Array
    amounts: Array


def coverage(rounds: Sequence[Came]) -> tuple[Coverage, ...]:
    """Of purchases and of their value, at each level."""
    of_times = [(each.lives, each.lives.times, each.times) for each in rounds]
    of_amounts = [(each.lives, each.lives.amounts, each.amounts) for each in rounds]
    figures: tuple[tuple[Figure, list[tuple[Lives, Array, Array]]], ...] = (
        ("purchases", of_times),
        ("value", of_amounts),
    )
    return tuple(_at(figure, level, cases) for figure, cases in figures for level in LEVELS)


def _at(figure: Figure, level: float, rounds: Sequence[tuple[Lives, Array, Array]]) -> Coverage:
    cases = sum(len(actual) for _, _, actual in rounds)
    inside, promised = _held(rounds, level)
    wide_enough = (wider for wider in _WIDER if wider >= level and _held(rounds, wider)[0] >= level * cases)
    return Coverage(
        figure=figure,
        level=level,
        cases=cases,
        inside=inside,
        promised=promised,
        drawn_at=next(wide_enough, 1.0),
    )


def _held(rounds: Sequence[tuple[Lives, Array, Array]], level: float) -> tuple[int, float]:
    """In how many cases the interval held what came, and in what share of the draws."""
    inside, promised, cases = 0, 0.0, 0
    for lives, draws, actual in rounds:
        low, high = lives.bounds(draws, level)
        inside += int(((low <= actual) & (actual <= high)).sum())
        promised += float(((low[:, None] <= draws) & (draws <= high[:, None])).mean(axis=1).sum())
        cases += len(actual)
    return inside, promised / max(cases, 1)


def luck(came: Came) -> float:
    """How much of the total of many is luck: its relative standard deviation is this over √(purchases expected)."""
    spent = came.lives.amounts
    mean = float(spent.mean(axis=1).sum())
    spread = float(np.sqrt(spent.var(axis=1).sum()))
    return spread / mean * float(np.sqrt(came.lives.times.mean(axis=1).sum())) if mean else 0.0


def scatter(came: Came) -> float:
    """The variance of how often people buy, by its mean: 1 would be pure chance, and it is more."""
    times = came.lives.times
    return float(times.var(axis=1).sum() / max(times.mean(axis=1).sum(), 1e-9))
