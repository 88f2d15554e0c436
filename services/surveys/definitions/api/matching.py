"""`If-Match` on what staff edits."""

from typing import Annotated

from fastapi import Header

IfMatch = Annotated[
    str | None, Header(description="The ETag or the revision that you have; another by now is refused with 412.")
]


def held(if_match: str | None) -> frozenset[str] | None:
    """The revisions that a header names; None: any will do."""
    if if_match is None or if_match.strip() == "*":
        return None
    tags = (each.strip().removeprefix("W/").strip('"') for each in if_match.split(","))
    # The revision stands at the head of the tag; what is live beside it does not matter to who edits.
    return frozenset(each.partition(".")[0] for each in tags)
