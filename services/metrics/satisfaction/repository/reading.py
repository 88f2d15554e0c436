"""What was counted, read from the sums: whole months from those of months, the days around them from those of days."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.metrics.domain.calendar import Period, period_after, period_start
from services.metrics.satisfaction.domain.gathering import Asked
from services.metrics.satisfaction.domain.query import Days, Metric, Query
from services.metrics.satisfaction.domain.scores import Counted, Item, fits
from services.metrics.satisfaction.domain.tally import ALL, summed_under
from services.metrics.satisfaction.repository.sums import ASK_COLUMNS, SCORE_COLUMNS
from shared.db.engine import ReadTx

_SUMS = ", ".join(f"CAST(sum(s.{name}) AS bigint) AS {name}" for name in SCORE_COLUMNS)
_PLUS = ", ".join(f"s.{name}" for name in SCORE_COLUMNS)
_MINUS = ", ".join(f"-s.{name}" for name in SCORE_COLUMNS)
_EVER = 2_147_483_647
_WANTED = "dimension = :dimension AND (CAST(:value AS text) IS NULL OR value = CAST(:value AS text))"
# Values of a dimension are told apart where it is looked at; all together have none.
_SLOTS = f"""
    wanted AS (
        SELECT slot, item, CASE WHEN :is_whole THEN '' ELSE value END AS value FROM score_slots
        WHERE item = ANY(CAST(:items AS uuid[])) AND {_WANTED}
    )
"""
_START = {
    "day": "s.day",
    # 1970-01-01 was a Thursday.
    "week": "s.day - (s.day + 3) % 7",
    "month": "s.day",
}
_NEXT = {period: start.replace("s.day", "s.next_day") for period, start in _START.items()}


async def items(tx: ReadTx, metric: Metric, survey: UUID | None, question: str | None) -> list[Item]:
    """The questions, of customers' surveys, whose scores make this metric."""
    rows = await tx.execute(
        "SELECT survey_id, version, is_anonymous, questions FROM survey_versions WHERE purpose = 'customers' "
        "AND (CAST(:survey AS uuid) IS NULL OR survey_id = :survey) ORDER BY survey_id, version",
        {"survey": survey},
    )
    return [
        Item(row.survey_id, row.version, name, lowest, highest, row.is_anonymous)
        for row in rows
        for name, kind, lowest, highest in row.questions
        if fits(metric, kind, lowest, highest) and question in (None, name)
    ]


class Slot(NamedTuple):
    """The one dimension that is looked at, and its value where only one is wanted."""

    dimension: str
    value: str | None

    @classmethod
    def of(cls, query: Query) -> "Slot":
        """That of a query with at most one dimension."""
        dimension = next(iter(query.dimensions), ALL)
        return cls(dimension, query.filters.get(dimension))

    @property
    def sought(self) -> dict[str, Any]:
        """What the sums are sought by."""
        return {"dimension": summed_under(self.dimension), "value": self.value, "is_whole": self.dimension == ALL}


async def counted(tx: ReadTx, wanted: Sequence[UUID], slot: Slot, days: Days) -> list[tuple[int, Counted]]:
    """All answers of these days: (kind of answer, what was counted)."""
    ranges = [(False, days.head), (True, days.months), (False, days.tail)]
    rows = await tx.execute(
        f"""
        WITH {_SLOTS}
        SELECT w.item, w.value, s.kind, s.weight, {_SUMS}
        FROM unnest(CAST(:months AS boolean[]), CAST(:firsts AS int[]), CAST(:lasts AS int[]))
            AS r(is_month, first, last)
        CROSS JOIN wanted w
        JOIN score_days s ON s.slot = w.slot AND s.is_month = r.is_month AND s.day BETWEEN r.first AND r.last
        WHERE s.kind >= 0
        GROUP BY w.item, w.value, s.kind, s.weight
        """,
        {"items": list(wanted), **slot.sought, **_ranges(ranges)},
    )
    return [(row.kind, Counted(row.item, row.value, row.weight, tuple(row)[4:])) for row in rows]


async def followed(tx: ReadTx, wanted: Sequence[UUID], slot: Slot, days: Days, mode: int) -> list[Counted]:
    """Answers of these days that a later one of the same person, still within them, follows.

    All that are followed, less those whose next answer came after these days: of days up to today there are none. Their
    days and those of what follows them are read from the sums of months where whole months will do.
    """
    found = await tx.execute(
        f"""
        WITH {_SLOTS}
        SELECT item, value, weight, {_SUMS} FROM (
            SELECT w.item, w.value, s.weight, {_PLUS}
            FROM unnest(CAST(:months AS boolean[]), CAST(:firsts AS int[]), CAST(:lasts AS int[]))
                AS r(is_month, first, last)
            CROSS JOIN wanted w
            JOIN score_days s ON s.slot = w.slot AND s.is_month = r.is_month AND s.day BETWEEN r.first AND r.last
            WHERE s.kind < 0 AND -s.kind & :mode <> 0
            UNION ALL
            SELECT w.item, w.value, s.weight, {_MINUS}
            FROM unnest(CAST(:later_months AS boolean[]), CAST(:later_firsts AS int[]), CAST(:later_lasts AS int[]),
                        CAST(:afters AS int[]), CAST(:untils AS int[])) AS r(is_month, first, last, after, until)
            CROSS JOIN wanted w
            JOIN score_followed s ON s.slot = w.slot AND s.is_month = r.is_month
                AND s.day BETWEEN r.first AND r.last AND s.next_day > r.after AND s.next_day <= r.until
            WHERE s.modes & :mode <> 0
        ) AS s
        GROUP BY item, value, weight
        """,
        {
            "items": list(wanted),
            **slot.sought,
            "mode": 1 << mode,
            **_ranges([(False, days.head), (True, days.months), (False, days.tail)]),
            **_later(days),
        },
    )
    return [Counted(row.item, row.value, row.weight, tuple(row)[3:]) for row in found]


