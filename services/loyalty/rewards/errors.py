"""What rewards refuse.

NotFound   RewardUnknown, PurchaseUnknown
Conflict   RewardMoved, NotEligible, StockTaken, PurchaseSettled
Invalid    BadReward, BadRewardCustomer
"""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.errors import Conflict, Invalid, NotFound


class RewardUnknown(NotFound):
    """There is no such reward."""

    code, title = "loyalty.reward_unknown", "Reward unknown"

    def __init__(self) -> None:
        super().__init__("There is no reward with this id.")


class PurchaseUnknown(NotFound):
    """There is no such purchase."""

    code, title = "loyalty.reward_purchase_unknown", "Purchase unknown"

    def __init__(self) -> None:
        super().__init__("There is no purchase with this id.")


class RewardMoved(Conflict):
    """Somebody else changed the reward."""

    code, title = "loyalty.reward_moved", "Reward has changed"

    def __init__(self, version: int) -> None:
        super().__init__("The reward has changed since you read it; read it again.", version=version)


class NotEligible(Conflict):
    """The customer may not have it; `reasons` say everything that is in the way."""

    code, title = "loyalty.reward_not_eligible", "Not eligible"

    def __init__(self, reasons: Sequence[Mapping[str, Any]]) -> None:
        named = ", ".join(str(each["reason"]) for each in reasons)
        super().__init__(
            f"The customer cannot have this reward now: {named}.", reasons=[dict(each) for each in reasons]
        )


class StockTaken(Conflict):
    """The stock would be less than what was bought."""

    code, title = "loyalty.reward_stock_taken", "Stock is taken"

    def __init__(self, taken: int) -> None:
        super().__init__("More than that was bought already.", taken=taken)


class PurchaseSettled(Conflict):
    """The purchase has ended another way."""

    code, title = "loyalty.reward_purchase_settled", "Purchase settled"

    def __init__(self, state: str) -> None:
        super().__init__(f"The purchase is {state}.", state=state)


class BadReward(Invalid):
    """The reward makes no sense."""

    code, title = "loyalty.bad_reward", "Bad reward"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)


class BadRewardCustomer(Invalid):
    """The customer reference is none."""

    code, title = "loyalty.reward_bad_customer", "Bad customer reference"

    def __init__(self) -> None:
        super().__init__("Name the customer as a customer id, user_id:<value> or anonymous_id:<value>.")
