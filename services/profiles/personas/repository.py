"""All SQL of personas."""

from collections.abc import Collection
from uuid import UUID

from services.profiles.personas.domain.persona import Content, Feeling, Group, Outlook, Persona, Status
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_PERSONA = """
    SELECT p.key, v.version, p.version AS latest, v.content, v.note, v.changed_at, v.changed_by, p.created_at
    FROM personas AS p JOIN persona_versions AS v ON v.key = p.key
"""


async def claim(tx: WriteTx) -> None:
    """Be the only one who makes personas until this transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(7263, hashtext(current_schema() || '.personas'))")


async def keys(tx: ReadTx) -> set[str]:
    """The keys of all personas, retired ones included."""
    return {row.key for row in await tx.execute("SELECT key FROM personas")}


async def count(tx: ReadTx) -> int:
    """How many personas there are, retired ones included."""
    return int((await tx.execute("SELECT count(*) FROM personas")).scalar_one())


async def latest(tx: ReadTx, key: str) -> int | None:
    """The version that holds, if there is such a persona."""
    found: int | None = (
        await tx.execute("SELECT version FROM personas WHERE key = :key", {"key": key})
    ).scalar_one_or_none()
    return found


async def lock(tx: WriteTx, key: str) -> None:
    """Be the only one who changes the persona until this transaction ends."""
    await tx.execute("SELECT FROM personas WHERE key = :key FOR UPDATE", {"key": key})


async def get(tx: ReadTx, key: str, version: int | None = None) -> Persona | None:
    """A persona as it was in a version; none: as it is."""
    rows = await tx.execute(
        f"{_PERSONA} WHERE p.key = :key AND v.version = {'p.version' if version is None else ':version'}",
        {"key": key, **({} if version is None else {"version": version})},
    )
    row = rows.one_or_none()
    return None if row is None else _persona(row)


async def listed(tx: ReadTx, *, status: Status | None, after: str | None, limit: int) -> list[Persona]:
    """Personas as they are, by key."""
    rows = await tx.execute(
        f"{_PERSONA} WHERE v.version = p.version {'' if status is None else 'AND p.status = :status'} "
        f"{'' if after is None else 'AND p.key > :after'} ORDER BY p.key LIMIT :limit",
        {
            "limit": limit,
            **({} if status is None else {"status": status}),
            **({} if after is None else {"after": after}),
        },
    )
    return [_persona(row) for row in rows]


async def versions(tx: ReadTx, key: str, *, before: int | None, limit: int) -> list[Persona]:
    """A persona as it was, the latest version first."""
    rows = await tx.execute(
        f"{_PERSONA} WHERE p.key = :key {'' if before is None else 'AND v.version < :before'} "
        "ORDER BY v.version DESC LIMIT :limit",
        {"key": key, "limit": limit, **({} if before is None else {"before": before})},
    )
    return [_persona(row) for row in rows]


async def of_segments(tx: ReadTx, segments: Collection[UUID]) -> list[Persona]:
    """The active personas of these segments, by key (index personas_segment)."""
    rows = await tx.execute(
        f"{_PERSONA} WHERE v.version = p.version AND p.status = 'active' AND p.segment_id = ANY(:segments) "
        "ORDER BY p.key",
        {"segments": list(segments)},
    )
    return [_persona(row) for row in rows]


async def put(tx: WriteTx, persona: Persona) -> None:
    """Write a new persona, or the next version of one."""
    await tx.execute(
        """
        INSERT INTO personas (key, version, status, segment_id, created_at)
        VALUES (:key, :version, :status, :segment, :created_at)
        ON CONFLICT (key) DO UPDATE SET
            version = EXCLUDED.version, status = EXCLUDED.status, segment_id = EXCLUDED.segment_id
        """,
        {
            "key": persona.key,
            "version": persona.version,
            "status": persona.content.status,
            "segment": persona.content.segment_id,
            "created_at": persona.created_at,
        },
    )
    await tx.execute(
        "INSERT INTO persona_versions (key, version, content, note, changed_at, changed_by) "
        "VALUES (:key, :version, CAST(:content AS jsonb), :note, :changed_at, :changed_by)",
        {
            "key": persona.key,
            "version": persona.version,
            "content": persona.content.model_dump_json(),
            "note": persona.note,
            "changed_at": persona.changed_at,
            "changed_by": persona.changed_by,
        },
    )


async def groups(tx: ReadTx, segments: Collection[UUID]) -> dict[UUID, Group]:
    """Those of the segments that are there, each with its live size (their parts of the primary key's index)."""
    rows = await tx.execute(
        "SELECT id, name, is_built, (SELECT count(*) FROM memberships WHERE segment_id = segments.id) AS members "
        "FROM segments WHERE NOT is_deleted AND id = ANY(:segments)",
        {"segments": list(segments)},
    )
    return {row.id: Group._make(row) for row in rows}


async def put_feelings(tx: WriteTx, told: Collection[Feeling]) -> None:
    """Keep what was told of segments; the latest of each holds."""
    columns = {
        "segment_id": "uuid",
        "metric": "text",
        "definition": "text",
        "value_hundredths": "bigint",
        "low_hundredths": "bigint",
        "high_hundredths": "bigint",
        "n": "bigint",
        "days": "int",
        "as_of": "date",
        "told_at": "timestamptz",
    }
    replaced = ", ".join(f"{name} = EXCLUDED.{name}" for name in list(columns)[2:])
    await insert_rows(
        tx,
        "segment_feelings",
        columns,
        sorted(told),
        f"ON CONFLICT (segment_id, metric) DO UPDATE SET {replaced} WHERE segment_feelings.told_at < EXCLUDED.told_at",
    )


async def feelings(tx: ReadTx, segments: Collection[UUID]) -> list[Feeling]:
    """What was told last of these segments, where there are answers."""
    rows = await tx.execute(
        f"SELECT {', '.join(Feeling._fields)} FROM segment_feelings WHERE segment_id = ANY(:segments) AND n > 0",
        {"segments": list(segments)},
    )
    return [Feeling._make(row) for row in rows]


async def put_outlooks(tx: WriteTx, told: Collection[Outlook]) -> None:
    """Keep what was told of segments' customers; the latest of each holds."""
    columns = {
        "segment_id": "uuid",
        "customers": "bigint",
        "lapsed_hundredths": "int",
        "lapsed_low_hundredths": "int",
        "lapsed_high_hundredths": "int",
        "lapse_days": "int",
        "valued": "bigint",
        "currency": "text",
        "churn_risk_hundredths": "int",
        "clv_minor": "bigint",
        "clv_low_minor": "bigint",
        "clv_high_minor": "bigint",
        "horizon_days": "int",
        "as_of": "date",
        "told_at": "timestamptz",
    }
    replaced = ", ".join(f"{name} = EXCLUDED.{name}" for name in list(columns)[1:])
    await insert_rows(
        tx,
        "segment_outlooks",
        columns,
        sorted(told),
        f"ON CONFLICT (segment_id) DO UPDATE SET {replaced} WHERE segment_outlooks.told_at < EXCLUDED.told_at",
    )


async def outlooks(tx: ReadTx, segments: Collection[UUID]) -> list[Outlook]:
    """What was told last of the customers of these segments, where there are any."""
    rows = await tx.execute(
        f"SELECT {', '.join(Outlook._fields)} FROM segment_outlooks "
        "WHERE segment_id = ANY(:segments) AND customers > 0",
        {"segments": list(segments)},
    )
    return [Outlook._make(row) for row in rows]


async def people(tx: ReadTx) -> int:
    """How many persons are known, visitors included: who was merged counts as one, as memberships count them.

    All keys that were seen, less those that were merged away, and the roots that were never seen themselves.
    """
    rows = await tx.execute(
        """
        SELECT (SELECT count(*) FROM customers) - count(*) + count(DISTINCT i.root_id) FILTER (WHERE r.id IS NULL)
        FROM identity AS i JOIN customers AS c ON c.id = i.raw_id LEFT JOIN customers AS r ON r.id = i.root_id
        WHERE i.root_id <> i.raw_id
        """
    )
    return int(rows.scalar_one())


async def customers_among(tx: ReadTx, ids: Collection[UUID]) -> set[UUID]:
    """Those of the ids that are keys of customers."""
    rows = await tx.execute(
        "SELECT id FROM customers WHERE id = ANY(:ids) UNION SELECT raw_id FROM identity WHERE raw_id = ANY(:ids)",
        {"ids": list(ids)},
    )
    return {row.id for row in rows}


def _persona(row: tuple[object, ...]) -> Persona:
    found = Persona._make(row)
    return found._replace(content=Content.model_validate(found.content))
