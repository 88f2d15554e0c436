"""What reports refuse."""

from shared.errors import Conflict


class MonthClosed(Conflict):
    """The period was closed: what it says is said."""

    code, title = "loyalty.month_closed", "Month closed"

    def __init__(self, closed: str) -> None:
        super().__init__("That month is closed, or one after it: corrections belong into the next.", closed=closed)


class MonthNotOver(Conflict):
    """A month that is not over cannot be closed."""

    code, title = "loyalty.month_not_over", "Month not over"

    def __init__(self) -> None:
        super().__init__("A month can be closed when it is over, by the days of every wallet.")
