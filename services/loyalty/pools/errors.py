"""What pools refuse.

NotFound    PoolUnknown, PoolNone, InvitationUnknown, PoolSpendUnknown
Conflict    InPoolAlready, PoolFull, InvitationOver, PoolLimit, NotInPool, RoleNeeded, WalletNotPooled,
            PoolSpendElsewhere
Invalid     BadPoolMember
"""

from shared.errors import Conflict, Invalid, NotFound


class PoolUnknown(NotFound):
    """There is no such pool."""

    code, title = "loyalty.pool_unknown", "Pool unknown"

    def __init__(self) -> None:
        super().__init__("There is no pool with this id, or it was closed.")


class PoolNone(NotFound):
    """The member is in none."""

    code, title = "loyalty.pool_none", "In no pool"

    def __init__(self) -> None:
        super().__init__("This member is in no pool.")


class InvitationUnknown(NotFound):
    """There is no such invitation."""

    code, title = "loyalty.pool_invitation_unknown", "Invitation unknown"

    def __init__(self) -> None:
        super().__init__("There is no invitation with this id.")


class PoolSpendUnknown(NotFound):
    """There is no such spend."""

    code, title = "loyalty.pool_spend_unknown", "Spend unknown"

    def __init__(self) -> None:
        super().__init__("Nothing was spent from this pool under this id.")


class PoolSpendElsewhere(Conflict):
    """What paid for something comes back with that."""

    code, title = "loyalty.pool_spend_elsewhere", "Spent at the checkout or for a reward"

    def __init__(self, operation: str | None) -> None:
        super().__init__(
            "These points paid for an order or a reward: roll back the redemption, or cancel the purchase.",
            paid_for=operation,
        )


class InPoolAlready(Conflict):
    """Everybody is in one pool at most."""

    code, title = "loyalty.pool_elsewhere", "In a pool already"

    def __init__(self) -> None:
        super().__init__("This member is in a pool already, and must leave it first.")


class PoolFull(Conflict):
    """There is no room."""

    code, title = "loyalty.pool_full", "Pool full"

    def __init__(self, limit: int) -> None:
        super().__init__("The pool has as many members as it may have.", limit=limit)


class InvitationOver(Conflict):
    """The invitation does not stand."""

    code, title = "loyalty.pool_invitation_over", "Invitation over"

    def __init__(self, state: str) -> None:
        super().__init__(f"The invitation does not stand any more: {state}.", state=state)


class NotInPool(Conflict):
    """Who asks is not in the pool."""

    code, title = "loyalty.pool_not_member", "Not in the pool"

    def __init__(self) -> None:
        super().__init__("This member is not in the pool.")


class RoleNeeded(Conflict):
    """Who asks may not do it."""

    code, title = "loyalty.pool_role", "Not allowed in the pool"

    def __init__(self, role: str, needed: str) -> None:
        super().__init__(f"A {role} of the pool may not do this.", role=role, needed=needed)


class WalletNotPooled(Conflict):
    """The points of this wallet are not shared."""

    code, title = "loyalty.pool_wallet", "Wallet not pooled"

    def __init__(self, wallet: str, pooled: tuple[str, ...]) -> None:
        super().__init__(f"The pool does not share {wallet!r}.", wallet=wallet, pooled=list(pooled))


class PoolLimit(Conflict):
    """The member has spent what they may in a period."""

    code, title = "loyalty.pool_limit", "Spending limit"

    def __init__(self, limit: int, per: str, left: int) -> None:
        super().__init__(
            f"The member may not spend as much of the pool in this {per}.", limit=limit, per=per, left=left
        )


class BadPoolMember(Invalid):
    """The reference names nobody."""

    code, title = "loyalty.pool_bad_member", "Bad member reference"

    def __init__(self) -> None:
        super().__init__("Name members as a customer id, user_id:<value> or anonymous_id:<value>.")
