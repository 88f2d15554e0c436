"""What commands have made, rebuilt beside the live tables from what the service itself has told, and compared.

The live tables are only read, in one snapshot. Its facts are in the log or, not yet relayed, in the outbox that the
snapshot sees; what was told since is left out. So both must be the same, row by row, whatever comes meanwhile.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shared.bus.base import OutRecord
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.outbox import records_of
from shared.delivery.subscription import Handler
from shared.events.envelope import Catalogue, Event
from shared.runtime.rebuilding import Moved, Rebuilt, compare, log_ends
from shared.runtime.service import Recovery
from shared.runtime.verdicts import TableVerdict

_OUTBOX = 'SELECT topics, keys, "values", headers FROM outbox ORDER BY id'


async def verify_told(rebuilt: Rebuilt, live: Database, moved: Moved) -> list[TableVerdict]:
    """Rebuild from what was told as far as the live tables tell, and compare; most is read before the snapshot.

    Raises:
        TimeoutError: the bus has less than it says.
    """
    recoveries = rebuilt.manifest.recoveries
    subscriptions = [each.subscription for each in recoveries]
    ends = await log_ends(subscriptions, rebuilt.bus)
    for each in subscriptions:
        await rebuilt.read_told(each, ends[each.group], moved)
    async with live.read() as tx:
        waiting = [record for row in await tx.execute(_OUTBOX) for record in records_of(row)]
        # Only now: whatever the snapshot sees that is in the outbox no more is in the log by then.
        ends = await log_ends(subscriptions, rebuilt.bus)

        async def awake(left: int) -> None:
            # A transaction that does nothing for long is taken for that of somebody who is gone.
            await tx.execute("SELECT 1")
            await moved(left)

        for recovery in recoveries:
            subscription = replace(recovery.subscription, handler=_known(recovery, tx))
            await rebuilt.read_told(subscription, ends[subscription.group], awake)
            await _deliver(rebuilt, recovery, waiting)
        for recovery in recoveries:
            if recovery.settle is not None:
                async with rebuilt.db.write() as own:
                    await recovery.settle(own)
        verdicts: list[TableVerdict] = []
        async with rebuilt.db.read() as other:
            for recovery in recoveries:
                verdicts += await compare(tx, other, recovery.relations)
        return verdicts


def _known(recovery: Recovery, live: ReadTx) -> Handler:
    """The consumer, with what the live tables did not know yet left out."""

    async def handler(value: Any, tx: WriteTx, events: Sequence[Event[Any]]) -> None:
        if known := await recovery.known_to(live, events):
            await recovery.subscription.handler(value, tx, known)

    return handler


async def _deliver(rebuilt: Rebuilt, recovery: Recovery, waiting: Sequence[OutRecord]) -> None:
    """What was on its way to the log when the snapshot was taken; by now it may stand there as well."""
    catalogue = Catalogue(recovery.subscription.events)
    events = [event for record in waiting if (event := catalogue.decode(record.value)) is not None]
    if events:
        async with rebuilt.db.write() as tx:
            await recovery.subscription.handler(rebuilt.value, tx, events)
