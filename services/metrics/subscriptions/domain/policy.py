"""When a subscription that ends is counted as gone: what a firm decides, and may decide anew."""

from typing import Literal, NamedTuple

Recognition = Literal["at_request", "at_period_end", "after_grace"]


class Policy(NamedTuple):
    """A firm's rule, by which all its history is counted.

    A cancellation counts when it is asked for, when the paid service ends, or `grace_days` after that; whoever comes
    back before has not left. A refused payment that nothing mends ends the subscription after `dunning_days` (None:
    never by itself), as involuntary. Pauses, and plans that cost nothing any more, are departures or shrinkage.
    """

    version: int = 1
    recognition: Recognition = "at_period_end"
    grace_days: int = 0
    dunning_days: int | None = 30
    pause_is_churn: bool = True
    free_is_churn: bool = True
