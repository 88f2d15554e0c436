"""What metrics does about rights, as every service declares it."""

from collections.abc import AsyncIterator
from typing import Any

from services.metrics.service import MetricsService
from shared.db.engine import ReadTx, WriteTx
from shared.rights.contract import Erased, Rights, Subject


async def export(metrics: MetricsService, tx: ReadTx, subject: Subject) -> AsyncIterator[tuple[str, Any]]:
    """The facts that figures are made of."""
    async for section in metrics.rights.export(tx, subject):
        yield section


async def erase(metrics: MetricsService, _: WriteTx, subject: Subject) -> Erased:
    """Say what stays, and why."""
    return metrics.rights.erase(subject)


RIGHTS = Rights(export=export, erase=erase, keeps_facts=True)
