"""What is heard again every night, from the beginning: the facts that the books can be rebuilt from."""

from datetime import timedelta
from pathlib import Path

from services.loyalty.replays.consumers import RECOVERIES
from services.loyalty.rights.consumers import RIGHTS
from services.loyalty.service import LoyaltyService
from shared.runtime.service import Job, Service

_MIGRATIONS = Path(__file__).parent.parent / "migrations"


async def verify(loyalty: LoyaltyService) -> None:
    """Compare the books with what was told of them, once a night."""
    manifest = Service(
        name=loyalty.db.schema,
        build=lambda own: LoyaltyService(own.db, own.clock, own.zone, loyalty.settings, loyalty.vault),
        migrations=_MIGRATIONS,
        recoveries=RECOVERIES,
        follows_identity=True,
        rights=RIGHTS,
    )
    await loyalty.verification.run(manifest)


NIGHTLY = Job("loyalty.nightly_verify", timedelta(minutes=1), verify)
