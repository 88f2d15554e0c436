"""Wire models of the delivery gap and the promise gap."""

from collections.abc import Mapping
from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.metrics.domain.definitions import DEFINITIONS
from services.metrics.domain.figure import CannotSay
from services.metrics.domain.intervals import wilson
from services.metrics.gap.domain.gaps import Points, Prediction, QuestionGap, RoleGap, TopTwo
from services.metrics.gap.domain.promises import Kept, Kind
from services.metrics.gap.domain.report import Gaps, PromiseGap, Seen, WaveGap
from services.metrics.schemas import Explained, Explaining
from shared.http.schemas import Instant

# The touchpoints of surveys that speak of what was promised, as the ready surveys name them.
SURVEYED_AS: Mapping[Kind, tuple[str, ...]] = {
    Kind.DELIVERY: ("order_delivered", "delivery"),
    Kind.REFUND: ("return_completed", "return", "refund"),
    Kind.FIRST_RESPONSE: ("support_resolved", "support", "complaint"),
}


NONE_DUE = CannotSay("none_due", "No promise of this kind fell due in these days, or none whose time has come.")
NONE_LATE = CannotSay("none_late", "Of the promises that fell due in these days none was kept late.")


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class GapIntervalOut(_Out):
    """Where the true value lies, with probability `level`."""

    low: float
    high: float
    level: float
    method: str


class TopTwoOut(_Out):
    """The share of the two highest scores of the scale; `interval` is Wilson's."""

    top_two: int = Field(description="The numerator.")
    n: int = Field(description="The denominator.")
    share: float | None
    interval: GapIntervalOut | None


class PointsOut(_Out):
    """A difference in points, with its interval."""

    points: float
    interval: GapIntervalOut


class RoleGapOut(_Out):
    """What a role believes; roles with too few answers are together in `other_roles`, or nowhere."""

    role: str
    internal: TopTwoOut
    gap: PointsOut | None


class NpsGapOut(BaseModel):
    """The NPS that staff's answers in customers' place come to, less that of customers."""

    internal: float
    customers: float
    points: float
    interval: GapIntervalOut
    p_value: float
    smallest_detectable: float = Field(description="The true difference, in points, that is found 4 times of 5.")


class BainOut(_Out):
    """Bain's two firms. The thresholds are the firm's, not Bain's."""

    believer_at: float
    achiever_at: float
    is_believer: bool | None = Field(description="The internal share is at least `believer_at`.")
    is_achiever: bool | None = Field(description="The lower end of the customers' interval is at least `achiever_at`.")


class QuestionGapOut(Explained):
    """One question, asked of both on the same scale."""

    question_id: str
    row: str | None = Field(description="Of a matrix; figures of customers are not kept by row.")
    kind: str
    internal: TopTwoOut
    customers: TopTwoOut | None = Field(description="null: fewer than five answered anonymously.")
    gap: PointsOut | None = Field(description="Internal less customers (Newcombe); null: one side says nothing.")
    nps: NpsGapOut | None
    roles: list[RoleGapOut]
    bain: BainOut

    @classmethod
    def of(cls, found: QuestionGap) -> "QuestionGapOut":
        """The gap on the wire."""
        nps = found.nps
        return cls(
            definition=DEFINITIONS["delivery_gap"].id,
            parameters={"believer_at": found.bain.believer_at, "achiever_at": found.bain.achiever_at},
            question_id=found.place.question_id,
            row=found.place.row,
            kind=found.kind,
            internal=_top_two(found.internal),
            customers=None if found.customers is None else _top_two(found.customers),
            gap=_points(found.gap),
            nps=None
            if nps is None
            else NpsGapOut(
                internal=nps.internal,
                customers=nps.customers,
                points=nps.gap.difference,
                interval=GapIntervalOut.model_validate(nps.gap.interval),
                p_value=nps.gap.p_value,
                smallest_detectable=nps.gap.smallest_detectable,
            ),
            roles=[_role(each) for each in found.roles],
            bain=BainOut.model_validate(found.bain),
        )


class PredictionOut(Explained):
    """Mean NPS that was predicted, less the NPS of the period; the interval is that of the customers' side alone."""

    role: str | None = Field(description="null: all roles together.")
    n: int
    predicted: float
    actual: float | None
    actual_n: int
    gap: PointsOut | None

    @classmethod
    def of(cls, found: Prediction) -> "PredictionOut":
        """The prediction on the wire."""
        return cls(
            definition=DEFINITIONS["nps_prediction_gap"].id,
            denominator=found.n,
            role=found.role,
            n=found.n,
            predicted=found.predicted,
            actual=found.actual,
            actual_n=found.actual_n,
            gap=_points(found.gap),
        )


class LatenessOut(Explained):
    """How late those were that were late."""

    value: float | None = Field(description="Seconds; null: none was late.")


