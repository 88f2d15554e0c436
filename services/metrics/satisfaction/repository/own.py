"""What the firm enters itself: formulas of CES, benchmarks and targets."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.metrics.satisfaction.domain.query import Metric
from services.metrics.satisfaction.domain.scores import Formula
from services.metrics.satisfaction.domain.yardsticks import Yardstick, YardstickKind
from shared.db.engine import ReadTx, WriteTx


async def formulas(tx: ReadTx) -> dict[UUID, Formula]:
    """The formula of each survey that has one of its own."""
    rows = await tx.execute("SELECT survey_id, formula FROM ces_formulas ORDER BY survey_id")
    return {row.survey_id: row.formula for row in rows}


async def is_survey(tx: ReadTx, survey: UUID) -> bool:
    """Whether a version of it was published to customers."""
    rows = await tx.execute(
        "SELECT true FROM survey_versions WHERE survey_id = :survey AND purpose = 'customers' LIMIT 1",
        {"survey": survey},
    )
    return rows.scalar_one_or_none() is not None


async def fix_formula(tx: WriteTx, survey: UUID, formula: Formula) -> Formula:
    """Give a survey its formula, if it has none; the one it has then."""
    await tx.execute(
        "INSERT INTO ces_formulas (survey_id, formula) VALUES (:survey, :formula) ON CONFLICT DO NOTHING",
        {"survey": survey, "formula": formula},
    )
    return (await formulas(tx))[survey]


async def yardsticks(
    tx: ReadTx, metric: Metric | None = None, kind: YardstickKind | None = None
) -> Sequence[Yardstick]:
    """Benchmarks and targets."""
    rows = await tx.execute(
        "SELECT kind, metric, name, value, source, owner, dated FROM yardsticks "
        "WHERE (CAST(:metric AS text) IS NULL OR metric = :metric) AND (CAST(:kind AS text) IS NULL OR kind = :kind) "
        "ORDER BY kind, metric, name",
        {"metric": metric, "kind": kind},
    )
    return [_yardstick(row) for row in rows]


def _yardstick(row: Any) -> Yardstick:
    return Yardstick(*row)


async def put_yardstick(tx: WriteTx, yardstick: Yardstick) -> None:
    """Enter it, or replace the one of its name."""
    await tx.execute(
        "INSERT INTO yardsticks (kind, metric, name, value, source, owner, dated) "
        "VALUES (:kind, :metric, :name, :value, :source, :owner, :dated) ON CONFLICT (kind, metric, name) "
        "DO UPDATE SET value = EXCLUDED.value, source = EXCLUDED.source, owner = EXCLUDED.owner, "
        "dated = EXCLUDED.dated",
        yardstick._asdict(),
    )


async def remove_yardstick(tx: WriteTx, kind: YardstickKind, metric: Metric, name: str) -> bool:
    """Remove it; was it there?"""
    gone = await tx.execute(
        "DELETE FROM yardsticks WHERE kind = :kind AND metric = :metric AND name = :name RETURNING true",
        {"kind": kind, "metric": metric, "name": name},
    )
    return gone.scalar_one_or_none() is not None
