"""All SQL of the question bank."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx


class BankQuestion(NamedTuple):
    """A question of the bank; `content` is the JSON text of its latest version."""

    id: UUID
    name: str
    version: int
    is_retired: bool
    content: str
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str


class Use(NamedTuple):
    """A version of a survey in which a version of a question stands."""

    survey_id: UUID
    survey_name: str
    survey_version: int
    question_version: int
    is_asked: bool


_SELECT = """
    SELECT q.id, q.name, q.version, q.is_retired, CAST(v.content AS text) AS content, q.created_at, q.created_by,
        q.changed_at, q.changed_by
    FROM bank_questions AS q JOIN bank_versions AS v ON v.question_id = q.id AND v.version = q.version
"""


async def get(tx: ReadTx, question_id: UUID) -> BankQuestion | None:
    """A question of the bank."""
    row = (await tx.execute(f"{_SELECT} WHERE q.id = :id", {"id": question_id})).one_or_none()
    return None if row is None else BankQuestion._make(row)


async def lock(tx: WriteTx, question_id: UUID) -> BankQuestion | None:
    """A question that nobody else changes until the transaction ends."""
    await tx.execute("SELECT id FROM bank_questions WHERE id = :id FOR NO KEY UPDATE", {"id": question_id})
    return await get(tx, question_id)


async def listed(tx: ReadTx, *, before: UUID | None, limit: int) -> list[BankQuestion]:
    """The questions of the bank, those made last first."""
    rows = await tx.execute(
        f"{_SELECT} {'' if before is None else 'WHERE q.id < :before'} ORDER BY q.id DESC LIMIT :limit",
        {"limit": limit, **({} if before is None else {"before": before})},
    )
    return [BankQuestion._make(row) for row in rows]


async def is_named(tx: WriteTx, name: str, *, by_other_than: UUID) -> bool:
    """Whether another question has this name; nobody takes a name until the transaction ends."""
    await tx.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.bank:' || :name, 0))", {"name": name}
    )
    found = await tx.execute(
        "SELECT true FROM bank_questions WHERE name = :name AND id <> :id", {"name": name, "id": by_other_than}
    )
    return found.one_or_none() is not None


async def put(tx: WriteTx, question: BankQuestion) -> None:
    """Store a question, or its next state; its version, if there is none of this number yet."""
    values = question._asdict()
    await tx.execute(
        "INSERT INTO bank_questions (id, name, version, is_retired, created_at, created_by, changed_at, changed_by) "
        "VALUES (:id, :name, :version, :is_retired, :created_at, :created_by, :changed_at, :changed_by) "
        "ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, version = EXCLUDED.version, "
        "is_retired = EXCLUDED.is_retired, changed_at = EXCLUDED.changed_at, changed_by = EXCLUDED.changed_by",
        values,
    )
    await tx.execute(
        "INSERT INTO bank_versions (question_id, version, content, created_at, created_by) "
        "VALUES (:id, :version, CAST(:content AS jsonb), :changed_at, :changed_by) ON CONFLICT DO NOTHING",
        values,
    )


async def contents(tx: ReadTx, wanted: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], tuple[str, bool]]:
    """Versions of questions: their JSON text, and whether the question is retired; those that there are."""
    rows = await tx.execute(
        "SELECT v.question_id, v.version, CAST(v.content AS text) AS content, q.is_retired "
        "FROM bank_versions AS v JOIN bank_questions AS q ON q.id = v.question_id "
        "JOIN unnest(CAST(:ids AS uuid[]), CAST(:versions AS integer[])) AS w (id, version) "
        "ON w.id = v.question_id AND w.version = v.version",
        {"ids": [each for each, _ in wanted], "versions": [each for _, each in wanted]},
    )
    return {(row.question_id, row.version): (row.content, row.is_retired) for row in rows}


async def add_uses(tx: WriteTx, survey_id: UUID, survey_version: int, used: Sequence[tuple[UUID, int]]) -> None:
    """Note which versions of questions stand in a version of a survey."""
    columns = {"question_id": "uuid", "version": "integer", "survey_id": "uuid", "survey_version": "integer"}
    found = [(question, version, survey_id, survey_version) for question, version in sorted(set(used))]
    await insert_rows(tx, "bank_uses", columns, found)


async def uses(tx: ReadTx, question_id: UUID) -> list[Use]:
    """Where a question stands."""
    rows = await tx.execute(
        "SELECT u.survey_id, s.name, u.survey_version, u.version, u.survey_version = s.version "
        "FROM bank_uses AS u JOIN surveys AS s ON s.id = u.survey_id WHERE u.question_id = :id "
        "ORDER BY u.survey_id, u.survey_version",
        {"id": question_id},
    )
    return [Use._make(row) for row in rows]
