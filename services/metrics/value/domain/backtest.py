"""The rolling back-test: fit to what was known at each cut, foretell what came since, and say how that went."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel
from scipy.special import ndtri

from services.metrics.domain.models import gamma_gamma
from services.metrics.domain.models.histories import Histories, counted
from services.metrics.domain.models.newton import Fit
from services.metrics.domain.purchases import Purchases, history_of
from services.metrics.value.domain.buying import Buying, Model, fit
from services.metrics.value.domain.coverage import Came, Coverage, coverage, luck, scatter
from services.metrics.value.domain.lives import drawn
from services.metrics.value.domain.past import Past, Tracking, tracked
from services.metrics.value.domain.people import People
from services.metrics.value.domain.trial import Outcomes, Score, best_of, judge, together
from services.metrics.value.domain.worth import slopes

HORIZON_DAYS = 90
# The cuts end so many days before the day that is fitted for.
ROLLING = (0, 45, 90)
DRAWS = 400
Mark = tuple[int, int, int]


class Total(BaseModel, frozen=True):
    """All purchases after a cut: what the best model expected, with its standard error (of the logarithm), and came."""

    cut: int
    expected: float
    actual: float
    error: float

    @property
    def miss(self) -> float:
        """How far it was off, as a logarithm: 0.1 is about ten per cent."""
        return float(abs(np.log(max(self.actual, 1.0) / max(self.expected, 1e-9))))


class Tried(BaseModel, frozen=True):
    """A back-test: the days that each cut was made after, and how everybody did. `best` None: nobody beat the table.

    What follows `best` is about it alone. `luck` is as in `coverage.luck`, None where too little was sampled; `mark`
    is what there was to try it on, as in `Fitted`.
    """

    horizon_days: int
    cuts: tuple[int, ...]
    people: int
    baseline: Score
    scores: dict[Model, Score]
    best: Model | None
    totals: tuple[Total, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    luck: float | None = None
    tracking: Tracking | None = None
    mark: Mark

    def totals_inside(self, level: float) -> int:
        """In how many rounds the total lay in its interval, before that was widened."""
        z = float(ndtri((1 + level) / 2))
        return sum(each.miss <= z * each.error for each in self.totals)


class _Round(NamedTuple):
    cut: int
    before: Outcomes
    since: Outcomes
    fits: Mapping[Model, Fit]

    @property
    def models(self) -> list[Buying]:
        return [Buying(model, each.parameters) for model, each in self.fits.items() if each.problem is None]


def cuts(day: int, first_day: int) -> tuple[int, ...]:
    """The last days of histories in each round of the back-test: the window before each must lie in history too."""
    ends = (day - back - HORIZON_DAYS for back in ROLLING)
    return tuple(end for end in ends if end - HORIZON_DAYS > first_day)


def tried(past: Past, found: Mapping[Model, Fit], enough: int, *, currency: str, day: int, mark: Mark) -> Tried | None:
    """Try these models; None: at no cut there were `enough` customers who had bought again."""
    rounds = [
        _Round(cut, before, since, fits)
        for cut, (before, since) in past.rounds.items()
        if (fits := _fits(since, found, enough))
    ]
    if not rounds:
        return None
    whole = together([judge(each.models, each.before, each.since, HORIZON_DAYS) for each in rounds])
    newest = rounds[0]
    best = best_of(whole)
    about: dict[str, object] = {}
    if best is not None:
        drawn_of = [_came(past.sample, each, best, currency) for each in rounds]
        came = [each for each in drawn_of if each is not None]
        about = {
            "totals": tuple(_total(each, best, its) for each, its in zip(rounds, drawn_of, strict=True)),
            "coverage": coverage(came) if came else (),
            "luck": luck(came[0]) if came else None,
        }
    return Tried(
        horizon_days=HORIZON_DAYS,
        cuts=tuple(each.cut for each in rounds),
        people=int(sum(each.since.people.sum() for each in rounds)),
        baseline=whole.baseline,
        scores=dict(whole.scores),
        best=best,
        tracking=tracked(newest.models, newest.since, past.again, newest.cut, day),
        mark=mark,
        **about,
    )


def _fits(since: Outcomes, found: Mapping[Model, Fit], enough: int) -> dict[Model, Fit]:
    histories = _histories(since)
    if histories.repeaters < enough:
        return {}
    return {model: fit(model, histories, each.parameters) for model, each in found.items()}


def _histories(since: Outcomes) -> Histories:
    columns = (since.repeats, since.recency, since.age, since.people)
    return counted(*(each.astype(np.int64) for each in columns))


def _total(of: _Round, best: Model, came: Came | None) -> Total:
    """Of everybody's purchases in a round. How sure it is: by the parameters, and by luck, as the sample has it."""
    since, found = of.since, of.fits[best]

    def foretold(parameters: tuple[float, ...]) -> float:
        buying = Buying(best, parameters)
        ahead = buying.purchases(since.repeats, since.age, HORIZON_DAYS)
        return float(since.people @ (ahead * buying.alive(since.repeats, since.recency, since.age)))

    expected = foretold(found.parameters)
    variance = (1.0 if came is None else scatter(came)) / max(expected, 1e-9)
    if found.covariance is not None:
        slope = slopes(lambda scaled: np.log(max(foretold(scaled), 1e-9)), found.parameters)
        variance += float(slope @ found.covariance @ slope)
    return Total(cut=of.cut, expected=expected, actual=float(since.people @ since.days), error=float(np.sqrt(variance)))


def _came(sample: Sequence[Purchases], of: _Round, best: Model, currency: str) -> Came | None:
    """What the sampled people were foretold at a cut, and did; None: too few of them to know what they spend."""
    until = of.cut + HORIZON_DAYS
    known = [
        (history_of({bucket: bought for bucket, bought in each.items() if bucket[0] <= of.cut}), each)
        for each in sample
        if min(day for day, _ in each) <= of.cut and all(code == currency for day, code in each if day <= until)
    ]
    if not known:
        return None
    people = People.of([history for history, _ in known], of.cut)
    paid = people.again_minor > 0
    spending = gamma_gamma.fit(people.repeats[paid], people.means[paid]) if paid.any() else None
    if spending is None or spending.problem is not None:
        return None
    later = [[bought for (day, _), bought in each.items() if of.cut < day <= until] for _, each in known]
    buying = Buying(best, of.fits[best].parameters)
    lives = drawn(people, buying, gamma_gamma.Parameters(*spending.parameters), HORIZON_DAYS, seed=of.cut, draws=DRAWS)
    return Came(
        lives,
        np.array([float(len(each)) for each in later]),
        np.array([float(sum(bought.net_minor for bought in each)) for each in later]),
    )
