"""What the metrics service announces: figures that others show or act on, never who stands behind them."""

from datetime import date
from typing import Literal
from uuid import UUID

from shared.events.envelope import EventData
from shared.events.topics import METRICS


class SatisfactionTold(EventData, type="tam.metrics.satisfaction_told.v1", topic=METRICS):
    """How content the people of a segment are, over the `days` local days up to and with `as_of`.

    Subject is the segment; where `segment_id` is None it is everybody, and the subject one fixed id. Of a subject and
    a `definition` the latest `time` holds. Told when the figure or the number of answers behind it has moved enough
    to be worth showing, at most once an hour for each; `n` 0: there is nothing to show any more, and the value is 0.

    `value_hundredths` is in hundredths of the figure's unit (an NPS of 41.25 is 4125), and so is the 95 % interval
    from `low_hundredths` to `high_hundredths`. `definition` is the id by which metrics explains the figure.
    """

    segment_id: UUID | None
    metric: Literal["nps", "csat", "ces"]
    definition: str
    value_hundredths: int
    low_hundredths: int
    high_hundredths: int
    n: int
    days: int
    as_of: date


Band = Literal["low", "medium", "high"]


class ChurnRiskChanged(EventData, type="tam.metrics.churn_risk_changed.v1", topic=METRICS):
    """The risk that the person `subject` (the root of their keys) buys nothing in `horizon_days` is in another band.

    Of a subject the highest `version` holds. `band` None: nothing is said of them any more, for they were merged into
    another, or have no purchase left. `percent` is the risk; a figure must leave its band clearly before this is told.
    """

    band: Band | None
    previous: Band | None
    percent: int
    horizon_days: int
    version: int


class ClvBandChanged(EventData, type="tam.metrics.clv_band_changed.v1", topic=METRICS):
    """The predicted lifetime value of the person `subject` (the root of their keys) is in another band.

    Of a subject the highest `version` holds; `band` None as in `ChurnRiskChanged`. `value_minor` is what is expected of
    them within `horizon_days`, discounted, in minor units of `currency`; bands are parts of the mean of all customers.
    """

    band: Band | None
    previous: Band | None
    value_minor: int
    currency: str | None
    horizon_days: int
    version: int


# A room that sends an event adds it here.
PUBLISHES: tuple[type[EventData], ...] = (SatisfactionTold, ChurnRiskChanged, ClvBandChanged)
