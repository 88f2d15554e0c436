"""What touchpoints does about rights, as every service declares it."""

from collections.abc import AsyncIterator
from typing import Any

from services.touchpoints.service import TouchpointsService
from shared.db.engine import ReadTx, WriteTx
from shared.events.topics import INGEST, INGEST_REJECTED
from shared.rights.contract import Erased, Rights, Subject


async def export(touchpoints: TouchpointsService, tx: ReadTx, subject: Subject) -> AsyncIterator[tuple[str, Any]]:
    """Everything that touchpoints keeps of the person."""
    async for section in touchpoints.rights.export(tx, subject):
        yield section


async def erase(touchpoints: TouchpointsService, tx: WriteTx, subject: Subject) -> Erased:
    """Remove it."""
    return await touchpoints.rights.erase(tx, subject)


RIGHTS = Rights(export=export, erase=erase, topics=(INGEST, INGEST_REJECTED))
