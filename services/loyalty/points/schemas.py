"""Wire models of points."""

from collections.abc import Sequence
from datetime import MAXYEAR, date, datetime
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from pydantic import BaseModel, Field, field_validator
from pydantic_core import PydanticCustomError

from services.loyalty.points.domain.requests import Balance
from services.loyalty.points.repository.holds import Hold
from services.loyalty.points.repository.reading import Entry, LotLine, Origin, Outstanding, Turnover
from services.loyalty.points.repository.requests import Adjustment, State, Transfer
from services.loyalty.points.repository.trials import Touched
from services.loyalty.programs.domain.terms import DEFAULT_WALLET, MAX_POINTS, Name, Terms
from shared.http.schemas import ExternalId, Instant, Strict

MAX_REFERENCE = 300
MAX_TTL_SECONDS = 7 * 86_400
DEFAULT_TTL_SECONDS = 900

Reason = Literal["goodwill", "complaint", "correction", "campaign", "migration", "fraud", "other"]
_Points = Annotated[int, Field(strict=True, ge=1, le=MAX_POINTS, description="Whole points of the smallest unit.")]
_Wallet = Annotated[Name, Field(description="Which of the programme's wallets.")]
_DryRun = Annotated[bool, Field(description="Only say what would come of it, or why not: nothing is kept.")]


class AdjustmentIn(Strict):
    """Points to give, or (negative) to take, by hand."""

    wallet: _Wallet = DEFAULT_WALLET
    points: Annotated[int, Field(strict=True, ge=-MAX_POINTS, le=MAX_POINTS)] = Field(examples=[50, -50])
    reason: Reason
    note: str | None = Field(None, max_length=500, description="For colleagues; it stands in no ledger and no event.")
    reference: ExternalId | None = Field(None, description="What it is about: an order, a ticket.")
    expires_at: Instant | None = Field(None, description="Where given points end; none: as the programme says.")
    dry_run: _DryRun = False

    @field_validator("expires_at")
    @classmethod
    def _has_a_day(cls, value: datetime | None) -> datetime | None:
        # East of Greenwich the last night of 9999 is a day that no calendar here has: reports could not name its month.
        if value is not None and value.year == MAXYEAR:
            raise PydanticCustomError(
                "too_far", "Points end before the year 9999: leave it out for those that never end"
            )
        return value

    @field_validator("points")
    @classmethod
    def _is_something(cls, value: int) -> int:
        if value == 0:
            raise PydanticCustomError("no_points", "Points are given or taken: not 0")
        return value


class TransferIn(Strict):
    """Points to give to another member."""

    wallet: _Wallet = DEFAULT_WALLET
    to: str = Field(max_length=MAX_REFERENCE, description="The other member.", examples=["user_id:42"])
    points: _Points = Field(description="What the sender gives; the recipient gets it less the fee.")
    dry_run: _DryRun = False


class HoldIn(Strict):
    """Points to set apart."""

    wallet: _Wallet = DEFAULT_WALLET
    points: _Points
    ttl_seconds: int = Field(DEFAULT_TTL_SECONDS, strict=True, ge=1, le=MAX_TTL_SECONDS)
    dry_run: _DryRun = False


class ExtendIn(Strict):
    """How long a hold shall last from now on."""

    ttl_seconds: int = Field(DEFAULT_TTL_SECONDS, strict=True, ge=1, le=MAX_TTL_SECONDS)


class CaptureIn(Strict):
    """What of a hold is spent."""

    points: _Points | None = Field(None, description="None: all of it. The rest is released.")
    reason: str = Field("spent", pattern=r"^[a-z][a-z0-9_]{0,39}$")
    reference: ExternalId | None = Field(None, description="What it is spent on: an order.")


class EndingOut(BaseModel):
    """Points that end at a moment, unless they are spent before."""

    wallet: str
    expires_on: date = Field(description="The last local day they count on.")
    expires_at: datetime
    points: int


class WalletOut(BaseModel):
    """What a member has of one kind of points."""

    wallet: str
    program: str = Field(description="The programme it belongs to, by whose days it begins and ends.")
    labels: dict[str, str]
    scale: int = Field(description="How many decimals people see: points are whole numbers of the smallest unit.")
    available: int = Field(description="What can be spent; what is owed is taken off.")
    pending: int
    held: int = Field(description="Set apart by holds.")
    debt: int = Field(description="What is owed: the next points repay it first.")
    expiring: list[EndingOut] = Field(description="What of it ends when, the next first; at most ten moments.")


class MemberOut(BaseModel):
    """A member and what they have. Who never had points has none: everybody is a member."""

    member: UUID = Field(description="The customer id: the root of all keys of the person.")
    as_of: datetime
    program_version: int
    wallets: list[WalletOut]


