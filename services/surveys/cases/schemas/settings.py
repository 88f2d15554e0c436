"""Wire models of calendars, agents, teams and root causes."""

from datetime import date
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.surveys.cases.schemas.policy import AgentKey, Key
from shared.http.schemas import ExternalId, Instant, Strict, TimeZone

_TIME = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"


def _in_order(value: list["HoursIn"]) -> list["HoursIn"]:
    if any(later.opens < earlier.closes for earlier, later in pairwise(value)):
        raise PydanticCustomError("hours", "Hours of a day come in order and do not overlap")
    return value


class HoursIn(Strict):
    """From when to when somebody works, by the wall clock; `closes` may be 24:00."""

    opens: str = Field(pattern=_TIME, examples=["08:00"])
    closes: str = Field(pattern=_TIME, examples=["12:00"])

    @model_validator(mode="after")
    def _is_time(self) -> "HoursIn":
        if self.opens >= self.closes:
            raise PydanticCustomError("hours", "Hours close after they open")
        return self


DayHours = Annotated[list[HoursIn], Field(max_length=10), AfterValidator(_in_order)]


class DayIn(Strict):
    """What holds on a date instead of its weekday: no hours on a holiday, some on half a day."""

    day: date
    hours: DayHours = Field([])
    name: str = Field("", max_length=200, examples=["Tết Nguyên Đán"])


class CalendarIn(Strict):
    """When cases are worked on. `week` has the hours of Monday to Sunday."""

    zone: TimeZone
    week: list[DayHours] = Field(min_length=7, max_length=7)
    days: list[DayIn] = Field([], max_length=1_000)

    @field_validator("week")
    @classmethod
    def _has_hours(cls, value: list[list[HoursIn]]) -> list[list[HoursIn]]:
        if not any(value):
            raise PydanticCustomError("hours", "Somebody has to work on some day of the week")
        return value

    @field_validator("days")
    @classmethod
    def _are_distinct(cls, value: list[DayIn]) -> list[DayIn]:
        if len({each.day for each in value}) < len(value):
            raise PydanticCustomError("twice", "A date is named twice")
        return sorted(value, key=lambda each: each.day)


class CalendarOut(CalendarIn):
    """A calendar; version 0 is the one that holds until a firm sets its own."""

    key: str
    version: int
    updated_at: Instant | None
    updated_by: str | None


class AbsenceIn(Strict):
    """Local days on which somebody is away, both included."""

    first_day: date
    last_day: date

    @model_validator(mode="after")
    def _is_time(self) -> "AbsenceIn":
        if self.first_day > self.last_day:
            raise PydanticCustomError("absence", "An absence ends on its first day or after")
        return self


class AgentIn(Strict):
    """Somebody who answers for cases. The key is the id that the firm's systems know them by, as in `staff_id`."""

    unit: ExternalId | None = Field(None, description="The shop, region or department they belong to.")
    is_active: bool = True
    absences: list[AbsenceIn] = Field([], max_length=100)

    @field_validator("absences")
    @classmethod
    def _are_distinct(cls, value: list[AbsenceIn]) -> list[AbsenceIn]:
        ordered = sorted(value, key=lambda each: each.first_day)
        if any(later.first_day <= earlier.last_day for earlier, later in pairwise(ordered)):
            raise PydanticCustomError("absence", "Absences overlap")
        return ordered


class AgentOut(AgentIn):
    """An agent."""

    key: str
    version: int
    teams: list[str]
    updated_at: Instant
    updated_by: str


class TeamIn(Strict):
    """Those who take cases in turn. `lead` is told when clocks run out; `calendar` counts the team's hours."""

    members: list[AgentKey] = Field(max_length=500)
    lead: AgentKey | None = None
    unit: ExternalId | None = Field(None, description="Cases about staff of this unit can go to this team.")
    calendar: Key | None = None
    is_active: bool = True

    @field_validator("members")
    @classmethod
    def _are_distinct(cls, value: list[str]) -> list[str]:
        return sorted(set(value))


class TeamOut(TeamIn):
    """A team."""

    key: str
    version: int
    updated_at: Instant
    updated_by: str


class RootCauseIn(Strict):
    """Why customers were unhappy, as the firm sorts it."""

    labels: dict[Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")], Annotated[str, Field(max_length=200)]] = (
        Field(min_length=1, max_length=20, examples=[{"vi": "Giao hàng trễ", "en": "Late delivery"}])
    )
    is_active: bool = True


class RootCauseOut(RootCauseIn):
    """A root cause."""

    key: str
    updated_at: Instant
    updated_by: str


class Listed(BaseModel):
    """What lists of settings have in common: they are short, and come whole."""


class CalendarsOut(Listed):
    """All calendars, by key."""

    items: list[CalendarOut]


class AgentsOut(Listed):
    """All agents, by key."""

    items: list[AgentOut]


class TeamsOut(Listed):
    """All teams, by key."""

    items: list[TeamOut]


class RootCausesOut(Listed):
    """All root causes, by key."""

    items: list[RootCauseOut]
