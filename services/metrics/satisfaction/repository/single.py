"""The same counts from the answers themselves, for what depends on two dimensions at once.

It costs the answers of the period; the sums, which cost days, know of one dimension at a time.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from services.metrics.satisfaction.domain.query import Query
from services.metrics.satisfaction.domain.scores import Counted, Item
from services.metrics.satisfaction.repository.sums import SCORE_COLUMNS
from shared.db.engine import ReadTx

_COUNTS = ", ".join(f"count(*) FILTER (WHERE score = {score}) AS {name}" for score, name in enumerate(SCORE_COLUMNS))
_SEGMENTS = """
    SELECT DISTINCT m.segment_id FROM segment_members m LEFT JOIN identity k ON k.raw_id = m.customer
    WHERE coalesce(k.root_id, m.customer) = r.root
"""


async def counted(
    tx: ReadTx, items: Mapping[UUID, Item], query: Query, since: datetime, until: datetime
) -> list[tuple[int, bool, Counted]]:
    """Answers from `since` to before `until`: (kind of answer, is it its person's newest that counts, how many)."""
    filters = [f"AND {name} = :{name}" for name in query.filters if name != "segment"]
    if "segment" in query.filters:
        filters.append(f"AND CAST(:segment AS uuid) IN ({_SEGMENTS})")
    grouping = query.grouping
    value = "''" if grouping is None else grouping if grouping != "segment" else "CAST(g.segment_id AS text)"
    split = f"CROSS JOIN LATERAL ({_SEGMENTS}) AS g" if grouping == "segment" else ""
    rows = await tx.execute(
        f"""
        WITH scored AS (
            SELECT a.*, u.question, u.score, coalesce(i.root_id, a.customer) AS root,
                   CAST(a.is_inferred AS int) + CASE WHEN a.state = 'partial' THEN 2 ELSE 0 END AS kind
            FROM survey_answers a CROSS JOIN LATERAL unnest(a.questions, a.scores) AS u(question, score)
            LEFT JOIN identity i ON i.raw_id = a.customer
            WHERE a.survey_id = ANY(CAST(:surveys AS uuid[])) AND a.at >= :since AND a.at < :until
        ), ranked AS (
            SELECT *, kind & ~CAST(:mode AS int) = 0 AND row_number() OVER (
                PARTITION BY root, survey_id, question, kind & ~CAST(:mode AS int) = 0
                ORDER BY at DESC, response_id DESC
            ) = 1 AS is_newest
            FROM scored
        )
        SELECT survey_id, version, question, {value} AS value, weight, kind, is_newest, {_COUNTS}
        FROM ranked r {split} WHERE true {" ".join(filters)}
        GROUP BY survey_id, version, question, 4, weight, kind, is_newest
        """,
        {
            "surveys": list({each.survey_id for each in items.values()}),
            "since": since,
            "until": until,
            "mode": query.mode,
            **query.filters,
        },
    )
    ids = {(each.survey_id, each.version, each.question): key for key, each in items.items()}
    found: list[tuple[int, bool, Counted]] = []
    for row in rows:
        item = ids.get((row.survey_id, row.version, row.question))
        if item is not None:
            found.append((row.kind, row.is_newest, Counted(item, row.value, row.weight, tuple(row)[7:])))
    return found
