"""What the ledger refuses."""

from shared.errors import Conflict, Invalid, NotFound


class NotEnoughPoints(Conflict):
    """More points are asked for than the person can spend."""

    code, title = "loyalty.not_enough_points", "Not enough points"

    def __init__(self, *, wallet: str, required: int, available: int) -> None:
        super().__init__(
            "There are not enough points.",
            wallet=wallet,
            required=required,
            available=available,
            missing=required - available,
        )


class SpendingLimit(Conflict):
    """More points are asked for than the programme lets a member spend in a time."""

    code, title = "loyalty.spending_limit", "Spending limit"

    def __init__(self, *, wallet: str, required: int, left: int, most: int, per: str) -> None:
        super().__init__(
            "That is more than members may spend in this time.",
            wallet=wallet,
            required=required,
            left=left,
            most=most,
            per=per,
        )


class WalletClosed(Conflict):
    """The wallet takes no points any more."""

    code, title = "loyalty.wallet_closed", "Wallet closed"

    def __init__(self, wallet: str) -> None:
        super().__init__("The wallet is closed: what is in it can be spent, nothing comes in.", wallet=wallet)


class TooManyPoints(Invalid):
    """More points than anybody may have."""

    code, title = "loyalty.too_many_points", "Too many points"

    def __init__(self, most: int) -> None:
        super().__init__("More points than a wallet can hold.", most=most)


class OperationReused(Conflict):
    """The key of an operation stands for another one already."""

    code, title = "loyalty.operation_reused", "Operation reused"

    def __init__(self, operation: str) -> None:
        super().__init__("This operation was done before, with other points.", operation=operation)


class EntryUnknown(NotFound):
    """The member's ledger has no such line."""

    code, title = "loyalty.entry_unknown", "Line unknown"

    def __init__(self) -> None:
        super().__init__("There is no line of this id in the ledger of the member.")


class HoldUnknown(NotFound):
    """There is no such hold."""

    code, title = "loyalty.hold_unknown", "Hold unknown"

    def __init__(self) -> None:
        super().__init__("There is no hold of this id.")


class HoldEnded(Conflict):
    """The hold was captured or released, or its time is over."""

    code, title = "loyalty.hold_ended", "Hold ended"

    def __init__(self, state: str) -> None:
        super().__init__("The hold stands no more; hold the points anew.", hold_state=state)


class MoreThanHeld(Conflict):
    """More is to be spent than was held."""

    code, title = "loyalty.more_than_held", "More than held"

    def __init__(self, *, held: int, required: int) -> None:
        super().__init__("More is to be spent than was held.", held=held, required=required)


class SpendUnknown(NotFound):
    """Nothing was spent under this key."""

    code, title = "loyalty.spend_unknown", "Spend unknown"

    def __init__(self) -> None:
        super().__init__("Nothing was spent under this key.")


class BadMember(Invalid):
    """The reference to a member cannot be read."""

    code, title = "loyalty.bad_member", "Bad reference"

    def __init__(self) -> None:
        super().__init__("A member is named by a customer id, user_id:<id> or anonymous_id:<id>.")


class AdjustmentUnknown(NotFound):
    """There is no such adjustment."""

    code, title = "loyalty.adjustment_unknown", "Adjustment unknown"

    def __init__(self) -> None:
        super().__init__("There is no adjustment of this id.")


class AdjustmentDecided(Conflict):
    """Somebody has decided on the adjustment already, or nobody had to."""

    code, title = "loyalty.adjustment_decided", "Adjustment decided"

    def __init__(self, state: str) -> None:
        super().__init__("The adjustment waits for nobody.", adjustment_state=state)


class SamePerson(Conflict):
    """Who asked for something cannot approve it, and nobody sends points to themselves."""

    code, title = "loyalty.same_person", "Same person"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)


class TransfersOff(Conflict):
    """Points of this wallet cannot be given to others."""

    code, title = "loyalty.transfers_off", "Transfers off"

    def __init__(self, wallet: str) -> None:
        super().__init__("Points of this wallet cannot be given to others.", wallet=wallet)


class TransferLimit(Conflict):
    """Fewer or more points than may be sent at once, or on one day."""

    code, title = "loyalty.transfer_limit", "Transfer limit"

    def __init__(self, *, least: int, most: int, left_today: int) -> None:
        super().__init__("That is not within what may be sent.", least=least, most=most, left_today=left_today)
