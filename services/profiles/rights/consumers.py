"""What profiles does about rights, as every service declares it, and what it hears of the others."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from services.profiles.service import ProfilesService
from shared.db.engine import ReadTx, WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.rights import RightsAnswered
from shared.events.envelope import Event
from shared.rights.contract import Erased, Rights, Subject


async def export(profiles: ProfilesService, tx: ReadTx, subject: Subject) -> AsyncIterator[tuple[str, Any]]:
    """Everything that profiles keeps of the person."""
    async for section in profiles.rights.persons.export(tx, subject):
        yield section


async def erase(profiles: ProfilesService, tx: WriteTx, subject: Subject) -> Erased:
    """Remove it; profiles did so with the request, and looks once more."""
    return await profiles.rights.persons.erase(tx, subject)


async def hear(profiles: ProfilesService, tx: WriteTx, events: Sequence[Event[RightsAnswered]]) -> None:
    """What services answered."""
    await profiles.rights.following.hear(tx, events)


RIGHTS = Rights(export=export, erase=erase)
SUBSCRIPTIONS = (Subscription("profiles.rights_progress", (RightsAnswered,), hear, max_batch=100),)
