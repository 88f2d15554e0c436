"""SQL of asking policies and of the firm's contact rules. A version is added and never changed."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from services.surveys.asking.domain.policy import ContactRules, Policy, PolicyVersion, RulesVersion
from shared.db.engine import ReadTx, WriteTx

_POLICY = TypeAdapter(Policy)
_RULES = TypeAdapter(ContactRules)

_COLUMNS = "survey_id, version, CAST(document AS text) AS document, created_at, created_by"
_CURRENT = f"SELECT {_COLUMNS} FROM asking_policies WHERE is_current"


def _read(row: Any) -> PolicyVersion:
    return PolicyVersion(
        row.survey_id, row.version, _POLICY.validate_json(row.document), row.created_at, row.created_by
    )


async def versions(tx: ReadTx) -> list[tuple[UUID, int]]:
    """The survey and the version of every policy that holds."""
    rows = await tx.execute("SELECT survey_id, version FROM asking_policies WHERE is_current ORDER BY survey_id")
    return [(row.survey_id, row.version) for row in rows]


async def current(tx: ReadTx, surveys: Collection[UUID]) -> dict[UUID, PolicyVersion]:
    """The policies that hold for these surveys, where there is one."""
    rows = await tx.execute(f"{_CURRENT} AND survey_id = ANY(:ids)", {"ids": list(surveys)})
    return {row.survey_id: _read(row) for row in rows}


async def get(tx: ReadTx, survey_id: UUID, version: int) -> PolicyVersion | None:
    """A version of a policy."""
    found = await tx.execute(
        f"SELECT {_COLUMNS} FROM asking_policies WHERE survey_id = :id AND version = :version",
        {"id": survey_id, "version": version},
    )
    row = found.one_or_none()
    return None if row is None else _read(row)


async def add(tx: WriteTx, version: PolicyVersion) -> bool:
    """Let a version follow the one before it; False where another one has."""
    await tx.execute(
        "UPDATE asking_policies SET is_current = false WHERE survey_id = :id AND is_current AND version < :version",
        {"id": version.survey_id, "version": version.version},
    )
    added = await tx.execute(
        "INSERT INTO asking_policies (survey_id, version, is_current, document, created_at, created_by) "
        "VALUES (:id, :version, true, CAST(:document AS jsonb), :at, :by) ON CONFLICT DO NOTHING",
        {
            "id": version.survey_id,
            "version": version.version,
            "document": _POLICY.dump_json(version.policy).decode(),
            "at": version.created_at,
            "by": version.created_by,
        },
    )
    return added.rowcount == 1


async def rules(tx: ReadTx) -> RulesVersion | None:
    """The contact rules that hold; None: the firm has said nothing yet."""
    row = (
        await tx.execute(
            "SELECT version, CAST(document AS text) AS document, created_at, created_by FROM contact_rules "
            "ORDER BY version DESC LIMIT 1"
        )
    ).one_or_none()
    if row is None:
        return None
    return RulesVersion(row.version, _RULES.validate_json(row.document), row.created_at, row.created_by)


async def add_rules(tx: WriteTx, version: RulesVersion) -> bool:
    """Let contact rules follow those before; False where others have."""
    added = await tx.execute(
        "INSERT INTO contact_rules (version, document, created_at, created_by) "
        "VALUES (:version, CAST(:document AS jsonb), :at, :by) ON CONFLICT DO NOTHING",
        {
            "version": version.version,
            "document": _RULES.dump_json(version.rules).decode(),
            "at": version.created_at,
            "by": version.created_by,
        },
    )
    return added.rowcount == 1
