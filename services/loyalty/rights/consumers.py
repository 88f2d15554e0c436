"""What loyalty does about rights, as every service declares it."""

from collections.abc import AsyncIterator
from typing import Any

from services.loyalty.service import LoyaltyService
from shared.db.engine import ReadTx, WriteTx
from shared.rights.contract import Erased, Rights, Subject


async def export(loyalty: LoyaltyService, tx: ReadTx, subject: Subject) -> AsyncIterator[tuple[str, Any]]:
    """Everything that loyalty keeps of the person."""
    async for section in loyalty.rights.export(tx, subject):
        yield section


async def erase(loyalty: LoyaltyService, tx: WriteTx, subject: Subject) -> Erased:
    """Forget the words, keep the books."""
    return await loyalty.rights.erase(tx, subject)


RIGHTS = Rights(export=export, erase=erase)
