"""What the card reads besides what other rooms read: all of it sums, or the few rows of a mirror wave."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.metrics.domain.calendar import period_after, period_start
from services.metrics.domain.lifeline import NEVER
from services.metrics.satisfaction.domain.query import Days, Metric
from services.metrics.satisfaction.domain.scores import Counted, Item, fits
from services.metrics.satisfaction.domain.tally import summed_under
from services.metrics.satisfaction.repository.sums import SCORE_COLUMNS
from services.metrics.scorecard.domain.engagement import active_within
from services.metrics.value.domain.telling import Told
from shared.db.engine import ReadTx

_EVER = 2_147_483_647
_PLUS = ", ".join(f"s.{name}" for name in SCORE_COLUMNS)
_SUMS = ", ".join(f"CAST(sum(n.{name}) AS bigint) AS {name}" for name in SCORE_COLUMNS)
_MINUS_FOLLOWED = ", ".join(f"CASE WHEN s.kind < 0 THEN -s.{name} ELSE s.{name} END" for name in SCORE_COLUMNS)


async def asked(tx: ReadTx, metrics: Sequence[Metric]) -> dict[Metric, list[Item]]:
    """The questions, of customers' surveys, whose scores make these metrics."""
    rows = await tx.execute(
        "SELECT survey_id, version, is_anonymous, questions FROM survey_versions WHERE purpose = 'customers'"
    )
    found: dict[Metric, list[Item]] = {metric: [] for metric in metrics}
    for row in rows:
        for question, kind, lowest, highest in row.questions:
            for metric in metrics:
                if fits(metric, kind, lowest, highest):
                    item = Item(row.survey_id, row.version, question, lowest, highest, row.is_anonymous)
                    found[metric].append(item)
    return found


class Answers(NamedTuple):
    """Newest answers of people in a period, of one item, value of a dimension, and weight."""

    period: str
    dimension: str
    counted: Counted


async def answers(
    tx: ReadTx, items: Collection[UUID], dimensions: Sequence[str], periods: Mapping[str, Days]
) -> list[Answers]:
    """Of each person the newest complete and confirmed answer to an item in each period, by several dimensions at once.

    All answers of the period, less those that another follows, but for those that are followed only after it: the rule
    of satisfaction, in one statement for a page that needs all of them.
    """
    rows = await tx.execute(
        f"""
        WITH wanted AS (
            SELECT k.slot, k.item, d.dimension, CASE WHEN d.dimension = k.dimension THEN k.value ELSE '' END AS value
            FROM score_slots k JOIN unnest(CAST(:dimensions AS text[]), CAST(:stored AS text[])) AS d(dimension, stored)
                ON k.dimension = d.stored
            WHERE k.item = ANY(CAST(:items AS uuid[]))
        )
        SELECT n.period, n.dimension, n.item, n.value, n.weight, {_SUMS} FROM (
            SELECT r.period, w.dimension, w.item, w.value, s.weight, {_MINUS_FOLLOWED}
            FROM unnest(CAST(:periods AS text[]), CAST(:months AS boolean[]), CAST(:firsts AS int[]),
                        CAST(:lasts AS int[])) AS r(period, is_month, first, last)
            CROSS JOIN wanted w
            JOIN score_days s ON s.slot = w.slot AND s.is_month = r.is_month AND s.day BETWEEN r.first AND r.last
            WHERE s.kind = 0 OR s.kind < 0 AND -s.kind & 1 <> 0
            UNION ALL
            SELECT r.period, w.dimension, w.item, w.value, s.weight, {_PLUS}
            FROM unnest(CAST(:later AS text[]), CAST(:later_months AS boolean[]), CAST(:later_firsts AS int[]),
                        CAST(:later_lasts AS int[]), CAST(:afters AS int[]), CAST(:untils AS int[]))
                AS r(period, is_month, first, last, after, until)
            CROSS JOIN wanted w
            JOIN score_followed s ON s.slot = w.slot AND s.is_month = r.is_month
                AND s.day BETWEEN r.first AND r.last AND s.next_day > r.after AND s.next_day <= r.until
            WHERE s.modes & 1 <> 0
        ) AS n(period, dimension, item, value, weight, {", ".join(SCORE_COLUMNS)})
        GROUP BY n.period, n.dimension, n.item, n.value, n.weight
        """,
        {
            "items": list(items),
            "dimensions": list(dimensions),
            "stored": [*map(summed_under, dimensions)],
            **_ranges(periods),
            **_later(periods),
        },
    )
    return [
        Answers(row.period, row.dimension, Counted(row.item, row.value, row.weight, tuple(row)[5:])) for row in rows
    ]


def _ranges(periods: Mapping[str, Days]) -> dict[str, list[Any]]:
    found = [
        (name, is_month, *part)
        for name, days in periods.items()
        for is_month, part in ((False, days.head), (True, days.months), (False, days.tail))
        if part is not None
    ]
    return _columns(("periods", "months", "firsts", "lasts"), found)


def _later(periods: Mapping[str, Days]) -> dict[str, list[Any]]:
    """Pairs of days of which the first lies within a period and the second after it."""
    found: list[tuple[Any, ...]] = []
    for name, days in periods.items():
        month = period_start("month", days.last)
        found += [(name, False, *part, days.last, _EVER) for part in (days.head, days.tail) if part is not None]
        if days.months is not None:
            first, last = days.months
            # What follows in a later month, and what follows in the month these days end in.
            found.append((name, True, first, last, month, _EVER))
            end = period_after("month", last) - 1
            found.append((name, False, first, end, days.last, period_after("month", month) - 1))
    return _columns(("later", "later_months", "later_firsts", "later_lasts", "afters", "untils"), found)


