"""Wire models of what is watched, and how it looks now."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from services.metrics.alarms.domain.definitions import ALARMS
from services.metrics.alarms.domain.watch import CONTRACTUAL, ArmState, Dimension, Direction, Directions, Metric, Watch
from services.metrics.alarms.errors import BadWatch
from services.metrics.alarms.repository.arms import Arm
from services.metrics.domain.calendar import day_number, to_date
from services.metrics.satisfaction.schemas.own import Text
from shared.http.schemas import Day, Strict
from shared.money import EXPONENTS

# The smallest change that is looked for, where none is named, in the figure's unit.
_CHANGES: Mapping[Metric, float] = {
    "lapse": 3.0,
    "nps": 10.0,
    "csat": 5.0,
    "ces": 0.3,
    "subscriber_churn": 0.1,
    "mrr_churn": 0.1,
}
_WINDOW = 90
_STATISTIC = ALARMS["alarm_statistic"].id

Change = Annotated[
    float,
    Field(
        gt=0,
        le=100,
        description="The smallest change worth finding: points of an NPS, percent of a CSAT or of lapses, steps of a "
        "CES that is a mean, percent a day of subscribers or of recurring revenue (0.1 is about 3 a month).",
    ),
]


# What people read: spaces alone would name nobody.
Named = Annotated[Text, StringConstraints(strip_whitespace=True)]


class WatchIn(Strict):
    """What to watch. Nothing said, a figure of everybody is watched in both directions."""

    name: Named = Field(examples=["NPS sau giao hàng"])
    metric: Metric
    window_days: Annotated[int, Field(ge=7, le=365)] | None = Field(
        None, description="Of lapses: days without a purchase; default: 90."
    )
    survey_id: UUID | None = Field(None, description="Of satisfaction: only this survey.")
    dimension: Dimension | None = Field(
        None,
        description="Of satisfaction: only answers with this `value` of it. Of subscriptions `segment` alone: the "
        "subscribers who are in it now, with all they ever subscribed to; so not of a segment that one leaves by "
        "unsubscribing. Few subscribers: the watch says how many it lacks.",
    )
    value: Text | None = None
    currency: str | None = Field(
        None,
        max_length=12,
        description="Of mrr_churn: ISO 4217; default: the firm's, else that of the most revenue.",
        examples=["VND"],
    )
    direction: Directions = "both"
    change: Change | None = Field(
        None, description="Default: lapses 3 %, NPS 10 points, CSAT 5 %, CES 0.3, churn of subscriptions 0.1 % a day."
    )
    arl0_days: int = Field(
        365, ge=30, le=3650, description="Days between false alarms, by the mean, of the whole watch."
    )
    base_weeks: int = Field(26, ge=8, le=52, description="How many weeks of before it is held against, at most.")
    base_from: Day | None = Field(
        None, description="Weeks before this day are not held against: so a new level is taken for the normal one."
    )
    owner: Named | None = Field(
        None, description="Whom to tell: a role or a team. It is told in events, so not a person's address."
    )

    def watch(self, watch_id: UUID, version: int) -> Watch:
        """The watch.

        Raises:
            BadWatch: its parts do not go together.
        """
        if (self.dimension is None) != (self.value is None):
            raise BadWatch("dimension and value go together.")
        is_lapse = self.metric == "lapse"
        is_contractual = self.metric in CONTRACTUAL
        if is_contractual and (self.survey_id is not None or self.dimension not in (None, "segment")):
            raise BadWatch("Subscribers are counted all together, or by segment: all else is of satisfaction.")
        currency = None if self.currency is None else self.currency.strip().upper()
        if currency is not None and (self.metric != "mrr_churn" or currency not in EXPONENTS):
            raise BadWatch("currency is of mrr_churn alone, and an ISO 4217 code.")
        if is_lapse and (self.survey_id is not None or self.dimension is not None):
            raise BadWatch("Lapses are watched of all customers: survey_id, dimension and value are of satisfaction.")
        if not is_lapse and self.window_days is not None:
            raise BadWatch("window_days is of lapses.")
        if self.dimension == "segment" and not _is_id(self.value):
            raise BadWatch("The value of the dimension segment is a segment's id.")
        return Watch(
            id=watch_id,
            name=self.name,
            metric=self.metric,
            window_days=(self.window_days or _WINDOW) if is_lapse else None,
            survey_id=self.survey_id,
            dimension=self.dimension,
            value=str(UUID(self.value)) if self.dimension == "segment" and self.value else self.value,
            currency=currency,
            direction=self.direction,
            change=self.change or _CHANGES[self.metric],
            arl0_days=self.arl0_days,
            base_weeks=self.base_weeks,
            base_from=None if self.base_from is None else day_number(self.base_from),
            owner=self.owner,
            version=version,
        )


def _is_id(value: str | None) -> bool:
    try:
        UUID(value or "")
    except ValueError:
        return False
    return True


class WatchOut(BaseModel):
    """A watch. It begins anew with each `version`."""

    id: UUID
    name: str
    metric: Metric
    window_days: int | None = Field(description="Of lapses: days without a purchase; null: of something else.")
    survey_id: UUID | None
    dimension: Dimension | None
    value: str | None
    currency: str | None
    direction: Directions
    change: float
    arl0_days: int
    base_weeks: int
    base_from: date | None
    owner: str | None
    version: int

    @classmethod
    def of(cls, watch: Watch) -> "WatchOut":
        """The wire form."""
        base_from = None if watch.base_from is None else to_date(watch.base_from)
        names = (name for name in cls.model_fields if name != "base_from")
        return cls(base_from=base_from, **{name: getattr(watch, name) for name in names})


class MissingOut(BaseModel):
    """Why nothing can be said: a reason, a sentence, and what there is and would be needed."""

    reason: Literal[
        "not_looked_at_yet",
        "mixed_formulas",
        "no_answers",
        "no_purchases",
        "no_recent_purchases",
        "no_subscribers",
        "no_window_yet",
        "too_few_weeks",
        "too_few_answers",
        "too_alike",
        "too_few_a_day",
    ]
    text: str
    have: float | None = None
    need: float | None = None
    since: date | None = Field(None, description="The last day with anything on it.")

    @classmethod
    def of(cls, missing: Mapping[str, Any]) -> "MissingOut":
        """The wire form."""
        have, need = missing["have"], missing["need"]
        known = {"have": _short(have), "need": _short(need), "since": missing["since"]}
        text = _SENTENCES[missing["reason"]].format(**known)
        return cls(reason=missing["reason"], text=text, have=have, need=need, since=missing["since"])


def _short(number: float | None) -> str:
    return "" if number is None else f"{number:.4g}"


_SENTENCES = {
    "mixed_formulas": "These surveys make their CES by different formulas; watch one survey.",
    "no_answers": "Nobody has answered yet of those who are watched.",
    "no_purchases": "Nobody has bought anything yet.",
    "no_recent_purchases": "Nobody has bought since {since}: rather orders are missing here than customers there.",
    "no_subscribers": "Nobody has subscribed yet of those who are watched, or in this currency.",
    "no_window_yet": "No customer has been known for as long as the window is.",
    "too_few_weeks": "There are {have} whole weeks of before to hold against; {need} are needed.",
    "too_few_answers": "There are {have} answers or customers of before to hold against; {need} are needed.",
    "too_alike": "Of those of before all but {have} are the same; {need} others are needed.",
    "too_few_a_day": "There are {have} a day, too few to find a change of this size in time; it would take about "
    "{need} a day, a larger change, or more days between false alarms.",
}
NOT_YET = MissingOut(reason="not_looked_at_yet", text="It will be looked at within five minutes.")


class BasisOut(BaseModel):
    """What days are held against: `n` of the whole weeks from `first` to `last`, without what was raised in them.

    `shift` is the change that is looked for, `days_to_find` how long that takes by the mean. `dispersion` is by how
    much whole weeks vary more than chance would have them; scores are divided by it.
    """

    first: date
    last: date
    n: float
    value: float
    shift: float
    dispersion: float
    threshold: float
    days_to_find: float

    @classmethod
    def of(cls, basis: Mapping[str, Any]) -> "BasisOut":
        """The wire form."""
        return cls(**{**basis, "first": to_date(basis["first"]), "last": to_date(basis["last"])})


class PathPointOut(BaseModel):
    """A day: how many, their figure, where the CUSUM was and what its threshold. None: nothing could be said."""

    day: date
    n: float
    value: float | None
    statistic: float | None
    threshold: float | None
    is_raised: bool


class ArmOut(BaseModel):
    """One direction of a watch, as of the last day that was over and known when it was looked at."""

    direction: Direction
    state: ArmState
    as_of: date | None
    evaluated_at: datetime | None
    statistic: float | None
    threshold: float | None
    ratio: float | None = Field(description="Statistic over threshold.")
    statistic_definition: str
    definition: str | None
    unit: str | None
    missing: MissingOut | None
    basis: BasisOut | None

    @classmethod
    def of(cls, direction: Direction, arm: Arm | None) -> "ArmOut":
        """The wire form."""
        return cls(**said(direction, arm))


class ArmPathOut(ArmOut):
    """The same with its path."""

    path: list[PathPointOut]

    @classmethod
    def of(cls, direction: Direction, arm: Arm | None) -> "ArmPathOut":
        """The wire form."""
        return cls(**said(direction, arm), path=[] if arm is None else points(arm))


def said(direction: Direction, arm: Arm | None) -> dict[str, Any]:
    """What is said of an arm; one that nobody looked at yet says so."""
    if arm is None:
        names = dict.fromkeys(ArmOut.model_fields)
        known = {"direction": direction, "statistic_definition": _STATISTIC}
        return {**names, **known, "state": "cannot_say", "missing": NOT_YET}
    document = arm.document
    has_ratio = arm.statistic is not None and arm.threshold
    return {
        "direction": direction,
        "state": arm.state,
        "as_of": None if arm.as_of is None else to_date(arm.as_of),
        "evaluated_at": arm.evaluated_at,
        "statistic": arm.statistic,
        "statistic_definition": _STATISTIC,
        "threshold": arm.threshold,
        "ratio": (arm.statistic or 0.0) / (arm.threshold or 1.0) if has_ratio else None,
        "definition": document["definition"],
        "unit": document["unit"],
        "missing": missing(arm),
        "basis": None if document["basis"] is None else BasisOut.of(document["basis"]),
    }


def missing(arm: Arm | None) -> MissingOut | None:
    """Why nothing can be said; None if something can."""
    if arm is None:
        return NOT_YET
    why = arm.document["missing"]
    return None if why is None else MissingOut.of(why)


def points(arm: Arm) -> list[PathPointOut]:
    """The days of a path."""
    names = tuple(PathPointOut.model_fields)
    return [PathPointOut(**dict(zip(names, (to_date(row[0]), *row[1:]), strict=True))) for row in arm.document["path"]]


class WatchStateOut(WatchOut):
    """A watch and how it looks."""

    arms: list[ArmOut]


class WatchesOut(BaseModel):
    """All watches. Together they lead to so many false alarms a year, by the mean."""

    items: list[WatchStateOut]
    false_alarms_a_year: float


class WatchPathOut(WatchOut):
    """A watch with its paths."""

    arms: list[ArmPathOut]


class SeenIn(Strict):
    """Somebody has seen an alarm."""

    actor: Text = Field(examples=["CX lead"])
    note: Text | None = Field(None, examples=["Kho Thủ Đức giao trễ từ thứ Hai; đã báo vận hành."])


class AcknowledgementOut(BaseModel):
    """Who has seen an alarm, when, and what they make of it."""

    alarm_id: UUID
    at: datetime
    actor: str
    note: str | None
