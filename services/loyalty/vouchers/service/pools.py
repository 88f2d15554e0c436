"""Codes made ahead: as many free ones as a campaign says, and never more than it allows in all.

Whoever makes them has the campaign to itself, counts what there is, and makes what is missing: so several workers make
no more than one would.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.loyalty.vouchers.domain import codes
from services.loyalty.vouchers.errors import CampaignUnknown
from services.loyalty.vouchers.repository import campaigns as campaign_rows
from services.loyalty.vouchers.repository import codes as code_rows
from services.loyalty.vouchers.repository import pools as rows
from services.loyalty.vouchers.repository.campaigns import Version
from services.loyalty.vouchers.repository.codes import NewCode
from services.loyalty.vouchers.schemas.campaigns import PoolOut
from services.loyalty.vouchers.service.telling import tell_made
from services.loyalty.vouchers.service.vault import Vault
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.ids import uuid7

BATCH = 1_000


@dataclass(frozen=True, slots=True)
class CodePools:
    """Codes that are kept ready to be assigned."""

    db: Database
    clock: Clock
    vault: Vault

    async def shown(self, campaign_id: UUID) -> PoolOut:
        """How many codes a campaign has ready.

        Raises:
            CampaignUnknown: there is none.
        """
        async with self.db.read() as tx:
            row = (await campaign_rows.rows(tx, (campaign_id,))).get(campaign_id)
            if row is None:
                raise CampaignUnknown
            version = (await self.vault.versions(tx, {(campaign_id, row.version)}))[campaign_id, row.version]
            pool = await rows.counted(tx, campaign_id, self.clock.now())
        coding = version.coding
        return PoolOut(min_free=coding.pool_min, max_codes=coding.pool_max, **pool._asdict())

    async def replenish(self) -> int:
        """Make what is missing, of all campaigns; how many codes."""
        async with self.db.read() as tx:
            found = await rows.kept(tx)
        made = 0
        for campaign_id in found:
            while count := await self._fill(campaign_id):
                made += count
        return made

    async def _fill(self, campaign_id: UUID) -> int:
        async with self.db.write() as tx:
            row = (await campaign_rows.rows(tx, (campaign_id,), lock=True)).get(campaign_id)
            if row is None or row.state != "active":
                return 0
            version = (await self.vault.versions(tx, {(campaign_id, row.version)}))[campaign_id, row.version]
            now = self.clock.now()
            pool = await rows.counted(tx, campaign_id, now)
            coding = version.coding
            missing = min((coding.pool_min or 0) - pool.free, (coding.pool_max or 0) - pool.made, BATCH)
            if missing <= 0 or (row.ends_at is not None and row.ends_at <= now):
                return 0
            drawn = await self._drawn(tx, version, missing, now)
            stored = await code_rows.put(tx, drawn)
            tell_made(tx, (each for each in drawn if each.id in stored), now)
            return len(stored)

    async def _drawn(self, tx: WriteTx, version: Version, count: int, now: datetime) -> Sequence[NewCode]:
        peppers, form = await self.vault.using(tx, now), version.coding.form
        await code_rows.put_shapes(tx, [form.shape])
        made = []
        for text in form.make(count, os.urandom):
            code_id, plain = uuid7(), codes.canonical(text)
            made.append(
                NewCode(
                    id=code_id,
                    campaign_id=version.campaign_id,
                    fingerprint=peppers.fingerprint(plain),
                    kid=peppers.current,
                    last4=codes.last_shown(plain),
                    max_uses=version.terms.max_uses_per_code,
                    value_minor=None,
                    holder=None,
                    expires_at=None,
                    created_at=now,
                    sealed=peppers.seal(text.encode(), code_id.bytes),
                    pool="made",
                )
            )
        return made
