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


async def erase(metrics: MetricsService, tx: WriteTx, subject: Subject) -> Erased:
    """Foretell nothing of the person any more; say what stays, and why."""
    await metrics.outlooks.forbid(tx, subject.keys, is_forbidden=True)
    return metrics.rights.erase(subject)


async def restrict(metrics: MetricsService, tx: WriteTx, subject: Subject, is_restricted: bool) -> None:
    """Foretell nothing of the person while their data may not be used."""
    await metrics.outlooks.forbid(tx, subject.keys, is_forbidden=is_restricted)


RIGHTS = Rights(export=export, erase=erase, restrict=restrict, keeps_facts=True)
