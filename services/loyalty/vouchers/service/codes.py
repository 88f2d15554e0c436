"""Single codes: shared ones, those of other systems, their states, what is on a gift card, and who asks for one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row

from services.loyalty.programs.domain.calendar import day_end, local_day
from services.loyalty.vouchers.domain import codes
from services.loyalty.vouchers.domain.codes import Shape
from services.loyalty.vouchers.domain.jurisdictions import EXPIRY
from services.loyalty.vouchers.domain.keys import Peppers
from services.loyalty.vouchers.errors import (
    BadCode,
    CampaignUnknown,
    CodesGone,
    CodeTaken,
    ValueNeeded,
    VoucherUnknown,
    WrongKindOfCodes,
    WrongState,
)
from services.loyalty.vouchers.repository import campaigns as campaign_rows
from services.loyalty.vouchers.repository import codes as rows
from services.loyalty.vouchers.repository import imports, statements
from services.loyalty.vouchers.repository.campaigns import Version
from services.loyalty.vouchers.repository.codes import NewCode
from services.loyalty.vouchers.repository.statements import Movement
from services.loyalty.vouchers.schemas.codes import (
    CodeStateIn,
    ImportedIn,
    ImportIn,
    ImportOut,
    RefusedOut,
    SharedCodeIn,
    StatementOut,
    TopUpIn,
    VoucherOut,
)
from services.loyalty.vouchers.service.finding import Vouchers
from services.loyalty.vouchers.service.telling import tell_changed, tell_made
from services.loyalty.vouchers.service.vault import Vault
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.ids import uuid7
from shared.money import MAX_MINOR

_MAX_USES = 2**31 - 1


@dataclass(frozen=True, slots=True)
class CodesService:
    """Use cases of single codes."""

    db: Database
    clock: Clock
    vault: Vault
    vouchers: Vouchers

    async def share(self, campaign_id: UUID, body: SharedCodeIn, *, idem: Idempotent | None) -> Answer:
        """Give a campaign of shared codes the words customers are told.

        Raises:
            CampaignUnknown, WrongKindOfCodes: they cannot be given to it.
            BadCode, CodeTaken: these words cannot be a code, or are one.
        """
        text = codes.canonical(body.code)
        if reason := codes.trouble(text):
            raise BadCode(reason)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            version = await self.version(tx, campaign_id, "shared")
            now = self.clock.now()
            peppers = await self.vault.using(tx, now)
            if await rows.by_fingerprints(tx, peppers.fingerprints(text)):
                raise CodeTaken
            uses = body.max_uses if body.max_uses is not None else version.terms.max_uses_per_code
            code = NewCode(
                id=uuid7(),
                campaign_id=campaign_id,
                fingerprint=peppers.fingerprint(text),
                kid=peppers.current,
                last4=text[-4:],
                max_uses=uses,
                value_minor=None,
                holder=None,
                expires_at=None,
                created_at=now,
                public_code=body.code.strip(),
            )
            if not await rows.put(tx, [code]):
                raise CodeTaken
            tell_made(tx, [code], now)
            await rows.put_shapes(tx, [Shape("", len(text), is_checked=False)])
            return await self._answer(tx, idem, 201, code.id)

    async def import_(self, campaign_id: UUID, body: ImportIn, *, idem: Idempotent | None) -> Answer:
        """Take over codes of another system; each that cannot be is refused by its place.

        Raises:
            CampaignUnknown, WrongKindOfCodes: it takes none.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            said = await self.take_over(tx, campaign_id, body)
            answer = Answer(200, said.model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def take_over(
        self, tx: WriteTx, campaign_id: UUID, body: ImportIn, *, import_id: UUID | None = None
    ) -> ImportOut:
        """The same inside a transaction; `import_id`: it is a step of that one. A dry run writes no code."""
        version = await self.version(tx, campaign_id, "unique")
        now, given = self.clock.now(), body.codes
        peppers = await self.vault.peppers(tx) if body.dry_run else await self.vault.using(tx, now)
        reader = _Imports(version, now, to_assign=body.to_assign)
        new = {position: code for position, each in enumerate(given) if (code := reader.read(position, each))}
        texts = {position: codes.canonical(given[position].code) for position in new}
        prints = {position: peppers.fingerprints(text) for position, text in texts.items()}
        there = {
            bytes(row.fingerprint): row.job_id
            for row in await rows.by_fingerprints(tx, [each for several in prints.values() for each in several])
        }
        kept = {
            position: code._replace(
                fingerprint=prints[position][0],
                kid=peppers.current,
                sealed=peppers.seal(given[position].code.strip().encode(), code.id.bytes) if body.to_assign else None,
                pool="given" if body.to_assign else None,
                job_id=import_id,
            )
            for position, code in new.items()
            if there.keys().isdisjoint(prints[position])
        }
        if not body.dry_run:
            stored = await rows.put(tx, list(kept.values()))
            tell_made(tx, (each for each in kept.values() if each.id in stored), now)
        else:
            stored = await _unseen(tx, import_id, kept.values())
        refused = reader.refused + [
            RefusedOut(position=position, reason=_met({there[each] for each in of if each in there}, import_id, body))
            for position, of in prints.items()
            if position not in kept or kept[position].id not in stored
        ]
        if not body.dry_run:
            await rows.put_shapes(tx, {Shape("", len(texts[position]), is_checked=False) for position in kept})
        return ImportOut(
            is_dry_run=body.dry_run, imported=len(stored), refused=sorted(refused, key=lambda each: each.position)
        )

    async def get(self, voucher_id: UUID) -> VoucherOut:
        """A voucher as it stands.

        Raises:
            VoucherUnknown: there is none.
        """
        async with self.db.read() as tx:
            return await self._out(tx, voucher_id)

    async def listed(self, campaign_id: UUID, *, after: UUID | None, limit: int) -> Sequence[VoucherOut]:
        """The vouchers of a campaign, those made first at the beginning; one more than `limit` if there are more.

        Raises:
            CampaignUnknown: there is none.
        """
        async with self.db.read() as tx:
            if campaign_id not in await campaign_rows.rows(tx, (campaign_id,)):
                raise CampaignUnknown
            ids = await rows.of_campaign(tx, campaign_id, after=after, limit=limit + 1)
            return await outs(tx, self.vouchers, ids, self.clock.now())

    async def states(self, campaign_id: UUID, *, after: UUID | None, limit: int) -> Sequence[Row[Any]]:
        """The bare states of a campaign's codes, those made first at the beginning: for whoever wants millions."""
        async with self.db.read() as tx:
            return await rows.states(tx, campaign_id, after=after, limit=limit)

    async def set_state(self, voucher_id: UUID, body: CodeStateIn, *, idem: Idempotent | None) -> Answer:
        """Freeze a voucher, thaw it, or void it for ever. What is held for a checkout is honoured.

        Raises:
            VoucherUnknown: there is none.
            WrongState: it is void.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            row = await _locked(tx, voucher_id)
            if row.state == "voided" and body.state != "voided":
                raise WrongState("voided", body.state)
            await rows.set_state(tx, voucher_id, body.state)
            tell_changed(tx, await _locked(tx, voucher_id), self.clock.now())
            return await self._answer(tx, idem, 200, voucher_id)

    async def top_up(self, voucher_id: UUID, body: TopUpIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Put money on a gift card. Where the law says so, its time begins again.

        Raises:
            VoucherUnknown: there is none.
            ValueNeeded: it is no gift card.
            WrongState: it is void, or holds too much.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            row = await _locked(tx, voucher_id)
            if row.value_minor is None:
                raise ValueNeeded(is_needed=False)
            if row.state == "voided":
                raise WrongState("voided", "topped up")
            if row.value_minor + body.amount_minor > MAX_MINOR:
                raise WrongState("full", "topped up")
            now = self.clock.now()
            await rows.top_up(tx, voucher_id, body.amount_minor, until=await self._renewed(tx, row, now))
            load = uuid7()
            await statements.add_load(tx, load, voucher_id, body.amount_minor, now=now, by=by, why=body.reference)
            loaded = {"load_id": load, "loaded_minor": body.amount_minor, "by": by}
            tell_changed(tx, await _locked(tx, voucher_id), now, **loaded)
            return await self._answer(tx, idem, 200, voucher_id)

    async def statement(self, voucher_id: UUID) -> StatementOut:
        """All that moved on a gift card since it was issued, and what is on it.

        Raises:
            VoucherUnknown: there is none.
            ValueNeeded: it is no gift card.
        """
        async with self.db.read() as tx:
            card = (await self.vouchers.load(tx, (voucher_id,))).get(voucher_id)
            if card is None:
                raise VoucherUnknown
            if card.value_minor is None:
                raise ValueNeeded(is_needed=False)
            found = await statements.movements(tx, card.campaign.id, voucher_id)
            issued_at = (await rows.details(tx, (voucher_id,)))[voucher_id].created_at
        loaded = sum(each.amount_minor for each in found if each.kind == "top_up")
        first = Movement("issued", voucher_id, card.value_minor - loaded, issued_at, None)
        return StatementOut.of(card, [first, *found], self.clock.now())

    async def _renewed(self, tx: ReadTx, row: Row[Any], now: datetime) -> datetime | None:
        """Until when a card holds at least that is topped up now; None: as it did."""
        campaign = (await campaign_rows.rows(tx, (row.campaign_id,)))[row.campaign_id]
        key = (row.campaign_id, campaign.version)
        version = (await self.vault.versions(tx, {key}))[key]
        rule = EXPIRY.get(version.coding.jurisdiction or "")
        if rule is None or not rule.renews:
            return None
        earliest = rule.earliest_end(local_day(now, version.zone))
        return None if earliest is None else day_end(earliest, version.zone)

    async def look_up(self, code: str) -> VoucherOut | None:
        """The voucher of a code, for staff that a customer reads it to; None if there is none."""
        async with self.db.read() as tx:
            voucher = (await self.vouchers.find(tx, [code])).vouchers.get(code)
            return None if voucher is None else await self._out(tx, voucher.id)

    async def reveal(self, voucher_id: UUID) -> str:
        """The code of a voucher that was assigned to a customer, or that everybody may know.

        Raises:
            VoucherUnknown: there is no such voucher.
            CodesGone: its code is not kept.
            PepperMissing: it is sealed under a pepper that is not here.
        """
        async with self.db.read() as tx:
            row = (await rows.details(tx, (voucher_id,))).get(voucher_id)
            if row is None:
                raise VoucherUnknown
            text = plain(row, await self.vault.peppers(tx))
            if text is None:
                raise CodesGone
            return text

    async def version(self, tx: WriteTx, campaign_id: UUID, kind: str) -> Version:
        """What a campaign says now whose codes are of a kind.

        Raises:
            CampaignUnknown, WrongKindOfCodes: there is none like that.
        """
        row = (await campaign_rows.rows(tx, (campaign_id,))).get(campaign_id)
        if row is None:
            raise CampaignUnknown
        if row.codes != kind:
            raise WrongKindOfCodes(row.codes)
        return (await self.vault.versions(tx, {(campaign_id, row.version)}))[campaign_id, row.version]

    async def _out(self, tx: ReadTx, voucher_id: UUID) -> VoucherOut:
        found = await outs(tx, self.vouchers, (voucher_id,), self.clock.now())
        if not found:
            raise VoucherUnknown
        return found[0]

    async def _answer(self, tx: WriteTx, idem: Idempotent | None, status: int, voucher_id: UUID) -> Answer:
        answer = Answer(status, (await self._out(tx, voucher_id)).model_dump_json().encode())
        await remember(tx, idem, answer)
        return answer


async def _unseen(tx: WriteTx, import_id: UUID | None, found: Collection[NewCode]) -> set[UUID]:
    """Those of these codes that a dry run has not come across before."""
    if import_id is None:
        return {each.id for each in found}
    new = await imports.see(tx, import_id, [each.fingerprint for each in found])
    return {each.id for each in found if each.fingerprint in new}


def _met(owners: Collection[UUID | None], import_id: UUID | None, body: ImportIn) -> Literal["duplicate", "taken"]:
    """Why a code is not new: `owners` are the jobs that made it, none if it came meanwhile or was only seen."""
    is_ours = owners == {import_id} if owners else body.dry_run
    return "duplicate" if import_id is not None and is_ours else "taken"


class _Imports:
    """Reads codes of another system; notes those that cannot be taken over."""

    def __init__(self, version: Version, now: datetime, *, to_assign: bool) -> None:
        self.version = version
        self.to_assign = to_assign
        self.now = now
        self.refused: list[RefusedOut] = []
        self.seen: set[str] = set()

    def read(self, position: int, given: ImportedIn) -> NewCode | None:
        """The code to keep, without its keyed hash; None if it cannot be taken over."""
        text = codes.canonical(given.code)
        expires_at = None if given.expires_on is None else day_end(given.expires_on, self.version.zone)
        reason = self._trouble(text, given, expires_at)
        if reason is not None:
            self.refused.append(RefusedOut(position=position, reason=reason))
            return None
        self.seen.add(text)
        return NewCode(
            id=uuid7(),
            campaign_id=self.version.campaign_id,
            fingerprint=b"",
            kid="",
            last4=codes.last_shown(text),
            max_uses=given.max_uses if given.max_uses is not None else self.version.terms.max_uses_per_code,
            value_minor=given.value_minor,
            holder=None,
            expires_at=expires_at,
            created_at=self.now,
        )

    def _trouble(self, text: str, given: ImportedIn, expires_at: datetime | None) -> Any:
        has_value = self.version.terms.benefit.type == "stored_value"
        checks = {
            "bad_code": codes.trouble(text) is not None,
            "duplicate": text in self.seen,
            "value_needed": has_value and given.value_minor is None,
            "no_value": not has_value and given.value_minor is not None,
            "bad_limit": not 1 <= (given.max_uses or 1) <= _MAX_USES or given.max_uses == 0
            or not 1 <= (1 if given.value_minor is None else given.value_minor) <= MAX_MINOR,
            "expired": expires_at is not None and expires_at <= self.now,
            # What a gift card is worth is said when it is assigned.
            "no_pool": has_value and self.to_assign,
        }  # fmt: skip
        return next((reason for reason, is_so in checks.items() if is_so), None)


async def outs(tx: ReadTx, vouchers: Vouchers, ids: Sequence[UUID], now: datetime) -> list[VoucherOut]:
    """The wire form of these vouchers, in this order."""
    found = await vouchers.load(tx, ids)
    details = await rows.details(tx, ids)
    return [
        VoucherOut.of(found[each], details[each].public_code, details[each].created_at, now)
        for each in ids
        if each in found
    ]


def plain(row: Row[Any], peppers: Peppers) -> str | None:
    """The code of a row of `details`, if it is kept."""
    if row.sealed is None:
        public: str | None = row.public_code
        return public
    sealed = peppers.unseal(row.kid, row.sealed, row.id.bytes)
    return None if sealed is None else sealed.decode()


async def _locked(tx: WriteTx, voucher_id: UUID) -> Row[Any]:
    row = await rows.lock(tx, voucher_id)
    if row is None:
        raise VoucherUnknown
    return row
