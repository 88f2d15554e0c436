"""Reading cases, bundles and receipts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.profiles.people import service as people
from services.profiles.rights.domain.cases import Case
from services.profiles.rights.errors import CaseUnknown, NoBundle, NoReceipt
from services.profiles.rights.repository import cases
from services.profiles.rights.schemas import CaseOut, ReceiptIn, ReceiptOut, VerdictOut
from services.profiles.rights.service.following import Following
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.rights.marks import Seal, is_signed


@dataclass(frozen=True, slots=True)
class Cases:
    """What became of requests. `country` is that of phone numbers without a country code."""

    db: Database
    clock: Clock
    country: str
    seal: Seal
    following: Following

    async def case(self, case_id: UUID) -> CaseOut:
        """A case with its progress.

        Raises:
            CaseUnknown: there is none.
        """
        async with self.db.read() as tx:
            await _known(tx, case_id)
            return await self.following.shown(tx, case_id)

    async def listed(
        self,
        *,
        customer: str | None,
        kind: str | None,
        is_open: bool | None,
        is_overdue: bool = False,
        before: tuple[datetime, UUID] | None,
        limit: int,
    ) -> list[Case]:
        """Cases, the newest first; one more than `limit` if there are more.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: `customer` does not name one person.
        """
        async with self.db.read() as tx:
            key = None if customer is None else await people.root_of(tx, customer, country=self.country)
            return await cases.listed(
                tx,
                key=key,
                kind=kind,
                is_open=is_open,
                overdue_at=self.clock.now() if is_overdue else None,
                before=before,
                limit=limit + 1,
            )

    async def overdue(self) -> Mapping[str, int]:
        """How many open cases of each kind are past a deadline."""
        async with self.db.read() as tx:
            return await cases.overdue(tx, self.clock.now())

    async def bundle(self, case_id: UUID) -> Mapping[str, Any]:
        """Everything that every service keeps of the person.

        Raises:
            CaseUnknown, NoBundle: there is none.
        """
        async with self.db.read() as tx:
            case = await _known(tx, case_id)
            found = await cases.bundle(tx, case_id)
        if case.kind != "access" or case.state != "done" or not found:
            raise NoBundle(case.state)
        return {"case": case_id, "customer": case.customer_id, "as_of": case.received_at, "services": found}

    async def receipt(self, case_id: UUID) -> ReceiptOut:
        """The receipt of a case that is done, signed.

        Raises:
            CaseUnknown, NoReceipt: there is none.
        """
        async with self.db.read() as tx:
            case = await _known(tx, case_id)
            found = await cases.receipt(tx, case_id)
        if found is None:
            raise NoReceipt(case.state)
        receipt, signature = found
        return ReceiptOut(receipt=receipt, signature=signature.hex(), public_key=self.seal.public_key().hex())

    def verify(self, receipt: ReceiptIn) -> VerdictOut:
        """Whether a receipt is one of ours, unchanged."""
        signature = bytes.fromhex(receipt.signature)
        return VerdictOut(valid=is_signed(receipt.receipt.encode(), signature, self.seal.public_key()))


async def _known(tx: ReadTx, case_id: UUID) -> Case:
    case = await cases.case(tx, case_id)
    if case is None:
        raise CaseUnknown
    return case