class EntryOut(BaseModel):
    """A line of the ledger: how it changed the balances, and what the programme's account got."""

    id: UUID
    wallet: str
    kind: str
    points: int = Field(description="What came (positive) or went (negative), all balances together.")
    available: int
    pending: int
    held: int
    debt: int
    account: str | None = Field(description="The programme's side; null: points only moved within the wallet.")
    occurred_at: datetime
    recorded_at: datetime
    reason: str
    reference: str | None
    source: str | None
    actor: str | None
    key: UUID = Field(description="The key of the person that the wallet belongs to.")
    version: int = Field(description="The number of the line in the wallet of that key.")

    @classmethod
    def of(cls, entry: Entry) -> "EntryOut":
        """The wire form."""
        return cls.model_validate({**entry._asdict(), "points": -entry.points, "key": entry.person_id})


class OriginOut(BaseModel):
    """Points of a lot that a line of the ledger took: the purchase, say, that paid for a reward."""

    lot: UUID
    wallet: str
    kind: str
    source: str = Field(description="What the points were earned for, such as `order:<id>`.", examples=["order:1001"])
    reference: str | None
    earned_at: datetime
    points: int = Field(description="What the line took of them.")
    returned: int = Field(description="What of that came back since, or, once it was held, was spent by another line.")
    key: UUID = Field(description="The key of the person that earned them.")

    @classmethod
    def of(cls, origin: Origin) -> "OriginOut":
        """The wire form."""
        return cls.model_validate({**origin._asdict(), "key": origin.person_id})


class OriginsOut(BaseModel):
    """Where the points of a line of the ledger came from; nothing, where it took none."""

    origins: list[OriginOut]


class LotOut(BaseModel):
    """Points that came in together."""

    id: UUID
    wallet: str
    kind: str
    source: str
    reference: str | None
    points: int = Field(description="What came in.")
    remaining: int = Field(description="What is left of it, holds taken off.")
    state: Literal["pending", "active", "used", "expired"]
    earned_at: datetime
    active_at: datetime | None = Field(description="Since when they count; null: they wait for a word.")
    expires_on: date | None = Field(description="The last local day they count on; null: they never end.")
    zone: str | None
    expires_at: datetime | None
    key: UUID

    @classmethod
    def of(cls, lot: LotLine, now: datetime) -> "LotOut":
        """The wire form, as of a moment."""
        return cls.model_validate({**lot._asdict(), "state": _state(lot, now), "key": lot.person_id})


def _state(lot: LotLine, now: datetime) -> str:
    if lot.expires_at is not None and lot.expires_at <= now:
        return "expired"
    if lot.remaining == 0:
        return "used"
    return "active" if lot.is_active or (lot.active_at is not None and lot.active_at <= now) else "pending"


class HoldOut(BaseModel):
    """Points set apart."""

    id: UUID
    wallet: str
    points: int
    captured: int = Field(description="What of it was spent.")
    state: Literal["open", "captured", "released", "expired"]
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, hold: Hold) -> "HoldOut":
        """The wire form."""
        known = hold._asdict()
        if hold.state == "open" and hold.is_over:
            known["state"] = "expired"
        return cls.model_validate(known)


class HoldsOut(BaseModel):
    """The holds of a member that stand."""

    holds: list[HoldOut]


class AdjustmentOut(BaseModel):
    """An adjustment; `waiting`: somebody else has to approve it."""

    id: UUID
    member: UUID
    wallet: str
    points: int
    reason: str
    note: str | None
    reference: str | None
    expires_at: datetime | None
    state: State
    asked_at: datetime
    asked_by: str
    decided_at: datetime | None
    decided_by: str | None

    @classmethod
    def of(cls, adjustment: Adjustment) -> "AdjustmentOut":
        """The wire form."""
        return cls.model_validate({**adjustment._asdict(), "member": adjustment.person_id})


class TransferOut(BaseModel):
    """A transfer."""

    id: UUID
    wallet: str
    sender: UUID
    recipient: UUID
    points: int
    fee: int
    recorded_at: datetime

    @classmethod
    def of(cls, transfer: Transfer) -> "TransferOut":
        """The wire form."""
        return cls.model_validate(
            {**transfer._asdict(), "sender": transfer.sender_id, "recipient": transfer.recipient_id}
        )


class StandingOut(BaseModel):
    """What a member has in a wallet, in points."""

    available: int
    pending: int
    held: int
    debt: int


class TrialBalanceOut(BaseModel):
    """What a member has before and would have after."""

    member: UUID
    before: StandingOut
    after: StandingOut

    @classmethod
    def of(cls, member: UUID, before: Balance, after: Balance) -> "TrialBalanceOut":
        """The wire form."""
        return cls.model_validate({"member": member, "before": before._asdict(), "after": after._asdict()})


