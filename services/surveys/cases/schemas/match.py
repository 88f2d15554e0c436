"""`If-Match`: which versions a change may be made to."""

import re
from typing import Annotated

from fastapi import Header

from shared.errors import PreconditionFailed

IfMatch = Annotated[
    str | None,
    Header(max_length=1_000, description="ETags, or versions; another version by now is refused with 412."),
]
_VERSION = re.compile(r'(?:W/)?"?(\d{1,9})(?:\.[0-9a-f]{1,64})?"?', re.ASCII)


class BadMatch(PreconditionFailed):
    """No version of ours has such a tag."""

    code, title = "surveys.case_bad_match", "Unknown ETag"

    def __init__(self) -> None:
        super().__init__("If-Match is an ETag of ours or a version.")


def versions_in(header: str | None) -> frozenset[int] | None:
    """The versions that an `If-Match` names; None where any will do.

    Raises:
        BadMatch: it holds something else.
    """
    if header is None or header.strip() == "*":
        return None
    found = [_VERSION.fullmatch(each.strip()) for each in header.split(",")]
    if not all(found):
        raise BadMatch
    return frozenset(int(each[1]) for each in found if each)
