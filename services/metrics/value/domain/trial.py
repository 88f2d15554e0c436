"""The back-test: what models fitted to the past would have said of what came since, beside what people like these did.

The observable event is buying again within the horizon. Who is compared with: everybody of the window before who had
bought as often and been silent as long. It is a hard rival, for it has seen how this firm's customers behave.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel

from services.metrics.domain.models.histories import Array
from services.metrics.value.domain.buying import Buying, Model

_FREQUENCY = np.array([0, 1, 2, 3, 5, 9])
_SILENCE = np.array([0, 15, 30, 60, 90, 135, 180, 270, 365])
DECILES = 10


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Histories up to a day, how many `days` each then bought on within the horizon, and how many people did."""

    repeats: Array
    recency: Array
    age: Array
    days: Array
    people: Array


class Bin(NamedTuple):
    """People with about the same chance: what was said, and what came true."""

    people: float
    predicted: float
    actual: float


class Score(BaseModel, frozen=True):
    """How well somebody predicted. `log_loss` and `brier` are of who buys, smaller is better; purchases are totals.

    `calibration` is of the newest round, by tenths of the chance that was said.
    """

    log_loss: float
    brier: float
    expected_purchases: float
    actual_purchases: float
    calibration: tuple[Bin, ...]

    @property
    def calibration_error(self) -> float:
        """How far what was said is from what came true, over all people (the expected calibration error)."""
        people = sum(each.people for each in self.calibration)
        return sum(each.people * abs(each.predicted - each.actual) for each in self.calibration) / max(people, 1.0)


class Judgement(NamedTuple):
    """Scores of one round: of the table, and of each model."""

    baseline: Score
    scores: Mapping[Model, Score]


def judge(models: Sequence[Buying], before: Outcomes, since: Outcomes, horizon_days: int) -> Judgement:
    """Let models that were fitted to histories up to the day of `since` say what came, and a table of `before` too."""
    return Judgement(_of_table(before, since), {each.model: _of_model(each, since, horizon_days) for each in models})


def together(rounds: Sequence[Judgement]) -> Judgement:
    """All rounds as one: scores are means, purchases are sums. Only models that were in each."""
    always = [model for model in rounds[0].scores if all(model in each.scores for each in rounds)]
    return Judgement(
        _mean([each.baseline for each in rounds]),
        {model: _mean([each.scores[model] for each in rounds]) for model in always},
    )


def best_of(found: Judgement) -> Model | None:
    """The model that foretold best who buys; None: none of them beat the table."""
    best = min(found.scores, key=lambda model: found.scores[model].log_loss, default=None)
    return None if best is None or found.scores[best].log_loss > found.baseline.log_loss else best


def _mean(scores: Sequence[Score]) -> Score:
    return Score(
        log_loss=float(np.mean([each.log_loss for each in scores])),
        brier=float(np.mean([each.brier for each in scores])),
        expected_purchases=sum(each.expected_purchases for each in scores),
        actual_purchases=sum(each.actual_purchases for each in scores),
        calibration=scores[0].calibration,
    )


def _of_model(buying: Buying, since: Outcomes, horizon_days: int) -> Score:
    chance = 1 - buying.silent(since.repeats, since.recency, since.age, horizon_days)
    ahead = buying.purchases(since.repeats, since.age, float(horizon_days))
    return score(since, chance, ahead * buying.alive(since.repeats, since.recency, since.age))


def _of_table(before: Outcomes, since: Outcomes) -> Score:
    """What people in the same cell did in the window before; a cell that hardly anybody was in is drawn to the mean."""
    cell_of = _cells(before)
    size = len(_FREQUENCY) * len(_SILENCE)
    people = np.bincount(cell_of, weights=before.people, minlength=size)
    active = np.bincount(cell_of, weights=before.people * (before.days > 0), minlength=size)
    days = np.bincount(cell_of, weights=before.people * before.days, minlength=size)
    prior = 5.0
    total = max(float(before.people.sum()), 1e-9)
    chance = (active + prior * active.sum() / total) / (people + prior)
    mean = (days + prior * days.sum() / total) / (people + prior)
    place = _cells(since)
    return score(since, chance[place], mean[place])


def _cells(outcomes: Outcomes) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    often = np.searchsorted(_FREQUENCY, outcomes.repeats, side="right") - 1
    quiet = np.searchsorted(_SILENCE, outcomes.age - outcomes.recency, side="right") - 1
    return np.asarray(often * len(_SILENCE) + quiet, dtype=np.int64)


def score(since: Outcomes, chance: Array, purchases: Array) -> Score:
    """How well these chances to buy again and expected purchases foretold what came."""
    chance = np.clip(chance, 1e-9, 1 - 1e-9)
    bought = since.days > 0
    people = since.people
    total = float(people.sum())
    loss = -(people @ np.where(bought, np.log(chance), np.log1p(-chance))) / total
    return Score(
        log_loss=float(loss),
        brier=float(people @ (chance - bought) ** 2) / total,
        expected_purchases=float(people @ purchases),
        actual_purchases=float(people @ since.days),
        calibration=_calibration(people, chance, bought),
    )


def _calibration(people: Array, chance: Array, bought: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[Bin, ...]:
    order = np.argsort(chance, kind="stable")
    share = np.cumsum(people[order]) / people.sum()
    bins = np.minimum((share * DECILES - 1e-9).astype(np.int64), DECILES - 1)
    found = []
    for number in range(DECILES):
        own = order[bins == number]
        if size := float(people[own].sum()):
            found.append(Bin(size, float(people[own] @ chance[own]) / size, float(people[own] @ bought[own]) / size))
    return tuple(found)
