"""Answers as use cases give them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.metrics.domain.calendar import Period, PeriodDays
from services.metrics.domain.figure import Frame
from services.metrics.domain.people import Lifecycle, People
from services.metrics.retention.domain.cohorts import Cohort, Rule
from services.metrics.retention.domain.reasons import Reason
from services.metrics.retention.domain.recurring import Wait, Within
from services.metrics.retention.domain.rfm import Crowd, Cuts, Group, Scores, Total
from services.metrics.retention.domain.windows import Advice


@dataclass(frozen=True, slots=True)
class WindowAnswer:
    """The advice; `seen` is, by window, who of those lapsed at the beginning of the horizon has bought since.

    `is_being_counted`: intervals do not yet allow for those who stay away time and again, or nothing is seen yet.
    """

    frame: Frame
    advice: Advice
    customers: int
    seen: dict[int, tuple[int, int]]
    is_being_counted: bool


@dataclass(frozen=True, slots=True)
class LifecycleAnswer:
    """What customers did in each period."""

    frame: Frame
    period: Period
    rows: Sequence[tuple[PeriodDays, Lifecycle, bool]]


@dataclass(frozen=True, slots=True)
class CohortsAnswer:
    """Cohorts, the earliest first."""

    frame: Frame
    period: Period
    rule: Rule
    cohorts: Sequence[Cohort]


@dataclass(frozen=True, slots=True)
class RecurringAnswer:
    """Who orders again: `first` is how long the second order takes, `later` those after, each with its own frame."""

    frame: Frame
    customers: int
    again: int
    within: Sequence[Within]
    first: Wait
    later_frame: Frame
    later: Sequence[Wait]


@dataclass(frozen=True, slots=True)
class RfmAnswer:
    """The customers of a currency by segment; `others` are those of other currencies, `*` of several.

    `groups` are by all three scores, as counted when `groups_frame` says; None: they are being counted.
    """

    frame: Frame
    currency: str | None
    crowd: Crowd | None
    totals: Sequence[Total]
    others: dict[str, int]
    reasons: tuple[Reason, ...]
    groups: Sequence[Group] | None
    groups_frame: Frame


@dataclass(frozen=True, slots=True)
class CustomerRfm:
    """One customer: when they bought last (a day), orders, net revenue; scores None: they cannot be said."""

    frame: Frame
    customer: UUID
    keys: Sequence[UUID]
    currency: str | None
    last_day: int | None
    orders: int
    net_minor: int | None
    scores: Scores | None
    cuts: Cuts | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Members:
    """Customers in a segment (None: in none), and the persona that describes it."""

    segment: UUID | None
    personas: Sequence[str]
    people: People


@dataclass(frozen=True, slots=True)
class SegmentsAnswer:
    """Who of each segment's members has lapsed; `everybody` counts each customer once.

    `segments` and `none` are as counted when `segments_frame` says; None: they are being counted.
    """

    frame: Frame
    window: int
    everybody: People
    segments: Sequence[Members] | None
    none: People | None
    segments_frame: Frame
