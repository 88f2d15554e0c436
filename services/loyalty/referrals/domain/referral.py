"""A referral, and what it has earned as things stand."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from services.loyalty.audience.domain import KnownOrder
from services.loyalty.referrals.domain.program import Milestone, Terms

State = Literal["active", "review", "blocked", "rejected"]
Hindrance = Literal["self", "already_referred", "cycle"]
# `review`: waits for staff. `held`: waits for its time. `lost`: what it was for fell before it was paid.
MilestoneState = Literal["review", "held", "paid", "taken_back", "lost"]


class Referral(NamedTuple):
    """A friend that an advocate brought. `reasons`: what spoke against it when the friend came.

    `delay_days`: how much longer its rewards are held back for that.
    """

    id: UUID
    program_id: UUID
    terms: Terms
    advocate_id: UUID
    friend_id: UUID
    code: str
    state: State
    reasons: tuple[str, ...]
    hindrance: Hindrance | None
    registered_at: datetime
    decided_at: datetime | None = None
    decided_by: str | None = None
    decision: str | None = None
    delay_days: int = 0

    @property
    def place(self) -> tuple[datetime, UUID]:
        """Of two referrals the one with the smaller place came first."""
        return self.registered_at, self.id


class Reached(NamedTuple):
    """What became of a milestone. `completed_at`: when it was paid first, if ever."""

    milestone: str
    state: MilestoneState
    qualified_at: datetime | None
    order_id: str | None
    due_at: datetime | None
    completed_at: datetime | None = None
    problem: str | None = None


class Qualified(NamedTuple):
    """When a friend did what a milestone asks for, and by which order."""

    at: datetime
    order_id: str | None


class Done(NamedTuple):
    """What a friend did that milestones may ask for: their orders, and their touchpoints as names and times."""

    orders: Sequence[KnownOrder] = ()
    touchpoints: Sequence[tuple[str, datetime]] = ()


def qualified(milestone: Milestone, referral: Referral, done: Done) -> Qualified | None:
    """Whether the friend did it: in the time of the programme, with orders that stand."""
    if milestone.event == "signup":
        return Qualified(referral.registered_at, None)
    counted = sorted(_touchpoints(milestone, done) if milestone.event == "touchpoint" else _orders(milestone, done))
    end = referral.registered_at + timedelta(days=referral.terms.window_days)
    in_time = [each for each in counted if referral.registered_at <= each.at < end]
    return in_time[milestone.nth - 1] if len(in_time) >= milestone.nth else None


def _orders(milestone: Milestone, done: Done) -> Iterable[Qualified]:
    return (Qualified(each.placed_at, each.order_id) for each in done.orders if _counts(each, milestone))


def _touchpoints(milestone: Milestone, done: Done) -> Iterable[Qualified]:
    return (Qualified(at, None) for name, at in done.touchpoints if name == milestone.touchpoint)


def _counts(order: KnownOrder, milestone: Milestone) -> bool:
    return (
        not order.is_cancelled
        and order.net_minor > 0
        and order.net_minor >= milestone.min_minor
        and milestone.currency in (None, order.currency)
    )


def outcome(referral: Referral, done: Done, known: Sequence[Reached], *, now: datetime) -> list[Reached]:
    """What each milestone is as things stand; those that are not reached, and never were, are left out.

    `referral.hindrance` is that of now. What is `paid` is to be settled in full, all else at nothing.
    """
    before = {each.milestone: each for each in known}
    found = []
    for milestone in referral.terms.milestones:
        old = before.get(milestone.name)
        reached = _reached(milestone, referral, done, old, now)
        if reached is not None:
            found.append(reached)
    return found


def _reached(
    milestone: Milestone, referral: Referral, done: Done, old: Reached | None, now: datetime
) -> Reached | None:
    reached = qualified(milestone, referral, done)
    completed_at = old.completed_at if old else None
    is_off = referral.state in ("blocked", "rejected") or referral.hindrance is not None
    if reached is None or is_off:
        if old is None:
            return None
        return old._replace(state="taken_back" if completed_at else "lost", problem=None)
    due_at = reached.at + timedelta(days=referral.terms.hold_days + referral.delay_days)
    if referral.state == "review":
        state: MilestoneState = "review"
    elif now < due_at:
        state = "held"
    else:
        state, completed_at = "paid", completed_at or now
    return Reached(milestone.name, state, reached.at, reached.order_id, due_at, completed_at)
