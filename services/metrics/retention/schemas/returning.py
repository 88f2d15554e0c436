"""Wire forms of cohorts and of repeat purchases."""

from datetime import date

from pydantic import BaseModel, Field

from services.metrics.domain.calendar import Period, to_date
from services.metrics.domain.figure import Frame
from services.metrics.domain.people import People, people_figures
from services.metrics.figures.schemas import FigureOut
from services.metrics.retention.domain.cohorts import Cell, Cohort, Rule, means
from services.metrics.retention.domain.recurring import Wait
from services.metrics.retention.domain.report import CohortsAnswer, RecurringAnswer
from services.metrics.retention.schemas.common import Answer, LengthOut, WhyOut, head, length_out, out, share_out, whys


class CellOut(BaseModel):
    """Of a cohort, so many periods after its own."""

    later: int = Field(description="Periods after the first; 0 is the first itself.")
    customers: int
    share: float
    low: float = Field(description="Wilson's 95 % interval.")
    high: float
    is_complete: bool = Field(description="Whether the period is over; of one that is not, more may come back.")

    @classmethod
    def of(cls, cell: Cell) -> "CellOut":
        """Of thousands: our own arithmetic is not validated one by one."""
        return cls.model_construct(
            later=cell.later,
            customers=cell.customers,
            share=cell.share,
            low=cell.interval.low,
            high=cell.interval.high,
            is_complete=cell.is_complete,
        )


class CohortOut(BaseModel):
    """Customers who first bought in a period."""

    start: date
    end: date = Field(description="Last day of the period.")
    customers: FigureOut
    cells: list[CellOut]

    @classmethod
    def of(cls, frame: Frame, cohort: Cohort) -> "CohortOut":
        """On the wire."""
        return cls.model_construct(
            start=to_date(cohort.period.start),
            end=to_date(cohort.period.end - 1),
            customers=out(frame.plain("cohort_customers", cohort.customers, period=cohort.period.period)),
            cells=[CellOut.of(cell) for cell in cohort.cells],
        )


class MeanOut(BaseModel):
    """Over the cohorts that are shown and have this period whole; a large one weighs more."""

    later: int
    cohorts: int
    retention: FigureOut


class CohortsOut(Answer):
    """Who came back, by when they came first."""

    period: Period
    rule: Rule = Field(description="`on`: in the period; `on_or_after`: in it or later; `every`: in each one so far.")
    cohorts: list[CohortOut]
    means: list[MeanOut]

    @classmethod
    def of(cls, answer: CohortsAnswer) -> "CohortsOut":
        """As answered."""
        frame = answer.frame
        return cls(
            **head(frame),
            period=answer.period,
            rule=answer.rule,
            cohorts=[CohortOut.of(frame, each) for each in answer.cohorts],
            means=[
                MeanOut(
                    later=each.later,
                    cohorts=each.cohorts,
                    retention=out(
                        frame.ratio(
                            f"retention_{answer.rule}",
                            each.returned,
                            each.customers,
                            period=answer.period,
                            later=each.later,
                        )
                    ),
                )
                for each in means(answer.cohorts)
            ],
        )


class PointOut(BaseModel):
    """By a day after the order before: who has ordered again."""

    day: int
    waiting: int = Field(description="How many were still watched, and waiting, when that day began.")
    reordered: FigureOut


class WaitOut(BaseModel):
    """How long the order after the nth takes."""

    nth: int
    customers: int = Field(description="With an nth order.")
    again: int = Field(description="With the next one too.")
    quartiles: dict[str, LengthOut] = Field(description="By when a quarter, half and three quarters have it.")
    curve: list[PointOut]
    reasons: list[WhyOut] = Field(description="Why a quartile is null.")

    @classmethod
    def of(cls, frame: Frame, wait: Wait) -> "WaitOut":
        """On the wire."""
        quartiles = {
            str(share): length_out(frame, "time_to_next_order", length, nth=wait.nth, share=str(share))
            for share, length in wait.quarters.items()
        }
        points = [
            PointOut(
                day=each.day,
                waiting=each.waiting,
                reordered=share_out(frame, "reordered", each.share, nth=wait.nth, within_days=each.day),
            )
            for each in wait.points
        ]
        is_cut = any(length is None for length in wait.quarters.values())
        reasons = whys(("not_reached",)) if is_cut else []
        return cls(
            nth=wait.nth,
            customers=wait.customers,
            again=wait.ended,
            quartiles=quartiles,
            curve=points,
            reasons=reasons,
        )


class RecurringOut(Answer):
    """Who orders again, and when."""

    repeat_purchase_rate: FigureOut
    within: list[FigureOut] = Field(description="Of customers who have had the time, by days since the first order.")
    waits: list[WaitOut] = Field(description="From the first order to the second, the second to the third, and so on.")

    @classmethod
    def of(cls, answer: RecurringAnswer) -> "RecurringOut":
        """As answered."""
        frame = answer.frame
        people = People(answer.customers, answer.customers - answer.again, {})
        return cls(
            **head(frame),
            repeat_purchase_rate=out(people_figures(frame, people)["repeat_purchase_rate"]),
            within=[
                out(frame.ratio("repeat_within", each.again, each.customers, within_days=each.days))
                for each in answer.within
            ],
            waits=[
                WaitOut.of(frame, answer.first),
                *(WaitOut.of(answer.later_frame, each) for each in answer.later),
            ],
        )
