"""What holds for all cases now: the policy, the calendars, and which team works by which."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any
from zoneinfo import ZoneInfo

from services.surveys.cases.domain.calendar import MINUTES_OF_DAY, Calendar, Hours
from services.surveys.cases.domain.policy import Policy
from shared.holidays import HOLIDAYS

DEFAULT_CALENDAR = "default"


@dataclass(frozen=True, slots=True)
class Standing:
    """The policy that holds, and the calendars by key; a team that names none works by the default one."""

    policy: Policy
    calendars: Mapping[str, Calendar]
    calendar_of_team: Mapping[str, str]

    def calendar(self, team: str | None) -> Calendar:
        """The calendar that the cases of a team are counted by."""
        key = self.calendar_of_team.get(team, DEFAULT_CALENDAR) if team is not None else DEFAULT_CALENDAR
        return self.calendars[key]


def default_document(zone: str) -> dict[str, Any]:
    """Until a firm says otherwise: Monday to Friday, eight hours, without Vietnam's public holidays."""
    office = [{"opens": "08:00", "closes": "12:00"}, {"opens": "13:00", "closes": "17:00"}]
    closed = [{"day": day.isoformat(), "hours": [], "name": name} for day, name in HOLIDAYS["VN"].items()]
    return {"zone": zone, "week": [office] * 5 + [[], []], "days": closed}


def read_calendar(document: Mapping[str, Any]) -> Calendar:
    """The calendar of a document that was accepted."""
    return Calendar(
        ZoneInfo(document["zone"]),
        tuple(_hours(each) for each in document["week"]),
        {date.fromisoformat(each["day"]): _hours(each["hours"]) for each in document["days"]},
    )


def _hours(spans: list[Mapping[str, str]]) -> Hours:
    return tuple((_minute(each["opens"]), _minute(each["closes"])) for each in spans)


def _minute(text: str) -> int:
    if text == "24:00":
        return MINUTES_OF_DAY
    at = time.fromisoformat(text)
    return at.hour * 60 + at.minute
