"""All SQL of invariants but the checks themselves: run them, and keep what they found."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy.exc import DBAPIError

from services.loyalty.invariants.domain import Check
from shared.db.engine import Database, ReadTx, WriteTx

MAX_EXAMPLES = 5
# A check that takes longer is given up: it must not hold back the vacuum of a busy ledger.
PATIENCE_SECONDS = 120
_TIMED_OUT = "57014"


class Finding(NamedTuple):
    """What a check found: how many violations (None: it was given up), and some of them."""

    name: str
    violations: int | None
    examples: Sequence[str]
    checked_at: datetime
    seconds: float


async def run(db: Database, check: Check) -> tuple[int | None, list[str]]:
    """How many violations there are, and some; None where the check took too long."""
    try:
        async with db.read() as tx:
            await tx.execute(f"SET LOCAL statement_timeout = '{PATIENCE_SECONDS}s'")
            rows: Sequence[Any] = (
                await tx.execute(
                    f"SELECT count(*) OVER () AS violations, CAST(what AS text) AS what FROM ({check.sql}) AS found "
                    f"ORDER BY 2 LIMIT {MAX_EXAMPLES}"
                )
            ).fetchall()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _TIMED_OUT:
            return None, []
        raise
    return (rows[0].violations if rows else 0), [row.what for row in rows]


async def keep(tx: WriteTx, findings: Sequence[Finding]) -> None:
    """Replace what was found before."""
    await tx.execute("DELETE FROM invariant_findings")
    for each in findings:
        await tx.execute(
            "INSERT INTO invariant_findings (name, violations, examples, checked_at, seconds) "
            "VALUES (:name, :violations, CAST(:examples AS jsonb), :checked_at, :seconds)",
            {**each._asdict(), "examples": orjson.dumps(list(each.examples)).decode()},
        )


async def found(tx: ReadTx) -> list[Finding]:
    """What was found last."""
    rows = await tx.execute(
        "SELECT name, violations, examples, checked_at, seconds FROM invariant_findings ORDER BY name"
    )
    return [Finding._make(row) for row in rows]