def _columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


class Engaged(NamedTuple):
    """A sum of engagement: in a period, or as of its end."""

    period: str
    what: str
    segment: str
    number: int


_STATES = ("open", "late")


async def engagement(tx: ReadTx, periods: Mapping[str, Days], window: int) -> list[Engaged]:
    """Points and complaints of each period, and who is active and what is open at its end; by segment."""
    states = [*_STATES, active_within(window)]
    ranges: list[tuple[Any, ...]] = []
    for name, days in periods.items():
        for is_month, part in ((False, days.head), (True, days.months), (False, days.tail)):
            if part is not None:
                ranges.append((name, False, is_month, *part))
        month = period_start("month", days.last + 1)
        ranges.append((name, True, True, -_EVER, month - 1))
        if month <= days.last:
            ranges.append((name, True, False, month, days.last))
    rows = await tx.execute(
        """
        WITH RECURSIVE whats AS (
            SELECT min(what) AS what FROM engagement_sums
            UNION ALL
            SELECT (SELECT min(s.what) FROM engagement_sums s WHERE s.what > w.what) FROM whats w
            WHERE w.what IS NOT NULL
        ), wanted AS (
            SELECT what, what = ANY(CAST(:states AS text[])) AS is_state FROM whats
            WHERE what IS NOT NULL AND (what = ANY(CAST(:states AS text[])) OR what NOT LIKE 'active:%')
        )
        SELECT r.period, w.what, s.segment, CAST(sum(s.number) AS bigint) AS number
        FROM unnest(CAST(:periods AS text[]), CAST(:are_states AS boolean[]), CAST(:months AS boolean[]),
                    CAST(:firsts AS int[]), CAST(:lasts AS int[])) AS r(period, is_state, is_month, first, last)
        JOIN wanted w ON w.is_state = r.is_state
        CROSS JOIN LATERAL (
            SELECT e.segment, sum(e.number) AS number FROM engagement_sums e
            WHERE e.what = w.what AND e.is_month = r.is_month AND e.day BETWEEN r.first AND r.last
            GROUP BY e.segment OFFSET 0
        ) AS s
        GROUP BY r.period, w.what, s.segment
        """,
        {"states": states, **_columns(("periods", "are_states", "months", "firsts", "lasts"), ranges)},
    )
    return [Engaged(row.period, row.what, row.segment, row.number) for row in rows]


async def won_back(tx: ReadTx, day: int, window: int) -> int:
    """Customers who had lapsed `window` days before the day, and bought in them."""
    found = await tx.execute(
        "SELECT CAST(coalesce(sum(customers), 0) AS bigint) FROM cells WHERE kind = 'day' AND day > :never "
        "AND day <= :lapsed AND next_day > :start AND next_day <= :day",
        {"never": NEVER, "start": day - window, "lapsed": day - 2 * window, "day": day},
    )
    number: int = found.scalar_one()
    return number


class Kept(NamedTuple):
    """A figure as the clock computed it: of a day, and when that was."""

    figure: str
    segment: str
    day: int
    document: dict[str, Any]


async def kept(tx: ReadTx, days: Sequence[int]) -> dict[int, list[Kept]]:
    """For each of these days, the newest of each figure and segment that was computed up to it."""
    rows = await tx.execute(
        """
        SELECT d.day AS asked, k.figure, k.segment, k.day, k.document FROM unnest(CAST(:days AS int[])) AS d(day)
        CROSS JOIN (SELECT DISTINCT figure, segment FROM card_kept) AS f
        CROSS JOIN LATERAL (SELECT * FROM card_kept c WHERE c.figure = f.figure AND c.segment = f.segment
                            AND c.day <= d.day ORDER BY c.day DESC LIMIT 1) AS k
        """,
        {"days": list(days)},
    )
    found: defaultdict[int, list[Kept]] = defaultdict(list)
    for row in rows:
        found[row.asked].append(Kept(row.figure, row.segment, row.day, row.document))
    return found


async def newest_kept(tx: ReadTx, figure: str) -> tuple[int, datetime, bool] | None:
    """Of which day, and when, a figure of everybody was computed last, and whether it could be said."""
    rows = await tx.execute(
        "SELECT day, computed_at, document ->> 'value' IS NOT NULL AS is_said FROM card_kept "
        "WHERE figure = :figure AND segment = '' ORDER BY day DESC LIMIT 1",
        {"figure": figure},
    )
    row = rows.one_or_none()
    return None if row is None else (row.day, row.computed_at, row.is_said)


async def segment_values(tx: ReadTx) -> dict[str, Told]:
    """What the customers of each segment are worth, of those that personas describe, as it was last looked at."""
    rows = await tx.execute("SELECT segment_id, told FROM segment_values WHERE told IS NOT NULL ORDER BY segment_id")
    return {str(row.segment_id): Told.model_validate(row.told) for row in rows}


async def keep(tx: ReadTx, rows: Sequence[Kept], at: datetime) -> None:
    """Keep figures of a day that began to be computed at a moment; those that began later stay as they are."""
    for each in rows:
        await tx.execute(
            "INSERT INTO card_kept (figure, segment, day, computed_at, document) "
            "VALUES (:figure, :segment, :day, :at, CAST(:document AS jsonb)) "
            "ON CONFLICT (figure, segment, day) DO UPDATE SET computed_at = EXCLUDED.computed_at, "
            "document = EXCLUDED.document WHERE card_kept.computed_at <= EXCLUDED.computed_at",
            {
                "figure": each.figure,
                "segment": each.segment,
                "day": each.day,
                "at": at,
                "document": orjson.dumps(each.document).decode(),
            },
        )
