"""When a subscription that ends is counted as gone: what a firm decides, and may decide anew."""

from typing import Literal, NamedTuple
from uuid import UUID

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


class Counting(NamedTuple):
    """The policy that figures are of; and one that not all history is counted by yet, but of persons up to a key.

    `reached` None: of nobody. `persons` are how many that is.
    """

    whole: Policy
    pending: Policy | None
    reached: UUID | None
    persons: int

    @property
    def percent(self) -> int:
        """About which part of all persons that is: keys are spread evenly, for they are hashes."""
        return 0 if self.reached is None else self.reached.int * 100 >> 128

    def has_reached(self, root: UUID) -> bool:
        """Whether a person is counted by the policy that is pending."""
        return self.reached is not None and root <= self.reached
