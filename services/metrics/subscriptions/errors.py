"""What subscriptions refuse.

NotFound
└── NoSuchRate
Invalid
├── BadPolicy      the parts of a policy do not fit together
└── BadRate        a currency into itself, or a rate that is none
"""

from shared.errors import Invalid, NotFound


class NoSuchRate(NotFound):
    """No rate was entered for this day."""

    code, title = "metrics.no_such_rate", "No such rate"

    def __init__(self) -> None:
        super().__init__("No rate was entered for these currencies from this day on.")


class BadPolicy(Invalid):
    """The parts of a policy do not fit together."""

    code, title = "metrics.bad_subscription_policy", "Bad policy"

    def __init__(self) -> None:
        super().__init__("Days of grace are counted with `after_grace` alone; with it there has to be at least one.")


class BadRate(Invalid):
    """A rate of a currency into itself."""

    code, title = "metrics.bad_rate", "Bad rate"

    def __init__(self) -> None:
        super().__init__("A currency has no rate into itself.")
