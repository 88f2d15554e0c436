"""A figure through time: one point per period."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from services.metrics.domain.calendar import Period, PeriodDays, to_date
from services.metrics.domain.figure import Figure, Frame
from services.metrics.domain.people import Lifecycle, People, lifecycle_figures, people_figures, window_figures
from services.metrics.domain.totals import Totals, money_figures


class Metric(StrEnum):
    """What there is a series of."""

    ORDERS = "orders"
    GROSS = "gross"
    REFUNDS = "refunds"
    NET = "net"
    CUSTOMERS = "customers"
    NEW = "new"
    RETURNING = "returning"
    RESURRECTING = "resurrecting"
    DORMANT = "dormant"
    ACTIVE_CUSTOMERS = "active_customers"
    LAPSED_CUSTOMERS = "lapsed_customers"
    LAPSE_RATE = "lapse_rate"
    REPEAT_PURCHASE_RATE = "repeat_purchase_rate"

    @property
    def is_money(self) -> bool:
        """Whether it is read from money per day."""
        return self in (Metric.ORDERS, Metric.GROSS, Metric.REFUNDS, Metric.NET)

    @property
    def is_lifecycle(self) -> bool:
        """Whether it counts what customers did in the period."""
        return self in (Metric.NEW, Metric.RETURNING, Metric.RESURRECTING, Metric.DORMANT)


@dataclass(frozen=True, slots=True)
class Point:
    """One period, first and last day, and its figure. The running period is not complete."""

    start: date
    end: date
    is_complete: bool
    figure: Figure


@dataclass(frozen=True, slots=True)
class Plan:
    """The periods of a series and the last day of each that counts: `today` in the running one."""

    metric: Metric
    periods: Sequence[PeriodDays]
    today: int
    frame: Frame

    @property
    def days(self) -> list[int]:
        """The day as of which each point is."""
        return [min(each.end - 1, self.today) for each in self.periods]

    def points(self, figures: Sequence[Mapping[str, Figure]]) -> list[Point]:
        """Points of the metric, out of the figures of each period."""
        return [
            Point(to_date(each.start), to_date(each.end - 1), each.end <= self.today, found[self.metric])
            for each, found in zip(self.periods, figures, strict=True)
        ]

    def frames(self) -> list[Frame]:
        """The frame of each point."""
        return [replace(self.frame, as_of=to_date(day)) for day in self.days]


def money_points(plan: Plan, rows: Sequence[tuple[int, str, int, int, int]], currency: str | None) -> list[Point]:
    """Points of money within each period; orders are those of all currencies."""
    orders = [0] * len(plan.periods)
    sums = [[0, 0, 0] for _ in plan.periods]
    starts = [each.start for each in plan.periods]
    for day, code, number, gross, refunds in rows:
        nth = bisect_right(starts, day) - 1
        orders[nth] += number
        if code == currency:
            sums[nth] = [sums[nth][0] + number, sums[nth][1] + gross, sums[nth][2] + refunds]
    figures: list[Mapping[str, Figure]] = []
    for frame, number, (own, gross, refunds) in zip(plan.frames(), orders, sums, strict=True):
        within = Totals(currency or "", own, gross, refunds, 0, None, None)
        figures.append({"orders": frame.plain("orders", number), **money_figures(frame, within, currency)})
    return plan.points(figures)


def lifecycle_points(plan: Plan, lifecycles: Mapping[tuple[Period, int], Lifecycle]) -> list[Point]:
    """Points of what customers did in each period."""
    return plan.points(
        [
            lifecycle_figures(frame, lifecycles[each.period, each.start], each.period)
            for frame, each in zip(plan.frames(), plan.periods, strict=True)
        ]
    )


def people_points(plan: Plan, people: Sequence[People], window: int) -> list[Point]:
    """Points of the state at the end of each period."""
    return plan.points(
        [
            people_figures(frame, each) | window_figures(frame, each, window)
            for frame, each in zip(plan.frames(), people, strict=True)
        ]
    )
