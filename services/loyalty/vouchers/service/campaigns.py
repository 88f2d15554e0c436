"""Campaigns as staff makes and steers them: each change is a version, and the live counters are never written here."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from services.loyalty.programs.domain.calendar import day_end, day_start
from services.loyalty.vouchers.domain import codes
from services.loyalty.vouchers.domain.keys import FINGERPRINT_BYTES
from services.loyalty.vouchers.domain.stack import MAX_PROMOTIONS
from services.loyalty.vouchers.domain.terms import Terms, read
from services.loyalty.vouchers.domain.voucher import Campaign, CampaignState
from services.loyalty.vouchers.errors import (
    BadRule,
    BadTerms,
    CampaignMoved,
    CampaignNameTaken,
    CampaignUnknown,
    CardsHoldMoney,
    LimitBelowUsed,
    Problem,
    TooManyPromotions,
    WrongState,
)
from services.loyalty.vouchers.repository import campaigns as rows
from services.loyalty.vouchers.repository import codes as code_rows
from services.loyalty.vouchers.repository.campaigns import Coding, Version, Written
from services.loyalty.vouchers.repository.codes import NewCode
from services.loyalty.vouchers.schemas.campaigns import (
    CampaignChangeIn,
    CampaignIn,
    CampaignOut,
    StateIn,
    zone_of,
)
from services.loyalty.vouchers.service.sense import check
from services.loyalty.vouchers.service.telling import tell_made
from services.loyalty.vouchers.service.vault import Vault
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.ids import uuid7

_MAY_BECOME: dict[CampaignState, tuple[CampaignState, ...]] = {
    "draft": ("active", "ended"),
    "active": ("paused", "ended"),
    "paused": ("active", "ended"),
    "ended": (),
}


def _nobody() -> None:
    """Nobody in this process goes by what campaigns there are."""


@dataclass(frozen=True, slots=True)
class Campaigns:
    """Use cases of campaigns; `by` names the key that asks. `on_change` hears that one may count or cease to."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    vault: Vault
    on_change: Callable[[], None] = _nobody

    async def create(self, body: CampaignIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Make a campaign, a draft.

        Raises:
            BadTerms: what it shall grant contradicts itself.
            CampaignNameTaken: another one has this name.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            zone = zone_of(body.zone, self.zone)
            terms, coding = _terms_of(body, body.currency), _coding_of(body)
            check(body, terms, coding, body.codes, body.currency, zone)
            if (other := await rows.namesake(tx, body.name)) is not None:
                raise CampaignNameTaken(other)
            starts_at, ends_at = _instants(body.starts_on, body.ends_on, zone)
            campaign = Campaign(
                id=uuid7(),
                name=body.name,
                codes=body.codes,
                state="draft",
                version=1,
                terms=terms,
                currency=body.currency,
                zone=zone,
                starts_at=starts_at,
                ends_at=ends_at,
                max_uses=body.max_uses,
                budget_minor=body.budget_minor,
            )
            await rows.put(tx, campaign, self._written(body, campaign, coding, by))
            if campaign.is_automatic:
                silent = _silent_code(campaign, self.clock.now())
                await code_rows.put(tx, [silent])
                tell_made(tx, [silent], silent.created_at)
            return await self._answer(tx, idem, 201, campaign.id)

    async def change(self, campaign_id: UUID, body: CampaignChangeIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Give a campaign another version, also while it runs. Holds and uses that stand keep what they were given.

        Raises:
            CampaignUnknown, CampaignMoved, WrongState: it is not there, not of that version, or over.
            LimitBelowUsed: more is used or held than the new limits allow.
            BadTerms, CampaignNameTaken: it cannot be so.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            row = await _locked(tx, campaign_id)
            if row.version != body.version:
                raise CampaignMoved(row.version)
            if row.state == "ended":
                raise WrongState("ended", "changed")
            zone = zone_of(body.zone, self.zone)
            terms, coding = _terms_of(body, row.currency), _coding_of(body)
            check(body, terms, coding, row.codes, row.currency, zone)
            await self._check_kind(tx, row, terms)
            _check_limits(row, body)
            if (other := await rows.namesake(tx, body.name)) not in (None, campaign_id):
                raise CampaignNameTaken(other or campaign_id)
            starts_at, ends_at = _instants(body.starts_on, body.ends_on, zone)
            campaign = Campaign(
                id=campaign_id,
                name=body.name,
                codes=row.codes,
                state=row.state,
                version=row.version + 1,
                terms=terms,
                currency=row.currency,
                zone=zone,
                starts_at=starts_at,
                ends_at=ends_at,
                max_uses=body.max_uses,
                budget_minor=body.budget_minor,
            )
            await rows.put(tx, campaign, self._written(body, campaign, coding, by))
            return await self._answer(tx, idem, 200, campaign_id)

    async def set_state(self, campaign_id: UUID, body: StateIn, *, idem: Idempotent | None) -> Answer:
        """Activate, pause, resume or end a campaign. Nothing new is granted from the commit of this on.

        Raises:
            CampaignUnknown: there is none.
            WrongState: from its state there is no way to that one.
            TooManyPromotions: as many are active as there may be.
            CardsHoldMoney: it would end with money on its gift cards, which the law lets nobody take.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            row = await _locked(tx, campaign_id)
            if row.state != body.state:
                is_over = row.ends_at is not None and row.ends_at <= self.clock.now()
                if body.state not in _MAY_BECOME[row.state] or (body.state == "active" and is_over):
                    raise WrongState("over" if is_over else row.state, body.state)
                if body.state == "ended":
                    await self._check_cards(tx, row)
                if row.codes == "automatic" and body.state == "active":
                    await _check_room(tx)
                await rows.set_state(tx, campaign_id, body.state)
            answer = await self._answer(tx, idem, 200, campaign_id)
        self.on_change()
        return answer

    async def get(self, campaign_id: UUID) -> CampaignOut:
        """A campaign with its live counters.

        Raises:
            CampaignUnknown: there is none.
        """
        async with self.db.read() as tx:
            return await self._out(tx, campaign_id)

    async def named(self, reference: str) -> CampaignOut | None:
        """The campaign of a name or an id."""
        async with self.db.read() as tx:
            found = await rows.namesake(tx, reference)
            if found is None and _is_id(reference):
                found = next(iter(await rows.rows(tx, (UUID(reference),))), None)
            return None if found is None else await self._out(tx, found)

    async def listed(self, *, before: UUID | None, state: str | None, limit: int) -> Sequence[CampaignOut]:
        """Campaigns, those made last first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            found = await rows.listed(tx, before=before, state=state, limit=limit + 1)
            versions = await self.vault.versions(tx, {(row.campaign_id, row.version) for row in found})
            return [_out_of(row, versions[row.campaign_id, row.version]) for row in found]

    async def versions(self, campaign_id: UUID, *, before: int | None, limit: int) -> Sequence[Version]:
        """What a campaign has said, the latest first; one more than `limit` if there are more.

        Raises:
            CampaignUnknown: there is none.
        """
        async with self.db.read() as tx:
            await _known(tx, campaign_id)
            return await rows.history(tx, campaign_id, before=before, limit=limit + 1)

    async def _out(self, tx: ReadTx, campaign_id: UUID) -> CampaignOut:
        row = await _known(tx, campaign_id)
        versions = await self.vault.versions(tx, {(campaign_id, row.version)})
        return _out_of(row, versions[campaign_id, row.version])

    async def _answer(self, tx: WriteTx, idem: Idempotent | None, status: int, campaign_id: UUID) -> Answer:
        row = await _known(tx, campaign_id)
        # Not through the vault: this version may still be rolled back.
        (version,) = await rows.versions(tx, {(campaign_id, row.version)})
        answer = Answer(status, _out_of(row, version).model_dump_json().encode())
        await remember(tx, idem, answer)
        return answer

    def _written(self, body: CampaignIn | CampaignChangeIn, campaign: Campaign, coding: Coding, by: str) -> Written:
        return Written(
            description=body.description,
            zone=campaign.zone.key,
            starts_on=body.starts_on,
            ends_on=body.ends_on,
            terms=body.terms.document() | {"max_uses_per_code": _uses_per_code(campaign)},
            coding=coding,
            at=self.clock.now(),
            by=by,
        )

    async def _check_cards(self, tx: ReadTx, row: Row[Any]) -> None:
        version = (await self.vault.versions(tx, {(row.campaign_id, row.version)}))[row.campaign_id, row.version]
        if version.coding.jurisdiction is not None and await rows.holds_money(tx, row.campaign_id):
            raise CardsHoldMoney(version.coding.jurisdiction)

    async def _check_kind(self, tx: ReadTx, row: Row[Any], terms: Terms) -> None:
        """Codes that hold money keep holding it; others never begin to."""
        old = (await self.vault.versions(tx, {(row.campaign_id, row.version)}))[row.campaign_id, row.version]
        if (old.terms.benefit.type == "stored_value") != (terms.benefit.type == "stored_value"):
            raise BadTerms(
                [
                    Problem(
                        "/terms/benefit/type",
                        "kind_is_fixed",
                        "A campaign of gift cards stays one, others do not become one.",
                    )
                ]
            )


async def _check_room(tx: ReadTx) -> None:
    """Refuse one promotion more than baskets are held against."""
    if await rows.active_promotions(tx) >= MAX_PROMOTIONS:
        raise TooManyPromotions(MAX_PROMOTIONS)


def _silent_code(campaign: Campaign, now: datetime) -> NewCode:
    """The voucher of a promotion, under the campaign's own id: no text has its fingerprint, so nobody can type it."""
    return NewCode(
        id=campaign.id,
        campaign_id=campaign.id,
        fingerprint=os.urandom(FINGERPRINT_BYTES),
        kid="",
        last4="",
        max_uses=None,
        value_minor=None,
        holder=None,
        expires_at=None,
        created_at=now,
    )


def _is_id(reference: str) -> bool:
    try:
        UUID(reference)
    except ValueError:
        return False
    return True


def _out_of(row: Row[Any], version: Version) -> CampaignOut:
    return CampaignOut.of(rows.campaign_of(row, version), version, row.created_at)


async def _known(tx: ReadTx, campaign_id: UUID) -> Row[Any]:
    row = (await rows.rows(tx, (campaign_id,))).get(campaign_id)
    if row is None:
        raise CampaignUnknown
    return row


async def _locked(tx: WriteTx, campaign_id: UUID) -> Row[Any]:
    row = (await rows.rows(tx, (campaign_id,), lock=True)).get(campaign_id)
    if row is None:
        raise CampaignUnknown
    return row


def _instants(starts_on: date | None, ends_on: date | None, zone: ZoneInfo) -> tuple[Any, Any]:
    """The first moment it runs, and the first one when it is over: the end of its last local day."""
    return (
        None if starts_on is None else day_start(starts_on, zone),
        None if ends_on is None else day_end(ends_on, zone),
    )


def _uses_per_code(campaign: Campaign) -> int | None:
    """A unique code is used once, if nothing else is said; a shared one or a gift card as often as it will do."""
    said = campaign.terms.max_uses_per_code
    is_once = said is None and campaign.codes == "unique" and campaign.terms.benefit.type != "stored_value"
    return 1 if is_once else said


def _terms_of(body: CampaignIn | CampaignChangeIn, currency: str) -> Terms:
    try:
        return read(body.terms.document(), currency=currency)
    except BadRule as refusal:
        problems = [
            Problem(f"/terms/rule{each['pointer']}", each["code"], each["message"]) for each in refusal.data["problems"]
        ]
        raise BadRule(problems) from None


def _coding_of(body: CampaignIn | CampaignChangeIn) -> Coding:
    length = codes.VALUE_LENGTH if body.terms.benefit.type == "stored_value" else codes.LENGTH
    said = body.coding
    return Coding(
        prefix=said.prefix,
        length=said.length or length,
        days=said.days,
        once_per_customer=said.once_per_customer,
        pattern=said.pattern,
        charset=said.charset,
        has_check=said.has_check,
        pool_min=None if said.pool is None else said.pool.min_free,
        pool_max=None if said.pool is None else said.pool.max_codes,
        jurisdiction=said.jurisdiction,
    )


def _check_limits(row: Row[Any], body: CampaignChangeIn) -> None:
    used, spent = row.redeemed + row.reserved, row.spent_minor + row.reserved_minor
    if body.max_uses is not None and body.max_uses < used:
        raise LimitBelowUsed("max_uses", body.max_uses, used)
    if body.budget_minor is not None and body.budget_minor < spent:
        raise LimitBelowUsed("budget_minor", body.budget_minor, spent)
