"""What the promotions room refuses.

Conflict  StackingMoved
Invalid   BadStacking
"""

from collections.abc import Sequence

from services.loyalty.vouchers.errors import Problem
from shared.errors import Conflict, Invalid


class BadStacking(Invalid):
    """The rules contradict each other."""

    code, title = "loyalty.bad_stacking", "Bad stacking rules"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(
            f"The stacking rules contradict each other: {problems[0].message}",
            problems=[each._asdict() for each in problems],
        )


class StackingMoved(Conflict):
    """Somebody else changed the rules."""

    code, title = "loyalty.stacking_moved", "Stacking rules have changed"

    def __init__(self, version: int) -> None:
        super().__init__("The stacking rules have changed since you read them; read them again.", version=version)
