"""Vouchers by what customers type, and by id: what the checkout stands on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from services.loyalty.vouchers.domain.codes import canonical
from services.loyalty.vouchers.domain.voucher import Voucher
from services.loyalty.vouchers.repository import codes as rows
from services.loyalty.vouchers.service.vault import Vault
from shared.db.engine import ReadTx


class Found(NamedTuple):
    """`vouchers` by the text that was asked for; `unknown` are the texts that are no code, also mistyped ones."""

    vouchers: Mapping[str, Voucher]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vouchers:
    """Finds vouchers with their campaign, terms and counters as they stand in this transaction."""

    vault: Vault

    async def find(self, tx: ReadTx, codes: Collection[str]) -> Found:
        """The vouchers of these codes, however they were typed.

        A text that cannot be a code (its check symbol is wrong) never reaches the table of codes.

        Raises:
            PepperMissing: codes are hashed under a secret that this process does not have.
        """
        texts = {code: canonical(code) for code in dict.fromkeys(codes)}
        peppers = await self.vault.peppers(tx)
        likely = await self.vault.may_exist(tx, set(texts.values()))
        prints = {text: peppers.fingerprints(text) for text in likely}
        hashes = [each for several in prints.values() for each in several]
        found = await rows.by_fingerprints(tx, hashes) if hashes else ()
        by_hash = {row.fingerprint: voucher for row, voucher in await self._read(tx, found)}
        vouchers: dict[str, Voucher] = {}
        for code, text in texts.items():
            # Under the current pepper first, then under the ones before.
            voucher = next((by_hash[each] for each in prints.get(text, ()) if each in by_hash), None)
            if voucher is not None:
                vouchers[code] = voucher
        return Found(vouchers, tuple(code for code in texts if code not in vouchers))

    async def load(self, tx: ReadTx, ids: Collection[UUID]) -> dict[UUID, Voucher]:
        """These vouchers, as they stand now."""
        found = await rows.by_ids(tx, ids)
        return {voucher.id: voucher for _, voucher in await self._read(tx, found)}

    async def _read(self, tx: ReadTx, found: Sequence[Row[Any]]) -> list[tuple[Row[Any], Voucher]]:
        versions = await self.vault.versions(tx, {(row.campaign_id, row.version) for row in found})
        return [(row, rows.voucher_of(row, versions)) for row in found]
