"""Birthdays: from what systems write to a month and a day, and when it comes next."""

import re
from datetime import UTC, date, datetime, time, tzinfo
from typing import NamedTuple

# The traits that hold one, by what shops and the tracking protocol call it.
TRAITS = ("birthday", "birth_date", "birthdate", "birthDate", "date_of_birth", "dateOfBirth", "dob")

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_NO_YEAR = re.compile(r"(?:--)?(\d\d)-(\d\d)", re.ASCII)
# Any leap year: 29 February is a birthday.
_LEAP = 2000


class Birthday(NamedTuple):
    """A day that comes every year."""

    month: int
    day: int

    def in_year(self, year: int) -> date:
        """The day in a year; 29 February is kept on the 28th where there is none."""
        try:
            return date(year, self.month, self.day)
        except ValueError:
            return date(year, 2, 28)

    def next_from(self, today: date) -> date:
        """The first one that is not over yet; today is none of the past."""
        this_year = self.in_year(today.year)
        return this_year if this_year >= today else self.in_year(today.year + 1)


def birthday(value: object, zone: tzinfo) -> Birthday | None:
    """The birthday that a trait states, or None: `1990-02-28`, `--02-28`, `02-28`, or a moment in RFC 3339.

    `28/02/1990` is none: 03/04 is March to some and April to others, and a wish on the wrong day is worse than none.
    """
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        if found := _NO_YEAR.fullmatch(text):
            return _checked(date(_LEAP, int(found[1]), int(found[2])))
        if _DATE.fullmatch(text):
            return _checked(date.fromisoformat(text))
        return _checked(_local_date(datetime.fromisoformat(text), zone)) if _DATE.match(text) else None
    except (ValueError, OverflowError):
        return None


def _local_date(moment: datetime, zone: tzinfo) -> date:
    """The date that was meant: a browser turns a local midnight into a moment of the day before."""
    if moment.tzinfo is None or moment.astimezone(UTC).time() == time():
        return moment.date()
    return moment.astimezone(zone).date()


def _checked(found: date) -> Birthday:
    return Birthday(found.month, found.day)
