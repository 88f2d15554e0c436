"""When points begin to count, and when they end."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.loyalty.programs.domain.calendar import (
    add_days,
    add_months,
    day_end,
    day_start,
    in_year,
    local_day,
    month_end,
)

Rounding = Literal["none", "month", "quarter", "half_year", "year"]
_MONTHS_OF: dict[Rounding, int] = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}


class Rule(BaseModel):
    """A part of the terms: frozen, and no other field."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class End(NamedTuple):
    """Where points end: the last local day they count on, its zone, and the moment from which they do not."""

    on: date
    zone: str
    at: datetime

    @classmethod
    def of(cls, day: date, zone: ZoneInfo) -> "End":
        """The end of a local day."""
        return cls(day, zone.key, day_end(day, zone))


class YearDay(Rule):
    """A day that comes every year; 29 February is the 28th where there is none."""

    month: Annotated[int, Field(ge=1, le=12)]
    day: Annotated[int, Field(ge=1, le=31)]

    @model_validator(mode="after")
    def _is_a_day(self) -> "YearDay":
        in_year(2024, self.month, self.day)
        if self.day > in_year(2024, self.month, 31).day:
            raise ValueError("no month has that day")
        return self


class Pending(Rule):
    """When earned points begin to count.

    `immediate`; `days` after the local day they were earned on; `dates`: with the first of these days of the year after
    that one, and no fewer than `days` after it; or `on_event`: when somebody says so, or after `days` at the latest (0:
    never by themselves).
    """

    mode: Literal["immediate", "days", "dates", "on_event"] = "immediate"
    days: Annotated[int, Field(ge=0, le=730)] = 0
    dates: Annotated[tuple[YearDay, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _has_its_dates(self) -> "Pending":
        if (self.mode == "dates") != bool(self.dates):
            raise ValueError("the mode dates, and no other, has dates")
        return self

    def start(self, earned_at: datetime, zone: ZoneInfo) -> datetime | None:
        """The moment from which points earned at `earned_at` count; None: they wait for a word."""
        if self.mode == "immediate" or (self.mode == "days" and self.days == 0):
            return earned_at
        if self.mode == "on_event" and self.days == 0:
            return None
        day = local_day(earned_at, zone)
        if self.mode == "dates":
            return day_start(_first_from(add_days(day, max(1, self.days)), self.dates), zone)
        return day_start(add_days(day, self.days), zone)


class Expiry(Rule):
    """When points end, always with the end of a local day.

    `none`: never. `rolling`: `months` and `days` after they were earned, rounded up to the end of a period. `calendar`:
    with the first of `dates` that is no earlier than that. `inactivity`: so long after the last activity, all points
    of the wallet together. `anniversary`: with the first anniversary of the wallet that is no earlier than that.
    """

    mode: Literal["none", "rolling", "calendar", "inactivity", "anniversary"] = "none"
    months: Annotated[int, Field(ge=0, le=120)] = 0
    days: Annotated[int, Field(ge=0, le=3_660)] = 0
    rounding: Rounding = "none"
    dates: Annotated[tuple[YearDay, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> "Expiry":
        if self.mode in ("rolling", "inactivity") and not (self.months or self.days):
            raise ValueError(f"{self.mode} expiry needs months or days")
        if (self.mode == "calendar") != bool(self.dates):
            raise ValueError("calendar expiry, and no other, has dates")
        if self.rounding != "none" and self.mode not in ("rolling", "inactivity"):
            raise ValueError("only rolling and inactivity expiry are rounded")
        return self

    def end(self, from_: datetime, opened_at: datetime, zone: ZoneInfo) -> End | None:
        """Where points end that were earned (or last touched) at `from_`, in a wallet opened at `opened_at`."""
        if self.mode == "none":
            return None
        least = add_days(add_months(local_day(from_, zone), self.months), self.days)
        return End.of(self._last_day(least, local_day(opened_at, zone)), zone)

    def _last_day(self, least: date, opened: date) -> date:
        if self.mode == "calendar":
            return _first_from(least, self.dates)
        if self.mode == "anniversary":
            return _first_from(least, [YearDay(month=opened.month, day=opened.day)])
        return least if self.rounding == "none" else _period_end(least, _MONTHS_OF[self.rounding])


def _first_from(least: date, year_days: Sequence[YearDay]) -> date:
    """The first day from `least` on that is one of these days of a year."""
    years = range(least.year, min(least.year + 1, date.max.year) + 1)
    days = [in_year(year, each.month, each.day) for year in years for each in year_days]
    return min((day for day in days if day >= least), default=date.max)


def _period_end(day: date, months: int) -> date:
    """The last day of the period of so many months that `day` lies in."""
    return month_end(day.year, (day.month - 1) // months * months + months)
