"""What is heard of customers from other services."""

from collections.abc import Sequence
from typing import Any

from services.profiles.service import ProfilesService
from services.profiles.told.domain import READERS
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.envelope import Event


async def record_told(profiles: ProfilesService, tx: WriteTx, batch: Sequence[Event[Any]]) -> None:
    """Keep points and tiers, answers and cases, risk and value."""
    await profiles.told.record(tx, batch)


SUBSCRIPTIONS = (Subscription("profiles.told", tuple(READERS), record_told, is_idempotent=True),)