class TrialLotOut(BaseModel):
    """A lot that would be drawn from, or made."""

    kind: str = Field(description="Of the line that would touch it.", examples=["adjusted", "fee", "held"])
    key: UUID = Field(description="The key of the person that the wallet belongs to.")
    lot: UUID | None = Field(description="Null: it would be made.")
    points: int = Field(description="What it would lose (negative), or bring, less the debt that it repays.")
    remaining: int = Field(description="What would be left of it.")
    earned_at: datetime
    active_at: datetime | None
    expires_on: date | None = Field(description="The last local day its points count on; null: no day ends them.")
    zone: str | None
    expires_at: datetime | None

    @classmethod
    def of(cls, each: Touched) -> "TrialLotOut":
        """The wire form."""
        return cls.model_validate(
            {**each._asdict(), "key": each.person_id, "lot": None if each.is_new else each.lot_id}
        )


class TrialOut(BaseModel):
    """What would come of it. What would be refused is refused, with the code it would be refused with."""

    is_dry_run: Literal[True] = True
    status: Literal[201, 202] = Field(description="What would be answered; 202: somebody else would have to approve.")
    wallet: str
    members: list[TrialBalanceOut] = Field(description="Of a transfer the sender, then the recipient.")
    lots: list[TrialLotOut] = Field(description="Those drawn from first, the earliest-ending first.")


class OutstandingOut(BaseModel):
    """Points that members have, by where they came from and the month in which they end."""

    wallet: str
    source: str
    expires_in: str | None = Field(description="The month as 2026-12; null: never.")
    available: int
    pending: int
    held: int

    @classmethod
    def of(cls, line: Outstanding) -> "OutstandingOut":
        """The wire form."""
        return cls.model_validate({**line._asdict(), "expires_in": line.month and f"{line.month:%Y-%m}"})


class TurnoverOut(BaseModel):
    """What became of the points of a wallet, all in all."""

    wallet: str
    issued: int = Field(description="Earned and granted.")
    adjusted: int = Field(description="Given by hand, less taken by hand.")
    spent: int = Field(description="Spent, less given back.")
    expired: int
    reversed: int = Field(description="Taken back.")
    fees: int
    debt: int = Field(description="What members owe.")
    outstanding: int = Field(description="What members have: available, pending and held.")
    redeemed_share: float | None = Field(description="Spent of all that ended one way or the other; null: none has.")
    breakage_rate: float | None = Field(description="Expired of spent and expired; null: there is neither.")

    @classmethod
    def of(cls, line: Turnover, outstanding: int) -> "TurnoverOut":
        """The wire form."""
        ended = line.spent + line.expired + line.reversed + line.fees
        return cls.model_validate(
            {
                **line._asdict(),
                "outstanding": outstanding,
                "redeemed_share": line.spent / ended if ended > 0 else None,
                "breakage_rate": line.expired / (line.spent + line.expired) if line.spent + line.expired > 0 else None,
            }
        )


class LiabilityOut(BaseModel):
    """What the firm owes its members in points."""

    as_of: datetime
    zone: str = Field(description="That of the main programme; months are those of each wallet's own.")
    wallets: list[TurnoverOut]
    outstanding: list[OutstandingOut]


class Seen(NamedTuple):
    """What a member has in a wallet, as it was read."""

    wallet: str
    balance: Balance


def wallet_out(seen: Seen, terms: Terms) -> WalletOut:
    """The wire form of a balance."""
    known = terms.wallets.get(seen.wallet)
    return WalletOut(
        wallet=seen.wallet,
        program=terms.program_of(seen.wallet),
        labels=known.labels if known else {},
        scale=known.scale if known else 0,
        available=seen.balance.available,
        pending=seen.balance.pending,
        held=seen.balance.held,
        debt=seen.balance.debt,
        expiring=endings_out(seen, terms)[:10],
    )


def endings_out(seen: Seen, terms: Terms) -> list[EndingOut]:
    """The wire form of what ends when."""
    wallet = seen.wallet
    return [
        EndingOut(wallet=wallet, expires_on=terms.last_day(each.at, wallet), expires_at=each.at, points=each.points)
        for each in seen.balance.expiring
    ]


class EndingsOut(BaseModel):
    """What ends when, the next first."""

    as_of: datetime
    expiring: list[EndingOut]


def all_endings(seen: Sequence[Seen], terms: Terms) -> list[EndingOut]:
    """The endings of all wallets, the next first."""
    return sorted((line for each in seen for line in endings_out(each, terms)), key=lambda line: line.expires_at)
