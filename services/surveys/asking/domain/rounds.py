"""Schedules: which round of a schedule it is, and whether a person's turn has come."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.surveys.asking.domain.policy import Schedule
from services.surveys.asking.domain.sampling import phase
from services.surveys.asking.domain.timing import first_at

_MONTHS = 12


class Sweep(NamedTuple):
    """A round of a schedule: its number, the wave its sample is drawn for, and the instant from which it is due."""

    number: int
    wave: int
    at: datetime


class Round(NamedTuple):
    """When a person key was last asked by a survey, last drawn out of its sample, and last a candidate at all."""

    asked_at: datetime | None
    sampled_out_at: datetime | None
    last_at: datetime
    is_waiting: bool


def sweep_of(schedule: Schedule, now: datetime, zone: ZoneInfo) -> Sweep | None:
    """The latest round that has begun; None: none has, since the schedule was set up.

    A rolling schedule looks at everybody once a local day, a wave as often as it is repeated.
    """
    today = now.astimezone(zone).date()
    if schedule.kind == "wave":
        found = _wave(schedule, now, zone, today)
    else:
        day = today if now >= first_at(zone, today, schedule.at) else today - timedelta(days=1)
        wave = (day - schedule.starts_on).days // (schedule.every_days or 1) + 1
        found = Sweep(day.toordinal(), wave, first_at(zone, day, schedule.at)) if wave > 0 else None
    return found if found is not None and found.at >= schedule.since else None


def _wave(schedule: Schedule, now: datetime, zone: ZoneInfo, today: date) -> Sweep | None:
    number = _waves_begun(schedule, today)
    while number > 0:
        at = first_at(zone, wave_day(schedule, number), schedule.at)
        if at <= now:
            return Sweep(number, number, at)
        number -= 1
    return None


def _waves_begun(schedule: Schedule, today: date) -> int:
    """The number of the wave whose day is the latest up to today; 0: none."""
    passed = (today - schedule.starts_on).days
    if passed < 0:
        return 0
    if schedule.every_days:
        return passed // schedule.every_days + 1
    if not schedule.every_months:
        return 1
    months = (today.year - schedule.starts_on.year) * _MONTHS + today.month - schedule.starts_on.month
    number = months // schedule.every_months + 1
    return number if wave_day(schedule, number) <= today else number - 1


def wave_day(schedule: Schedule, number: int) -> date:
    """The local day of a wave; on the 31st of a month with fewer days, its last."""
    if schedule.every_days:
        return schedule.starts_on + timedelta(days=(number - 1) * schedule.every_days)
    months = schedule.starts_on.month - 1 + (number - 1) * (schedule.every_months or 0)
    first = date(schedule.starts_on.year + months // _MONTHS, months % _MONTHS + 1, 1)
    last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(schedule.starts_on.day, last.day))


def turn(
    schedule: Schedule, survey_id: UUID, root: UUID, rounds: Sequence[Round], sweep: Sweep, zone: ZoneInfo
) -> datetime | None:
    """When a person is due in this round of a rolling schedule; None: their turn has not come.

    `rounds` are those of all their keys. Between two askings lie `every_days` of 24 hours, to the second; who was
    drawn out of the sample waits as long, who could not be asked only `retry_days`.
    """
    every = timedelta(days=schedule.every_days or 1)
    if not rounds:
        begins = schedule.starts_on + timedelta(days=phase(survey_id, root, schedule.spread_days))
        return sweep.at if sweep.at.astimezone(zone).date() >= begins else None
    if any(each.is_waiting for each in rounds):
        return None
    long_ones = [at for each in rounds for at in (each.asked_at, each.sampled_out_at) if at is not None]
    free = max(
        max(long_ones, default=rounds[0].last_at) + every if long_ones else sweep.at,
        max(each.last_at for each in rounds) + timedelta(days=schedule.retry_days),
    )
    # Due today, if later than at the hour of the round: the hour they were asked at last time.
    is_today = free.astimezone(zone).date() <= sweep.at.astimezone(zone).date()
    return max(sweep.at, free) if is_today else None
