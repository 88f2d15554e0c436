"""One customer: what they will probably do, and how far it may be from that."""

from typing import NamedTuple

from services.metrics.domain.models import gamma_gamma
from services.metrics.domain.purchases import History
from services.metrics.value.domain.buying import Buying
from services.metrics.value.domain.lives import drawn
from services.metrics.value.domain.people import People
from services.metrics.value.domain.worth import Question

DRAWS = 2_000
LEVEL = 0.8


class Prediction(NamedTuple):
    """Of somebody as of a day. `alive` None: the model says nothing of it that could be called a risk.

    `purchases_range` and `range_minor`, which is not discounted, hold what comes with the chance LEVEL.
    """

    alive: float | None
    silent: float
    purchases: float
    spend_minor: float
    value_minor: float
    purchases_range: tuple[float, float]
    range_minor: tuple[float, float]


class Widths(NamedTuple):
    """The levels that intervals are drawn at, so that LEVEL of all outcomes lie in them: as the back-test needed."""

    purchases: float = LEVEL
    value: float = LEVEL


def predicted(
    history: History,
    again_minor: int,
    buying: Buying,
    spending: gamma_gamma.Parameters,
    asked: Question,
    *,
    margin: float,
    widths: Widths,
    seed: int,
) -> Prediction:
    """What is to be expected of somebody with this history who spent so much on the days after their first.

    The same `seed` gives the same answer.
    """
    them = People.of([(history, again_minor)], asked.day)
    x, recency, age, _ = them
    alive = float(buying.alive(x, recency, age)[0])
    plain, kept = (float(each) * alive for each in buying.ahead(x, age, asked.horizon_days, (0.0, asked.per_day))[:, 0])
    spend = float(gamma_gamma.expected(spending, x, them.means)[0])
    lives = drawn(them, buying, spending, asked.horizon_days, seed=seed, draws=DRAWS)
    few, many = lives.bounds(lives.times, widths.purchases)
    low, high = lives.bounds(lives.amounts, widths.value)
    return Prediction(
        None if buying.model == "bg_nbd" else alive,
        float(buying.silent(x, recency, age, asked.horizon_days)[0]),
        plain,
        spend,
        kept * spend * margin,
        (float(few[0]), float(many[0])),
        (float(low[0]) * margin, float(high[0]) * margin),
    )
