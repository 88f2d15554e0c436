"""A question of what was known, by a name that says all of it."""

from datetime import UTC, datetime
from typing import NamedTuple

NAME = "known"


class Moment(NamedTuple):
    """Known at a moment, of a day by its number; the window and the currency are those of the summary."""

    at: datetime
    day: int
    window: int
    currency: str | None

    @property
    def name(self) -> str:
        """What it is kept by, beside the day."""
        return "|".join((NAME, self.at.astimezone(UTC).isoformat(), str(self.window), self.currency or ""))

    @classmethod
    def named(cls, name: str, day: int) -> "Moment | None":
        """The inverse of `name`; None: it is the name of something else."""
        kind, _, rest = name.partition("|")
        if kind != NAME:
            return None
        at, window, currency = rest.split("|")
        return cls(datetime.fromisoformat(at), day, int(window), currency or None)