def _later(days: Days) -> dict[str, Any]:
    """Pairs of days of which the first lies within and the second after: (is_month, first, last, after, until)."""
    month = period_start("month", days.last)
    found = [(False, *part, days.last, _EVER) for part in (days.head, days.tail) if part is not None]
    if days.months is not None:
        first, last = days.months
        # What follows in a later month, and what follows in the month these days end in.
        found.append((True, first, last, month, _EVER))
        found.append((False, first, period_after("month", last) - 1, days.last, period_after("month", month) - 1))
    names = ("later_months", "later_firsts", "later_lasts", "afters", "untils")
    return dict(zip(names, map(list, zip(*found, strict=True)), strict=True))


async def counted_by_period(
    tx: ReadTx, wanted: Sequence[UUID], slot: Slot, days: Days, period: Period
) -> list[tuple[int, int, Counted]]:
    """All answers of these days, which are whole periods: (first day, kind of answer, what was counted)."""
    rows = await tx.execute(
        f"""
        WITH {_SLOTS}
        SELECT {_START[period]} AS start, w.item, w.value, s.kind, s.weight, {_SUMS}
        FROM wanted w JOIN score_days s USING (slot)
        WHERE s.is_month = :is_month AND s.kind >= 0 AND s.day BETWEEN :first AND :last
        GROUP BY start, w.item, w.value, s.kind, s.weight
        """,
        {
            "items": list(wanted),
            **slot.sought,
            "is_month": period == "month",
            "first": days.first,
            "last": days.last,
        },
    )
    return [(row.start, row.kind, Counted(row.item, row.value, row.weight, tuple(row)[5:])) for row in rows]


async def followed_by_period(
    tx: ReadTx, wanted: Sequence[UUID], slot: Slot, days: Days, period: Period, mode: int
) -> list[tuple[int, Counted]]:
    """Answers that a later one of the same person, still in the same period, follows: (first day, what was counted)."""
    rows = await tx.execute(
        f"""
        WITH {_SLOTS}
        SELECT {_START[period]} AS start, w.item, w.value, s.weight, {_SUMS}
        FROM wanted w JOIN score_followed s USING (slot)
        WHERE s.is_month = :is_month AND s.modes & :mode <> 0
            AND s.day BETWEEN :first AND :last AND {_START[period]} = {_NEXT[period]}
        GROUP BY start, w.item, w.value, s.weight
        """,
        {
            "items": list(wanted),
            **slot.sought,
            "is_month": period == "month",
            "first": days.first,
            "last": days.last,
            "mode": 1 << mode,
        },
    )
    return [(row.start, Counted(row.item, row.value, row.weight, tuple(row)[4:])) for row in rows]


async def asked(tx: ReadTx, surveys: Collection[UUID], slot: Slot, days: Days) -> list[Asked]:
    """Who was invited on these days, and what had become of it by now."""
    ranges = [(False, days.head), (True, days.months), (False, days.tail)]
    sums = ", ".join(f"CAST(sum(s.{name}) AS bigint) AS {name}" for name in ASK_COLUMNS)
    rows = await tx.execute(
        f"""
        SELECT s.survey_id, CASE WHEN :is_whole THEN '' ELSE s.value END AS value, {sums}
        FROM unnest(CAST(:months AS boolean[]), CAST(:firsts AS int[]), CAST(:lasts AS int[]))
            AS r(is_month, first, last)
        JOIN ask_days s ON s.is_month = r.is_month AND s.day BETWEEN r.first AND r.last
        WHERE s.survey_id = ANY(CAST(:surveys AS uuid[])) AND {_WANTED} GROUP BY 1, 2
        """,
        {"surveys": list(surveys), **slot.sought, **_ranges(ranges)},
    )
    return [_asked(row) for row in rows]


def _asked(row: Any) -> Asked:
    return Asked(*row)


def _ranges(ranges: Sequence[tuple[bool, tuple[int, int] | None]]) -> dict[str, list[bool] | list[int]]:
    present = [(is_month, *days) for is_month, days in ranges if days is not None]
    return {
        "months": [each[0] for each in present],
        "firsts": [each[1] for each in present],
        "lasts": [each[2] for each in present],
    }


async def open_cases(tx: ReadTx) -> int:
    """Cases that are neither closed nor part of another."""
    found: int = (await tx.execute("SELECT count(*) FROM survey_cases WHERE status <> 'closed'")).scalar_one()
    return found


async def personas(tx: ReadTx) -> dict[str, str]:
    """The segment of each persona that is in use."""
    rows = await tx.execute("SELECT key, segment_id FROM personas WHERE status = 'active' ORDER BY key")
    return {row.key: str(row.segment_id) for row in rows}
