"""SQL of what came of cases. Merged ones count once: with the case they are part of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.db.engine import ReadTx


@dataclass(frozen=True, slots=True)
class Cohort:
    """Cases that were opened in a time; None does not narrow them."""

    since: datetime
    until: datetime
    survey: UUID | None = None
    touchpoint: str | None = None
    team: str | None = None
    owner: str | None = None


class Counted(NamedTuple):
    """What came of a cohort. A clock that has not been decided yet counts as neither in time nor late."""

    opened: int
    merged: int
    closed: int
    contact_decided: int
    contact_in_time: int
    resolution_decided: int
    resolution_in_time: int
    median_contact_seconds: float | None
    p90_contact_seconds: float | None
    asked_again: int
    recovered: int


# A clock is decided once it was stopped, or has run out.
_COUNTED = """
    SELECT count(*) AS opened,
        count(*) FILTER (WHERE merged_into IS NOT NULL) AS merged,
        count(*) FILTER (WHERE status = 'closed' AND whole) AS closed,
        count(*) FILTER (WHERE whole AND (contacted_at IS NOT NULL OR contact_due_at < coalesce(closed_at, :now)))
            AS contact_decided,
        count(*) FILTER (WHERE whole AND contacted_at <= contact_due_at) AS contact_in_time,
        count(*) FILTER (WHERE whole AND (resolved_at IS NOT NULL OR resolve_due_at < :now)) AS resolution_decided,
        count(*) FILTER (WHERE whole AND resolved_at IS NOT NULL
            AND (resolve_due_at IS NULL OR resolved_at <= resolve_due_at)) AS resolution_in_time,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY contact_seconds) FILTER (WHERE whole) AS median_contact_seconds,
        percentile_cont(0.9) WITHIN GROUP (ORDER BY contact_seconds) FILTER (WHERE whole) AS p90_contact_seconds,
        count(*) FILTER (WHERE whole AND later IS NOT NULL) AS asked_again,
        count(*) FILTER (WHERE whole AND later) AS recovered
    FROM (
        SELECT *, merged_into IS NULL AS whole FROM cases
        LEFT JOIN (SELECT case_id, bool_or(is_recovered) AS later FROM case_recoveries GROUP BY case_id) AS r
            ON r.case_id = cases.id
        WHERE opened_at >= :since AND opened_at < :until {more}
    ) AS cohort
"""
_CAUSES = """
    SELECT root_cause, outcome, count(*) AS n FROM cases
    WHERE opened_at >= :since AND opened_at < :until AND status = 'closed' AND merged_into IS NULL {more}
    GROUP BY root_cause, outcome
"""
_NARROW = {"survey": "survey_id", "touchpoint": "touchpoint", "team": "team", "owner": "owner"}


async def counted(tx: ReadTx, cohort: Cohort, now: datetime) -> Counted:
    """What came of a cohort, as far as it is known. Index cases_opened."""
    more, values = _narrowed(cohort)
    rows = await tx.execute(_COUNTED.format(more=more), {**values, "now": now})
    return Counted._make(rows.one())


async def causes(tx: ReadTx, cohort: Cohort) -> list[tuple[str, str, int]]:
    """How often each root cause and outcome was found."""
    more, values = _narrowed(cohort)
    return [(row.root_cause, row.outcome, row.n) for row in await tx.execute(_CAUSES.format(more=more), values)]


def _narrowed(cohort: Cohort) -> tuple[str, Mapping[str, Any]]:
    wanted = {name: getattr(cohort, name) for name in _NARROW if getattr(cohort, name) is not None}
    more = "".join(f" AND {_NARROW[name]} = :{name}" for name in wanted)
    return more, {**wanted, "since": cohort.since, "until": cohort.until}
