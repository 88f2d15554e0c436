"""What surveys does about rights, as every service declares it."""

from collections.abc import AsyncIterator
from typing import Any

from services.surveys.service import SurveysService
from shared.db.engine import ReadTx, WriteTx
from shared.rights.contract import Erased, Rights, Subject


async def export(surveys: SurveysService, tx: ReadTx, subject: Subject) -> AsyncIterator[tuple[str, Any]]:
    """Everything that surveys keeps of the person."""
    async for section in surveys.rights.export(tx, subject):
        yield section


async def erase(surveys: SurveysService, tx: WriteTx, subject: Subject) -> Erased:
    """Forget the words, keep the facts."""
    return await surveys.rights.erase(tx, subject)


async def restrict(surveys: SurveysService, tx: WriteTx, subject: Subject, is_restricted: bool) -> None:
    """Ask the person nothing, or again."""
    await surveys.rights.restrict(tx, subject, is_restricted=is_restricted)


RIGHTS = Rights(export=export, erase=erase, restrict=restrict)
