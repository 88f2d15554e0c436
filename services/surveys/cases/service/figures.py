"""What came of cases."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.surveys.cases.errors import BadPeriod
from services.surveys.cases.repository import figures as rows
from services.surveys.cases.repository.figures import Cohort
from services.surveys.cases.schemas.figures import CaseFiguresOut, ShareOut
from shared.clock import Clock
from shared.db.engine import Database

_MOST = timedelta(days=3_660)


@dataclass(frozen=True, slots=True)
class CaseFigures:
    """Figures of cohorts of cases: those opened on days of the firm's zone."""

    db: Database
    clock: Clock
    zone: ZoneInfo

    async def of(
        self,
        first_day: date | None,
        last_day: date | None,
        *,
        survey: UUID | None = None,
        touchpoint: str | None = None,
        team: str | None = None,
        owner: str | None = None,
    ) -> CaseFiguresOut:
        """What came of the cases opened from a day to a day; the last ninety days, if none are named.

        Raises:
            BadPeriod: it ends before it begins, or is longer than ten years.
        """
        now = self.clock.now()
        last = last_day or now.astimezone(self.zone).date()
        first = first_day or last - timedelta(days=min(89, (last - date.min).days))
        if not timedelta() <= last - first <= _MOST or last >= date.max - timedelta(days=2) or first.year < 1970:
            raise BadPeriod
        since, until = self._start(first), self._start(last + timedelta(days=1))
        cohort = Cohort(since, until, survey, touchpoint, team, owner)
        async with self.db.read() as tx:
            found, causes = await rows.counted(tx, cohort, now), await rows.causes(tx, cohort)
        return CaseFiguresOut(
            first_day=first,
            last_day=last,
            as_of=now,
            opened=found.opened,
            merged=found.merged,
            closed=found.closed,
            contact_in_time=ShareOut.of(found.contact_in_time, found.contact_decided),
            resolution_in_time=ShareOut.of(found.resolution_in_time, found.resolution_decided),
            median_contact_minutes=_minutes(found.median_contact_seconds),
            p90_contact_minutes=_minutes(found.p90_contact_seconds),
            recovery=ShareOut.of(found.recovered, found.asked_again),
            by_root_cause=_summed([(cause, n) for cause, _, n in causes]),
            by_outcome=_summed([(outcome, n) for _, outcome, n in causes]),
        )

    def _start(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone)


def _minutes(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 60, 2)


def _summed(counts: list[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for key, n in sorted(counts):
        found[key] = found.get(key, 0) + n
    return found
