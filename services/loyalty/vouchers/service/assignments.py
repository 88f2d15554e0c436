"""Codes for customers: each assignment makes a secret code, or takes one that is kept ready, its customer's alone.

The code is told in the answer, and can be told again to whoever may ask for it: it is kept sealed under the pepper
outside the database. The same key never assigns twice, however often and by how many at once it is asked for.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.loyalty.programs.domain.calendar import day_end, local_day
from services.loyalty.vouchers.domain import codes
from services.loyalty.vouchers.domain.voucher import Voucher
from services.loyalty.vouchers.errors import (
    AlreadyAssigned,
    AssignmentKeyTaken,
    CampaignUnknown,
    PoolEmpty,
    ValueNeeded,
    WrongKindOfCodes,
    WrongState,
)
from services.loyalty.vouchers.repository import assignments as rows
from services.loyalty.vouchers.repository import campaigns as campaign_rows
from services.loyalty.vouchers.repository import codes as code_rows
from services.loyalty.vouchers.repository import pools
from services.loyalty.vouchers.repository.assignments import Assignment
from services.loyalty.vouchers.repository.campaigns import Version
from services.loyalty.vouchers.repository.codes import NewCode
from services.loyalty.vouchers.schemas.assignments import AssignedOut, AssignIn
from services.loyalty.vouchers.schemas.codes import VoucherOut
from services.loyalty.vouchers.service.codes import outs, plain
from services.loyalty.vouchers.service.finding import Vouchers
from services.loyalty.vouchers.service.telling import tell_made
from services.loyalty.vouchers.service.vault import Vault
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.events.catalogue.loyalty import VoucherIssued
from shared.events.envelope import Event
from shared.identity import members
from shared.ids import derived_id, uuid7
from shared.money import MAX_MINOR

_DRAWS = 5


class Assign(NamedTuple):
    """A code of a campaign for a person (a raw person key). `key` names what for: an order, a reward, a birthday.

    `value_minor` is what a gift card is worth, in the campaign's currency.
    """

    campaign_id: UUID
    person: UUID
    key: str
    value_minor: int | None = None
    by: str = "loyalty"


class Assigned(NamedTuple):
    """A voucher that was assigned; `is_new` unless its key had assigned it before. `code` is the secret."""

    voucher: Voucher
    code: str | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class Assignments:
    """Use cases of assignments."""

    db: Database
    clock: Clock
    vault: Vault
    vouchers: Vouchers

    async def request(
        self, campaign_id: UUID, person: UUID, body: AssignIn, *, by: str, idem: Idempotent | None
    ) -> Answer:
        """Assign a code over HTTP. The answer that is kept for a repeated request does not have the code in it.

        Raises:
            what `assign` raises.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                said = AssignedOut.model_validate_json(stored.body)
                told = said.model_copy(update={"code": await self._code(tx, said.voucher.id)})
                return Answer(stored.status, told.model_dump_json().encode(), is_replay=True)
            key = body.key if body.key is not None else str(uuid7())
            done = await self.assign(tx, Assign(campaign_id, person, key, body.value_minor, by))
            (voucher,) = await outs(tx, self.vouchers, (done.voucher.id,), self.clock.now())
            said = AssignedOut(voucher=voucher, key=key, code=None)
            status = 201 if done.is_new else 200
            await remember(tx, idem, Answer(status, said.model_dump_json().encode()))
            return Answer(status, said.model_copy(update={"code": done.code}).model_dump_json().encode())

    async def assign(self, tx: WriteTx, asked: Assign) -> Assigned:
        """Assign a new code of a campaign to a person, once per key. Locks the person.

        Raises:
            CampaignUnknown, WrongKindOfCodes, WrongState: the campaign assigns none (now).
            AlreadyAssigned: it gives one to each, and the person has one.
            AssignmentKeyTaken: the key was for somebody else.
            ValueNeeded: it is a gift card without value, or the other way round.
            PoolEmpty: it has given out all the codes that it may.
            PepperMissing: codes are under a pepper that is not here.
        """
        member = await members.lock(tx, asked.person)
        row = (await campaign_rows.rows(tx, (asked.campaign_id,))).get(asked.campaign_id)
        if row is None:
            raise CampaignUnknown
        if (old := await rows.by_key(tx, asked.campaign_id, asked.key)) is not None:
            return await self._again(tx, old, member.keys)
        version = (await self.vault.versions(tx, {(row.campaign_id, row.version)}))[row.campaign_id, row.version]
        now = self.clock.now()
        if row.codes != "unique":
            raise WrongKindOfCodes(row.codes)
        if row.state != "active" or (row.ends_at is not None and row.ends_at <= now):
            raise WrongState("over" if row.state == "active" else row.state, "assigned")
        _check_value(version, asked.value_minor)
        if version.coding.once_per_customer:
            first = await rows.first_of(tx, asked.campaign_id, member.keys)
            if first is not None:
                raise AlreadyAssigned(first)
        code_id, text, code_version = await self._ready(tx, asked, version, now)
        assignment = Assignment(uuid7(), asked.campaign_id, asked.person, asked.key, code_id, now, asked.by)
        kept = await rows.add(tx, assignment)
        if not kept:
            # Another transaction used the key for another person, whose lock is not ours.
            raise AssignmentKeyTaken
        voucher = (await self.vouchers.load(tx, (code_id,)))[code_id]
        issued = VoucherIssued(
            voucher_id=code_id,
            campaign=str(asked.campaign_id),
            expires_at=voucher.expires_at,
            assignment_id=assignment.id,
            by=asked.by,
            version=code_version,
        )
        tx.emit(Event(derived_id("voucher_issued", str(code_id)), asked.person, now, now, issued))
        return Assigned(voucher, text, is_new=True)

    async def of(self, person: UUID, *, before: UUID | None, limit: int) -> Sequence[VoucherOut]:
        """The vouchers of a person over all their keys, the latest first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            member = await members.find(tx, person)
            found = await rows.of_person(tx, member.keys, before=before, limit=limit + 1)
            return await outs(tx, self.vouchers, [row.id for row in found], self.clock.now())

    async def _again(self, tx: WriteTx, old: Assignment, keys: Sequence[UUID]) -> Assigned:
        if old.person not in keys:
            raise AssignmentKeyTaken
        voucher = (await self.vouchers.load(tx, (old.code_id,)))[old.code_id]
        return Assigned(voucher, await self._code(tx, old.code_id), is_new=False)

    async def _code(self, tx: ReadTx, voucher_id: UUID) -> str | None:
        row = (await code_rows.details(tx, (voucher_id,)))[voucher_id]
        return plain(row, await self.vault.peppers(tx))

    async def _ready(self, tx: WriteTx, asked: Assign, version: Version, now: datetime) -> tuple[UUID, str | None, int]:
        """A code that is kept ready, with its version; where none are kept, or more may be made, a new one."""
        until = _expiry(version, now)
        taken = await pools.take(tx, asked.campaign_id, asked.person, until=until, now=now)
        if taken is not None:
            return taken[0], await self._code(tx, taken[0]), taken[1]
        if version.coding.pool_max is not None:
            # Whoever makes codes ahead has the campaign to itself: so it is known how many there are.
            await campaign_rows.rows(tx, (asked.campaign_id,), lock=True)
            if (await pools.counted(tx, asked.campaign_id, now)).made >= version.coding.pool_max:
                raise PoolEmpty
        elif await pools.has_given(tx, asked.campaign_id):
            raise PoolEmpty
        code, text = await self._draw(tx, asked, version, now)
        return code.id, text, 0

    async def _draw(self, tx: WriteTx, asked: Assign, version: Version, now: datetime) -> tuple[NewCode, str]:
        peppers, form = await self.vault.using(tx, now), version.coding.form
        await code_rows.put_shapes(tx, [form.shape])
        for _ in range(_DRAWS):
            (text,) = form.make(1, os.urandom)
            code_id, drawn = uuid7(), codes.canonical(text)
            code = NewCode(
                id=code_id,
                campaign_id=asked.campaign_id,
                fingerprint=peppers.fingerprint(drawn),
                kid=peppers.current,
                last4=codes.last_shown(drawn),
                max_uses=version.terms.max_uses_per_code,
                value_minor=asked.value_minor,
                holder=asked.person,
                expires_at=_expiry(version, now),
                created_at=now,
                sealed=peppers.seal(text.encode(), code_id.bytes),
                pool=None if version.coding.pool_max is None else "made",
            )
            if await code_rows.put(tx, [code]):
                tell_made(tx, [code], now)
                return code, text
        raise RuntimeError("five random codes in a row were there already")


def _expiry(version: Version, now: datetime) -> datetime | None:
    """The end of the last of so many local days, the day of the assignment being the first."""
    if version.coding.days is None:
        return None
    return day_end(local_day(now, version.zone) + timedelta(days=version.coding.days - 1), version.zone)


def _check_value(version: Version, value_minor: int | None) -> None:
    if (version.terms.benefit.type == "stored_value") != (value_minor is not None):
        raise ValueNeeded(is_needed=value_minor is None)
    if value_minor is not None and not 1 <= value_minor <= MAX_MINOR:
        raise ValueNeeded(is_needed=True)
