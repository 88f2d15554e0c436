"""The parts of asking policies and contact rules on the wire, and the domain values that come of them."""

from dataclasses import asdict
from datetime import date, time
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.surveys.asking.domain import policy as domain
from services.surveys.asking.domain.budget import Rule
from services.surveys.asking.domain.policy import DAY_SECONDS, On
from services.surveys.asking.domain.predicate import Condition, Op
from services.surveys.asking.domain.timing import Delay, Quiet
from shared.events.catalogue.surveys import QuestionKind
from shared.events.catalogue.touchpoints import CallType
from shared.http.schemas import Strict

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Property = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}(\.[A-Za-z][A-Za-z0-9_]{0,63}){0,3}$")]
Flat = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["10:00"])]
Seconds = Annotated[int, Field(strict=True, ge=0, le=90 * DAY_SECONDS)]
Days = Annotated[int, Field(strict=True, ge=1, le=730)]
Plain = (
    Annotated[str, Field(max_length=200)]
    | Annotated[bool, Field(strict=True)]
    | Annotated[int, Field(strict=True, ge=-(2**53), le=2**53)]
    | Annotated[float, Field(strict=True)]
)

_ORDERED = ("gt", "gte", "lt", "lte")


class ConditionIn(Strict):
    """What a property of the fact must be; `products.category` is that of any line."""

    property: Property
    op: Op = "eq"
    value: Plain | Annotated[list[Plain], Field(min_length=1, max_length=100)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "ConditionIn":
        many, nothing = isinstance(self.value, list), self.value is None
        if nothing is not (self.op in ("exists", "missing")) or many is not (self.op in ("in", "not_in")):
            raise PydanticCustomError(
                "value", "`in` and `not_in` take a list, `exists` and `missing` nothing, others one value"
            )
        if self.op in _ORDERED and isinstance(self.value, bool):
            raise PydanticCustomError("value", "What is greater or less is a number or a text")
        return self

    def domain(self) -> Condition:
        """The condition."""
        return Condition(self.property, self.op, tuple(self.value) if isinstance(self.value, list) else self.value)


class MatchIn(Strict):
    """Which facts: touchpoints by their name, or facts about orders."""

    on: On = "touchpoint"
    call: CallType | None = Field(None, description="Of a touchpoint; none: any.")
    name: str | None = Field(None, min_length=1, max_length=200, examples=["Order Delivered"])
    where: list[ConditionIn] = Field([], max_length=20)

    @model_validator(mode="after")
    def _fits(self) -> "MatchIn":
        if self.on != "touchpoint" and (self.call is not None or self.name is not None):
            raise PydanticCustomError("match", "Facts about orders have neither call nor name")
        if self.on == "touchpoint" and self.name is None:
            raise PydanticCustomError("match", "Say the name of the touchpoint")
        return self

    def match(self) -> domain.Match:
        """The facts meant."""
        return domain.Match(self.on, self.call, self.name, tuple(each.domain() for each in self.where))


class DelayIn(Strict):
    """So many seconds after the fact, or at a local time of day so many days later."""

    seconds: Seconds | None = None
    days: Annotated[int, Field(strict=True, ge=0, le=90)] | None = None
    at: Clock | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "DelayIn":
        if (self.days is None) != (self.at is None) or (self.seconds is None) == (self.days is None):
            raise PydanticCustomError("delay", "A delay is `seconds`, or `days` and `at`")
        return self

    def delay(self) -> Delay:
        """The delay."""
        return Delay(self.seconds or 0, self.days, _read_time(self.at))


class TriggerIn(MatchIn):
    """A fact that makes its person a candidate."""

    id: Name
    delay: DelayIn = DelayIn(seconds=0)
    staff: Flat | None = Field("staff_id", description="The property that says who served the customer.")
    touchpoint: Flat | None = Field(None, description="The property that says which touchpoint it was.")
    stage: Flat | None = None

    @classmethod
    def of(cls, trigger: domain.Trigger) -> "TriggerIn":
        """A trigger in the words in which it is set."""
        delay = trigger.delay
        said = (
            {"seconds": delay.seconds}
            if delay.days is None
            else {"days": delay.days, "at": clock_text(delay.at or time(0))}
        )
        return cls.model_validate(
            {
                **words_of_match(trigger.match),
                "id": trigger.id,
                "delay": said,
                "staff": trigger.staff,
                "touchpoint": trigger.touchpoint,
                "stage": trigger.stage,
            }
        )


class CancelIn(MatchIn):
    """A fact that takes waiting candidates back: those of the same order, or of the same person."""

    by: Literal["order", "person"] = "order"


class ScheduleIn(Strict):
    """Whom to ask without a fact: each person anew after a time (`rolling`), or everybody at once (`wave`)."""

    id: Name
    kind: Literal["rolling", "wave"]
    starts_on: date
    at: Clock = "10:00"
    every_days: Days | None = None
    every_months: Annotated[int, Field(strict=True, ge=1, le=24)] | None = None
    spread_days: Annotated[int, Field(strict=True, ge=0, le=365)] = 0
    retry_days: Annotated[int, Field(strict=True, ge=1, le=90)] = 7

    @model_validator(mode="after")
    def _fits(self) -> "ScheduleIn":
        if self.kind == "rolling" and (self.every_days is None or self.every_months is not None):
            raise PydanticCustomError("schedule", "A rolling schedule says `every_days`")
        if self.every_days is not None and self.every_months is not None:
            raise PydanticCustomError("schedule", "A wave is repeated after days or after months")
        if not 2000 <= self.starts_on.year <= 2200:
            raise PydanticCustomError("schedule", "A schedule starts between the years 2000 and 2200")
        return self

    @classmethod
    def of(cls, schedule: domain.Schedule) -> "ScheduleIn":
        """A schedule in the words in which it is set."""
        said = asdict(schedule)
        del said["since"]
        return cls.model_validate({**said, "at": clock_text(schedule.at)})


class BudgetIn(Strict):
    """At most `limit` contacts in any `window_days`, and none within `gap_days` of another."""

    limit: Annotated[int, Field(strict=True, ge=1, le=1_000)] | None = None
    window_days: Annotated[float, Field(gt=0, le=730)] | None = None
    gap_days: Annotated[float, Field(gt=0, le=730)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "BudgetIn":
        if (self.limit is None) != (self.window_days is None) or (self.limit is None and self.gap_days is None):
            raise PydanticCustomError("budget", "A rule is a limit with its window, a gap, or both")
        return self

    def rule(self, scope: Literal["all", "kind", "survey"], of: str = "") -> Rule:
        """The rule."""
        return Rule(
            scope,
            of,
            self.limit,
            round((self.window_days or 0) * DAY_SECONDS),
            round((self.gap_days or 0) * DAY_SECONDS),
        )


class FirmBudgetIn(BudgetIn):
    """A rule over all surveys, or over those whose main question is of one kind."""

    kind: QuestionKind | None = None


class QuietIn(Strict):
    """Local times of day between which nobody is disturbed, in the customer's zone where it is known."""

    start: Clock
    end: Clock

    @model_validator(mode="after")
    def _is_some(self) -> "QuietIn":
        if self.start == self.end:
            raise PydanticCustomError("quiet", "Quiet hours begin and end at different times")
        return self

    def quiet(self) -> Quiet:
        """The quiet hours."""
        return Quiet(time.fromisoformat(self.start), time.fromisoformat(self.end))


class AskingConsentIn(Strict):
    """What a customer must have agreed to."""

    purpose: Name = "surveys"
    channel: Name = "email"


class RemindersIn(Strict):
    """How often somebody who has not answered is reminded."""

    most: Annotated[int, Field(strict=True, ge=0, le=3)] = 0
    after_seconds: Annotated[int, Field(strict=True, ge=3_600, le=60 * DAY_SECONDS)] = 3 * DAY_SECONDS
    is_counted: bool = Field(True, description="Whether a reminder counts against the contact budget.")


def _read_time(text: str | None) -> time | None:
    return None if text is None else time.fromisoformat(text)


def clock_text(at: time) -> str:
    """A local time of day as it is written."""
    return at.isoformat("minutes")


def words_of_match(match: domain.Match) -> dict[str, Any]:
    """A match in the words of `MatchIn`."""
    return {
        "on": match.on,
        "call": match.call,
        "name": match.name,
        "where": [
            {
                "property": each.property,
                "op": each.op,
                "value": list(each.value) if isinstance(each.value, tuple) else each.value,
            }
            for each in match.where
        ],
    }


def words_of_budget(rule: Rule) -> dict[str, Any]:
    """A rule in the words of `BudgetIn`."""
    return {
        "limit": rule.limit,
        "window_days": rule.window_seconds / DAY_SECONDS if rule.limit is not None else None,
        "gap_days": rule.gap_seconds / DAY_SECONDS or None,
    }
