"""Wire forms of inactivity windows, of lifecycles, and of who of a segment has lapsed."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.metrics.domain.calendar import Period, to_date
from services.metrics.domain.figure import Frame
from services.metrics.domain.people import Lifecycle, People, lifecycle_figures, window_figures
from services.metrics.figures.schemas import FigureOut
from services.metrics.retention.domain.report import LifecycleAnswer, Members, SegmentsAnswer, WindowAnswer
from services.metrics.retention.domain.survival import Length
from services.metrics.retention.domain.windows import Advice, Candidate
from services.metrics.retention.schemas.common import Answer, LengthOut, WhyOut, head, length_out, out, share_out, whys


class CandidateOut(BaseModel):
    """An inactivity window, and how often it declares somebody lapsed who comes back."""

    window_days: int
    false_churn: FigureOut
    false_churn_seen: FigureOut = Field(description="A check on it without any estimate, of fewer customers.")


class WindowOut(Answer):
    """The inactivity window that the data recommend, and the curve it was chosen from."""

    rule: Literal["share", "at_most"]
    share: float | None = Field(
        description="Of the returns that are ever seen, how many have come by the window; null: `at_most` was asked."
    )
    at_most: float | None = Field(description="Of those declared lapsed, how many may come back; null: not asked.")
    horizon_days: int | None = Field(description="How long after the lapse is looked for a return.")
    watched_days: int = Field(description="The longest silence that enough customers were watched for.")
    customers: int
    silences: int = Field(description="From a day with a purchase to the next, or to none yet.")
    returns: int = Field(description="Silences that ended.")
    recommended: LengthOut
    false_churn: FigureOut = Field(description="Of the window that is recommended.")
    candidates: list[CandidateOut]
    is_being_counted: bool = Field(
        description="Of many customers, for the first minute or so: `false_churn_seen` is not there yet, and intervals "
        "do not allow yet for those who stay away time and again (their method is greenwood)."
    )
    reasons: list[WhyOut] = Field(description="Why no window can be recommended; empty: one is.")

    @classmethod
    def of(cls, answer: WindowAnswer) -> "WindowOut":
        """As answered."""
        advice, frame = answer.advice, answer.frame
        best = advice.recommended
        length = None
        if best is not None:
            length = Length(best.days, advice.low_days or best.days, advice.high_days)
        asked = advice.asked
        is_share = asked.at_most is None
        return cls(
            **head(frame),
            rule="share" if is_share else "at_most",
            share=asked.share if is_share else None,
            at_most=asked.at_most,
            horizon_days=advice.horizon_days,
            watched_days=advice.watched_days,
            customers=answer.customers,
            silences=advice.silences,
            returns=advice.returns,
            recommended=length_out(frame, "lapse_window", length),
            false_churn=_false_churn(frame, advice, best),
            candidates=[_candidate(answer, each) for each in advice.candidates],
            is_being_counted=answer.is_being_counted,
            reasons=whys(advice.reasons),
        )


def _false_churn(frame: Frame, advice: Advice, candidate: Candidate | None) -> FigureOut:
    parameters: dict[str, int | str] = {}
    if candidate is not None:
        parameters["window_days"] = candidate.days
    if advice.horizon_days is not None:
        parameters["horizon_days"] = advice.horizon_days
    return share_out(frame, "false_churn", None if candidate is None else candidate.false_churn, **parameters)


def _candidate(answer: WindowAnswer, each: Candidate) -> CandidateOut:
    frame, advice = answer.frame, answer.advice
    back, lapsed = answer.seen.get(each.days, (0, 0))
    parameters: dict[str, int | str] = {"window_days": each.days}
    if advice.horizon_days is not None:
        parameters["horizon_days"] = advice.horizon_days
    return CandidateOut(
        window_days=each.days,
        false_churn=_false_churn(frame, advice, each),
        false_churn_seen=out(frame.ratio("false_churn_seen", back, lapsed, **parameters)),
    )


class LifecyclePeriodOut(BaseModel):
    """One period: new + returning + resurrecting = buyers; buyers − those of the period before = change."""

    start: date
    end: date = Field(description="Last day of the period.")
    is_complete: bool = Field(description="Whether the period is over; of one that is not, dormant still shrinks.")
    new: FigureOut
    returning: FigureOut
    resurrecting: FigureOut
    dormant: FigureOut
    buyers: FigureOut
    change: FigureOut


class LifecycleSeriesOut(Answer):
    """What customers did, period by period."""

    period: Period
    periods: list[LifecyclePeriodOut]

    @classmethod
    def of(cls, answer: LifecycleAnswer) -> "LifecycleSeriesOut":
        """As answered."""
        return cls(
            **head(answer.frame),
            period=answer.period,
            periods=[
                LifecyclePeriodOut(
                    start=to_date(days.start),
                    end=to_date(days.end - 1),
                    is_complete=is_over,
                    **_lifecycle(answer.frame, did, answer.period),
                )
                for days, did, is_over in answer.rows
            ],
        )


def _lifecycle(frame: Frame, did: Lifecycle, period: Period) -> dict[str, FigureOut]:
    figures = {
        **lifecycle_figures(frame, did, period),
        "buyers": frame.plain("buyers", did.new + did.returning + did.resurrecting, period=period),
        "change": frame.plain("buyers_change", did.new + did.resurrecting - did.dormant, period=period),
    }
    return {name: out(figure) for name, figure in figures.items()}


class PeopleOut(BaseModel):
    """Customers, and who of them has lapsed."""

    customers: FigureOut
    active_customers: FigureOut
    lapsed_customers: FigureOut
    lapse_rate: FigureOut

    @classmethod
    def of(cls, frame: Frame, people: People, window: int) -> "PeopleOut":
        """On the wire."""
        figures = window_figures(frame, people, window)
        return cls.model_validate(
            {"customers": out(frame.plain("customers", people.customers))}
            | {name: out(figure) for name, figure in figures.items()}
        )


class MembersOut(PeopleOut):
    """The customers among the members of a segment."""

    segment: UUID
    personas: list[str] = Field(description="The personas that describe this segment.")


class SegmentsOut(Answer):
    """Who has lapsed, by segment. Segments may overlap; where they do not, with `in_no_segment` they are everybody."""

    window_days: int
    everybody: PeopleOut
    segments: list[MembersOut] | None = Field(
        description="Everybody is looked at, so of many customers they are counted in the background. null: the first "
        "time."
    )
    in_no_segment: PeopleOut | None
    segments_staleness_seconds: float | None = Field(description="How old the count by segment is.")

    @classmethod
    def of(cls, answer: SegmentsAnswer) -> "SegmentsOut":
        """As answered."""
        frame, window = answer.frame, answer.window
        return cls(
            **head(frame),
            window_days=window,
            everybody=PeopleOut.of(frame, answer.everybody, window),
            segments=None if answer.segments is None else [_members(answer, each) for each in answer.segments],
            in_no_segment=None if answer.none is None else PeopleOut.of(answer.segments_frame, answer.none, window),
            segments_staleness_seconds=answer.segments_frame.staleness_seconds,
        )


def _members(answer: SegmentsAnswer, each: Members) -> MembersOut:
    people = PeopleOut.of(answer.segments_frame, each.people, answer.window).model_dump()
    return MembersOut.model_validate({"segment": each.segment, "personas": list(each.personas), **people})
