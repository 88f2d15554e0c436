"""What personas hear: how content the people of their segments are."""

from collections.abc import Sequence

from services.profiles.service import ProfilesService
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.metrics import SatisfactionTold
from shared.events.envelope import Event


async def record_feelings(profiles: ProfilesService, tx: WriteTx, batch: Sequence[Event[SatisfactionTold]]) -> None:
    """Keep the latest figure of each segment, to be shown beside its personas."""
    await profiles.personas.record(tx, batch)


SUBSCRIPTIONS = (Subscription("profiles.personas", (SatisfactionTold,), record_feelings, is_idempotent=True),)
