"""From local times, as people enter them, to instants."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


class NoSuchTime(ValueError):
    """The clocks of the zone skip this local time."""


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant (UTC) of a local time without offset; of a time that comes twice, the first.

    Raises:
        NoSuchTime: it is in the hour that is skipped when clocks go forward.
    """
    found = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) != local:
        raise NoSuchTime
    return found
