"""The asking policy of a survey, and the contact rules of the firm: in versions, none of which ever changes."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal
from uuid import UUID

from services.surveys.asking.domain.budget import Rule
from services.surveys.asking.domain.invitation import Channel
from services.surveys.asking.domain.predicate import Condition
from services.surveys.asking.domain.sampling import Rotates
from services.surveys.asking.domain.timing import Delay, Quiet

DAY_SECONDS = 86_400

# Nobody is disturbed at night, as long as the firm has said nothing else.
_NIGHT = Quiet(time(21), time(8))

On = Literal["touchpoint", "order_placed", "order_changed", "order_refunded", "order_cancelled"]


@dataclass(frozen=True, slots=True)
class Match:
    """Which facts: touchpoints of a call and a name (None: any), or facts about orders, with such properties."""

    on: On
    call: str | None = None
    name: str | None = None
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Cancel:
    """What takes a waiting candidate back: a fact about the same order, or about the same person and later."""

    match: Match
    by: Literal["order", "person"] = "order"


@dataclass(frozen=True, slots=True)
class Trigger:
    """A fact that makes its person a candidate, after a delay.

    `staff`, `touchpoint` and `stage` name the properties that say whom and what the survey is about; where they say
    nothing, the survey's own hold. `time_zone` and `locale` of a fact are the customer's. Facts from before `since`
    make no candidate: nobody had asked for them.
    """

    id: str
    match: Match
    delay: Delay
    since: datetime
    staff: str | None = "staff_id"
    touchpoint: str | None = None
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Who is asked without a fact, at a local time of day from `starts_on` on.

    `rolling`: each person anew `every_days` after they were last asked, the first time spread over `spread_days`; who
    could not be asked is looked at again after `retry_days`. `wave`: everybody at once, and again every so many days
    or months, none: once.
    """

    id: str
    kind: Literal["rolling", "wave"]
    starts_on: date
    at: time
    since: datetime
    every_days: int | None = None
    every_months: int | None = None
    spread_days: int = 0
    retry_days: int = 7


@dataclass(frozen=True, slots=True)
class Consent:
    """The purpose and the channel, as profiles knows them, that a person must have agreed to."""

    purpose: str = "surveys"
    channel: str = "email"


@dataclass(frozen=True, slots=True)
class Reminders:
    """At most `most` reminders, each so long after the last word; free of the budget unless `is_counted`."""

    most: int = 0
    after_seconds: int = 3 * DAY_SECONDS
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom a survey asks. `priority`: who is asked more urgently goes first. `share` of a wave is asked.

    A candidate that was not decided `stale_after_seconds` after it was due has expired.
    """

    is_active: bool = True
    channel: Channel = "link"
    priority: int = 0
    triggers: tuple[Trigger, ...] = ()
    cancel_if: tuple[Cancel, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    segments_any: tuple[UUID, ...] = ()
    segments_none: tuple[UUID, ...] = ()
    consent: Consent | None = Consent()
    share: float = 1.0
    rotates: Rotates = "never"
    budget: tuple[Rule, ...] = ()
    expires_after_seconds: int = 14 * DAY_SECONDS
    stale_after_seconds: int = DAY_SECONDS
    reminders: Reminders = Reminders()


@dataclass(frozen=True, slots=True)
class ContactRules:
    """What holds for all surveys of the firm: the contact budget, and when nobody is disturbed.

    As long as the firm has said nothing: two contacts in thirty days, a week apart, and one NPS in ninety days.
    """

    budget: tuple[Rule, ...] = (
        Rule("all", limit=2, window_seconds=30 * DAY_SECONDS, gap_seconds=7 * DAY_SECONDS),
        Rule("kind", "nps", limit=1, window_seconds=90 * DAY_SECONDS),
    )
    quiet: Quiet | None = _NIGHT


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A version of a survey's policy. Version 0 is what holds for a survey without one."""

    survey_id: UUID
    version: int
    policy: Policy
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class RulesVersion:
    """A version of the firm's contact rules; version 0 is what holds before the first."""

    version: int
    rules: ContactRules
    created_at: datetime
    created_by: str
