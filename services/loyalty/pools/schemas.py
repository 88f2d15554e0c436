"""Wire models of pools."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from services.loyalty.points.domain.requests import Balance
from services.loyalty.points.schemas import DEFAULT_TTL_SECONDS, MAX_REFERENCE, MAX_TTL_SECONDS
from services.loyalty.pools.domain import GuestRole, Invitation, InvitationState, Period, Pool, Role, Seat, Spent
from services.loyalty.programs.domain.terms import DEFAULT_WALLET, MAX_POINTS, Name
from shared.http.schemas import ExternalId, Instant, Strict

MAX_MEMBERS = 20
Person = Annotated[str, Field(max_length=MAX_REFERENCE, examples=["user_id:4711"])]
_Limit = Annotated[int, Field(strict=True, ge=0, le=MAX_POINTS)]
_Points = Annotated[int, Field(strict=True, ge=1, le=MAX_POINTS)]


class LimitsIn(Strict):
    """What holds for everybody in a pool."""

    max_members: int = Field(6, strict=True, ge=2, le=MAX_MEMBERS)
    daily_limit: _Limit | None = Field(None, description="Points one member may spend on a local day; null: all.")


class PoolIn(LimitsIn):
    """A pool as it shall be; who makes it owns it."""

    owner: Person
    wallets: Annotated[tuple[Name, ...], Field(min_length=1, max_length=10)] = (DEFAULT_WALLET,)


class ChangeIn(LimitsIn):
    """What shall hold from now on."""

    by: Person = Field(description="The owner.")


class InviteIn(Strict):
    """Who may come in."""

    by: Person = Field(description="The owner.")
    member: Person
    role: GuestRole = Field("spender", description="A `saver` gives points and spends none.")
    ttl_days: int = Field(14, strict=True, ge=1, le=90)


class LeaveIn(Strict):
    """Who leaves; the owner can send others away."""

    member: Person
    by: Person | None = Field(None, description="Who says so; none: the member.")


class RoleIn(Strict):
    """Another role for a member; a new owner makes the old one a spender."""

    by: Person = Field(description="The owner.")
    member: Person
    role: Role


class MemberLimitIn(Strict):
    """What one member may spend, besides what the pool says for everybody; what they hold counts as spent."""

    by: Person = Field(description="The owner.")
    member: Person
    points: _Limit | None = Field(description="Null: no limit of their own.")
    per: Period = Field("month", description="A local day, week (from Monday) or month.")


class SpendIn(Strict):
    """Points that a member spends of what all have."""

    by: Person
    wallet: Name = DEFAULT_WALLET
    points: _Points
    reason: str = Field("pool", pattern=r"^[a-z][a-z0-9_]{0,39}$")
    reference: ExternalId | None = Field(None, description="What it is spent on: an order.")


class PoolHoldIn(Strict):
    """Points that a member sets apart of what all have."""

    by: Person
    wallet: Name = DEFAULT_WALLET
    points: _Points
    reference: ExternalId | None = None
    ttl_seconds: int = Field(DEFAULT_TTL_SECONDS, strict=True, ge=1, le=MAX_TTL_SECONDS)


class ReturnIn(Strict):
    """How much of a spend comes back."""

    points: _Points | None = Field(None, description="None: all that has not come back yet.")


class BalanceOut(BaseModel):
    """What can be spent of a wallet; what one member owes is taken off what all have."""

    wallet: str
    available: int
    pending: int
    held: int
    debt: int

    @classmethod
    def of(cls, wallet: str, balance: Balance) -> "BalanceOut":
        """As it goes out."""
        return cls(
            wallet=wallet,
            available=balance.available,
            pending=balance.pending,
            held=balance.held,
            debt=balance.debt,
        )


class SeatOut(BaseModel):
    """A member of a pool, and what they bring."""

    member: UUID
    role: Role
    joined_at: Instant
    spend_limit: int | None = Field(description="What they may spend in a `spend_per`; null: what the pool says.")
    spend_per: Period | None
    wallets: list[BalanceOut]

    @classmethod
    def of(cls, seat: Seat, balances: dict[str, Balance]) -> "SeatOut":
        """As it goes out."""
        wallets = [BalanceOut.of(*each) for each in balances.items()]
        place = seat.place
        return cls(
            member=seat.member.root,
            role=place.role,
            joined_at=place.joined_at,
            spend_limit=place.spend_limit,
            spend_per=place.spend_per,
            wallets=wallets,
        )


class InvitationOut(BaseModel):
    """An invitation."""

    id: UUID
    pool: UUID
    member: UUID
    role: GuestRole
    state: InvitationState
    created_at: Instant
    expires_at: Instant

    @classmethod
    def of(cls, invitation: Invitation) -> "InvitationOut":
        """As it goes out."""
        fields = invitation._asdict()
        del fields["decided_at"]
        return cls(pool=fields.pop("pool_id"), member=fields.pop("person_id"), **fields)


class PoolOut(BaseModel):
    """A pool: who is in it, and what they have together."""

    id: UUID
    max_members: int
    daily_limit: int | None
    created_at: Instant
    wallets: list[BalanceOut]
    members: list[SeatOut]
    invitations: list[InvitationOut]

    @classmethod
    def of(
        cls, pool: Pool, together: dict[str, Balance], members: list[SeatOut], invitations: list[Invitation]
    ) -> "PoolOut":
        """As it goes out."""
        return cls(
            id=pool.id,
            max_members=pool.max_members,
            daily_limit=pool.daily_limit,
            created_at=pool.created_at,
            wallets=[BalanceOut.of(*each) for each in together.items()],
            members=members,
            invitations=[InvitationOut.of(each) for each in invitations],
        )


class InvitationsOut(BaseModel):
    """The invitations of a member that stand."""

    invitations: list[InvitationOut]


class SpentOut(BaseModel):
    """What a member spent, or set apart, from a pool."""

    id: UUID = Field(description="Of a hold this is its id: commit, extend or void it as any other.")
    pool: UUID
    member: UUID
    wallet: str
    points: int
    returned: int
    is_hold: bool
    reference: str | None
    recorded_at: Instant
    recorded_by: str
    paid_for: str | None = Field(description="`redemption:<id>` or `reward:<id>`; null: spent for its own sake.")

    @classmethod
    def of(cls, spent: Spent) -> "SpentOut":
        """As it goes out."""
        fields = spent._asdict()
        operation = fields.pop("operation") or ""
        paid_for = None if operation.startswith("pool:") else operation or None
        return cls(pool=fields.pop("pool_id"), member=fields.pop("person_id"), paid_for=paid_for, **fields)
