"""What a check is: rooms keep theirs as `CHECKS` beside their SQL."""

from typing import NamedTuple


class Check(NamedTuple):
    """A statement that must find nothing: one row, with a column `what`, for each violation.

    It may stand on the tables of its room and of the rooms below; `name` is a label in Prometheus, for ever.
    """

    name: str
    about: str
    sql: str