class PromiseOut(Explained):
    """Promises that fell due in the period; `share` of those whose time has come, with Wilson's interval."""

    kind: Kind
    touchpoints: list[str] = Field(description="Touchpoints of surveys that speak of it.")
    share: float | None = Field(description="null: `cannot_say` tells why.")
    interval: GapIntervalOut | None
    kept: int = Field(description="The numerator.")
    due: int = Field(description="The denominator: kept, late and broken.")
    late: int = Field(description="Done, after it was due.")
    broken: int = Field(description="Past due, and not done.")
    pending: int = Field(description="Not due yet; in no share.")
    void: int = Field(description="Not to be kept any more, as of a cancelled order; in no share.")
    median_late_seconds: LatenessOut = Field(description="Median of those late.")

    @classmethod
    def of(cls, kind: Kind, found: Kept) -> "PromiseOut":
        """What became of promises, on the wire."""
        due = found.due
        return cls(
            kind=kind,
            definition=DEFINITIONS["promise_kept"].id,
            numerator=found.kept,
            denominator=due,
            touchpoints=list(SURVEYED_AS[kind]),
            share=found.kept / due if due else None,
            cannot_say=None if due else NONE_DUE,
            interval=GapIntervalOut.model_validate(wilson(found.kept, due)) if due else None,
            kept=found.kept,
            due=due,
            late=found.late,
            broken=found.broken,
            pending=found.pending,
            void=found.void,
            median_late_seconds=LatenessOut(
                value=found.median_late_seconds,
                cannot_say=None if found.late else NONE_LATE,
                definition=DEFINITIONS["promise_lateness"].id,
                denominator=found.late,
            ),
        )


class WaveGapOut(BaseModel):
    """A wave that has closed, beside what customers said in its period."""

    wave_id: UUID
    survey_id: UUID
    version: int
    touchpoint: str | None
    stage: str | None
    period_from: date
    period_to: date
    opened_at: Instant
    closed_at: Instant
    results_visible_from: Instant
    is_unbiased: bool = Field(
        description="Whether the wave was over before customers' results of the period counted as visible. That "
        "nobody of the staff saw live figures before is not held: see `customers_before_close`."
    )
    bias: list[Literal["opened_late", "closed_late"]]
    customers_before_close: int = Field(
        description="Answers of customers of the period that had been given before the wave closed: what staff could "
        "have seen at most."
    )
    answered: int
    withheld: int = Field(description="Answers of roles with too few of them: in no figure.")
    shared: int = Field(description="Answers over a link that several people could use, each perhaps more than once.")
    questions: list[QuestionGapOut]
    predictions: list[PredictionOut]
    promises: list[PromiseOut] = Field(description="What was promised at this touchpoint in the period, if anything.")

    @classmethod
    def of(cls, found: WaveGap) -> "WaveGapOut":
        """The wave on the wire."""
        wave = found.wave
        return cls(
            wave_id=wave.id,
            survey_id=wave.survey_id,
            version=wave.version,
            touchpoint=wave.touchpoint,
            stage=wave.stage,
            period_from=wave.period_from,
            period_to=wave.period_to,
            opened_at=wave.opened_at,
            closed_at=wave.closed_at,
            results_visible_from=wave.results_visible_from,
            is_unbiased=not wave.bias,
            bias=list(wave.bias),
            customers_before_close=found.customers.before_close,
            answered=wave.answered,
            withheld=wave.withheld,
            shared=wave.shared,
            questions=[QuestionGapOut.of(each) for each in found.questions],
            predictions=[PredictionOut.of(each) for each in found.predictions],
            promises=[
                PromiseOut.of(kind, found.promises.get(kind, Kept()))
                for kind in Kind
                if wave.touchpoint in SURVEYED_AS[kind]
            ],
        )


class _Seen(Explaining):
    as_of: Instant
    time_zone: str
    staleness_seconds: float | None


class DeliveryGapOut(_Seen):
    """Waves, the newest period first. `is_cut`: there are more; ask for fewer days."""

    waves: list[WaveGapOut]
    is_cut: bool

    @classmethod
    def of(cls, found: Gaps) -> "DeliveryGapOut":
        """The gaps on the wire."""
        return cls(**_seen(found.seen), waves=[WaveGapOut.of(each) for each in found.waves], is_cut=found.is_cut)


class PromiseGapOut(_Seen):
    """What became of the promises that fell due in a period."""

    first: date
    last: date
    promises: list[PromiseOut]

    @classmethod
    def of(cls, found: PromiseGap) -> "PromiseGapOut":
        """The promises on the wire."""
        promises = [PromiseOut.of(kind, found.kept.get(kind, Kept())) for kind in Kind]
        return cls(**_seen(found.seen), first=found.first, last=found.last, promises=promises)


def _seen(seen: Seen) -> dict[str, object]:
    return {"as_of": seen.now, "time_zone": seen.time_zone, "staleness_seconds": seen.staleness_seconds}


def _top_two(found: TopTwo) -> TopTwoOut:
    return TopTwoOut.model_validate(found)


def _points(found: Points | None) -> PointsOut | None:
    return None if found is None else PointsOut.model_validate(found)


def _role(found: RoleGap) -> RoleGapOut:
    return RoleGapOut(role=found.role, internal=_top_two(found.internal), gap=_points(found.gap))
