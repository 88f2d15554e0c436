"""`If-Match`: which versions a change may be made to."""

import re
from typing import Annotated

from fastapi import Header

IfMatch = Annotated[
    str | None,
    Header(description="ETags, or versions; another version by now is refused with 412."),
]
_VERSION = re.compile(r'(?:W/)?"?(\d{1,9})(?:\.[0-9a-f]{1,64})?"?', re.ASCII)


def versions_in(header: str | None) -> frozenset[int] | None:
    """The versions that an `If-Match` names; None where any will do. A tag that is none of ours is of no version."""
    if header is None or header.strip() == "*":
        return None
    found = (_VERSION.fullmatch(each.strip()) for each in header.split(","))
    return frozenset(int(each[1]) for each in found if each is not None)
