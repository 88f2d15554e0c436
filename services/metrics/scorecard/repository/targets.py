"""Targets: nothing is ever changed or removed, a new version stands over the one before."""

from typing import Any

from services.metrics.scorecard.domain.card import Target
from shared.db.engine import ReadTx, WriteTx

_COLUMNS = ", ".join(Target._fields)


async def standing(tx: ReadTx) -> dict[tuple[str, str], Target]:
    """The target that stands of each figure and segment that has one."""
    rows = await tx.execute(
        f"SELECT DISTINCT ON (figure, segment) {_COLUMNS} FROM card_targets ORDER BY figure, segment, version DESC"
    )
    found = map(_target, rows)
    return {(each.figure, each.segment): each for each in found if each.value is not None}


async def history(tx: ReadTx, figure: str, segment: str) -> list[Target]:
    """All that there ever were of a figure and segment, the newest first."""
    rows = await tx.execute(
        f"SELECT {_COLUMNS} FROM card_targets WHERE figure = :figure AND segment = :segment ORDER BY version DESC",
        {"figure": figure, "segment": segment},
    )
    return list(map(_target, rows))


async def lock(tx: WriteTx, figure: str, segment: str) -> int:
    """The version that stands (0: none was ever), which nobody else follows until the transaction ends."""
    await tx.execute(
        "SELECT pg_advisory_xact_lock(7261, hashtext(current_schema() || '.card_targets.' || :figure || :segment))",
        {"figure": figure, "segment": segment},
    )
    found: int = (
        await tx.execute(
            "SELECT coalesce(max(version), 0) FROM card_targets WHERE figure = :figure AND segment = :segment",
            {"figure": figure, "segment": segment},
        )
    ).scalar_one()
    return found


async def add(tx: WriteTx, target: Target) -> None:
    """Enter a version."""
    values = ", ".join(f":{name}" for name in Target._fields)
    await tx.execute(f"INSERT INTO card_targets ({_COLUMNS}) VALUES ({values})", target._asdict())


def _target(row: Any) -> Target:
    found = Target(*row)
    return found if found.value is None else found._replace(value=float(found.value))
