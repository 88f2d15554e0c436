"""How an amount lies on the lines of an order: to the minor unit, and the same every time."""

from collections.abc import Sequence
from typing import NamedTuple

from services.loyalty.vouchers.domain.grants import split

# The part of a discount that is on no line of the order: shipping.
ORDER_LEVEL = None


class Share(NamedTuple):
    """`minor` of a discount is on `line` (None: on shipping); `back` of it was rolled back."""

    line: str | None
    minor: int
    back: int = 0

    @property
    def left(self) -> int:
        """What still stands of it."""
        return self.minor - self.back


def shrunk(shares: Sequence[Share], minor: int) -> tuple[Share, ...]:
    """The same shares for a smaller amount: each in its proportion."""
    parts = split(minor, [share.minor for share in shares])
    return tuple(Share(share.line, part) for share, part in zip(shares, parts, strict=True) if part)
