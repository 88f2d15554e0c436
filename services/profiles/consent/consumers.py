"""What consent hears: who was merged, and who was taken apart."""

from collections.abc import Sequence

from services.profiles.service import ProfilesService
from shared.db.engine import WriteTx
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event


async def follow_identity(
    profiles: ProfilesService, tx: WriteTx, batch: Sequence[Event[CustomerMerged] | Event[CustomerUnmerged]]
) -> None:
    """Tell what persons allow who became one, or two."""
    await profiles.consent.follow(tx, batch)
