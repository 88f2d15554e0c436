"""What a comparison of a table with its rebuilt twin found."""

from typing import NamedTuple


class TableVerdict(NamedTuple):
    """A table of both: digests, rows, and the first row, in the order of its text, that only one of them has.

    `differing`: how many rows, at least, only one of them has.
    """

    table: str
    live: str
    rebuilt: str
    live_rows: int
    rebuilt_rows: int
    only_live: str | None = None
    only_rebuilt: str | None = None
    differing: int = 0

    @property
    def is_same(self) -> bool:
        """Whether they are the same, row by row."""
        return self.live == self.rebuilt
