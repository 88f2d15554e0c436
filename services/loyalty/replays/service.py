"""Use cases of replays: store rows as they were told; keep what a comparison found, and say it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.loyalty.replays import repository
from services.loyalty.replays.domain import flash
from services.loyalty.replays.domain.rows import Readings, Table, Told, latest, read
from services.loyalty.replays.repository import Drift
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.events.envelope import Event
from shared.runtime.verdicts import TableVerdict


@dataclass(frozen=True, slots=True)
class Replays:
    """How far what commands have made is what loyalty has told of it."""

    db: Database
    clock: Clock

    async def keep(self, live: Database, verdicts: Sequence[TableVerdict]) -> None:
        """Keep in the live tables what `tam replay loyalty --verify` found."""
        now = self.clock.now()
        found = [Drift(each.table, each.live_rows, each.rebuilt_rows, each.differing, now) for each in verdicts]
        async with live.write() as tx:
            await repository.keep(tx, found)

    async def found(self) -> list[Drift]:
        """What the last comparison found; nothing before the first."""
        async with self.db.read() as tx:
            return await repository.found(tx)

    async def restore(self, tx: WriteTx, readings: Readings, events: Sequence[Event[Any]]) -> None:
        """Store the rows that facts tell; in any order, and as often as they come."""
        for table, rows in latest(readings, events):
            await repository.put(tx, table, rows)


async def known_rows(live: ReadTx, readings: Readings, events: Sequence[Event[Any]]) -> list[Event[Any]]:
    """Those of these facts that `live` sees told: its row is there, in that state or a later one."""
    told = [read(readings, each) for each in events]
    asked: dict[str, list[Told]] = {}
    for each in told:
        asked.setdefault(each.table.name, []).append(each)
    seen: dict[str, dict[tuple[Any, ...], int]] = {}
    for name, rows in asked.items():
        table: Table = rows[0].table
        seen[name] = await repository.versions(live, table, {each.found_by for each in rows})
    return [
        event
        for event, each in zip(events, told, strict=True)
        if (state := seen[each.table.name].get(each.key)) is not None and state >= each.version
    ]


async def settle_flash(tx: WriteTx) -> None:
    """Work out what items of flash sales have, when all their claims and tickets are there."""
    await repository.settle(tx, flash.SETTLED)
