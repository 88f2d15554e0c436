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


class SegmentOutlookTold(EventData, type="tam.metrics.segment_outlook_told.v1", topic=METRICS):
    """Who of a segment's customers has lapsed, and what the others will probably bring. Subject is the segment.

    Of a subject the latest `time` holds. Told when it has moved enough to be worth showing, of segments that a persona
    describes. `customers` are members who have bought, 0: there is nothing to show any more. `lapsed_hundredths` are
    in hundredths of a per cent of them: no purchase in `lapse_days`, with the ends of the 95 % interval.

    `valued` are the customers behind what follows, with all their purchases in `currency`; 0: it cannot be said.
    `churn_risk_hundredths` is the mean risk that one of them buys nothing within `horizon_days`, `clv_minor` the mean
    predicted lifetime value within it, discounted by ten per cent a year, with the ends of its 95 % interval.
    """

    segment_id: UUID
    customers: int
    lapsed_hundredths: int
    lapsed_low_hundredths: int
    lapsed_high_hundredths: int
    lapse_days: int
    valued: int
    currency: str | None
    churn_risk_hundredths: int
    clv_minor: int
    clv_low_minor: int
    clv_high_minor: int
    horizon_days: int
    as_of: date


class AlarmRaised(EventData, type="tam.metrics.alarm_raised.v1", topic=METRICS):
    """A watched figure has changed, and `owner` (None: nobody was named) is to be told.

    Subject is the watch. Once for each alarm and `revision`; an alarm that was cleared and, as late facts show, was not
    over, is raised again under a higher one. The change began on `change_day`, with 95 % between `change_first` and
    `change_last`, and was seen in the figures of `raised_day`. Values are in hundredths of `unit`: before the change,
    and since, of `n` answers or customers. `survey_id`, and `dimension` with `value`, say of whom the figure is;
    `window_days` is that of lapses. A lapse with a `contract` is of subscriptions: of subscribers who left, or of the
    recurring revenue that went (`currency`; None: the firm's, or that of the most). Without any change such an alarm
    comes once in `arl0_days` by the mean.
    """

    alarm_id: UUID
    watch_id: UUID
    name: str
    metric: Literal["lapse", "nps", "csat", "ces"]
    direction: Literal["worse", "better"]
    definition: str
    unit: str
    before_hundredths: int
    since_hundredths: int
    n: int
    change_day: date
    change_first: date
    change_last: date
    raised_day: date
    arl0_days: int
    owner: str | None
    revision: int
    as_of: date
    window_days: int | None = None
    survey_id: UUID | None = None
    dimension: str | None = None
    value: str | None = None
    contract: Literal["subscribers", "revenue"] | None = None
    currency: str | None = None


class AlarmCleared(EventData, type="tam.metrics.alarm_cleared.v1", topic=METRICS):
    """An alarm stands no more; once for each alarm and `revision`. Subject is the watch.

    `cause`: `returned` to the level of before; `settled`, the new level has held for a quarter and is what counts now;
    `withdrawn`, late facts show that there was none; `watch_changed`, what it was about is watched otherwise, or no
    more. `cleared_day` is None of what was withdrawn.
    """

    alarm_id: UUID
    watch_id: UUID
    name: str
    metric: Literal["lapse", "nps", "csat", "ces"]
    direction: Literal["worse", "better"]
    cause: Literal["returned", "settled", "withdrawn", "watch_changed"]
    change_day: date
    raised_day: date
    cleared_day: date | None
    owner: str | None
    revision: int
    as_of: date
    contract: Literal["subscribers", "revenue"] | None = None


# A room that sends an event adds it here.
PUBLISHES: tuple[type[EventData], ...] = (
    SatisfactionTold,
    ChurnRiskChanged,
    ClvBandChanged,
    SegmentOutlookTold,
    AlarmRaised,
    AlarmCleared,
)
