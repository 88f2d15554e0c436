"""What is refused of a split.

Conflict  NotAMember, NothingLeft
Invalid   SplitTooLarge
"""

from uuid import UUID

from shared.errors import Conflict, Invalid


class NotAMember(Conflict):
    """Something to take out is no part of the person."""

    code, title = "profiles.not_a_member", "Not a member"

    def __init__(self, position: int) -> None:
        super().__init__("What is to be taken out is no part of this customer; see its `members`.", position=position)


class NothingLeft(Conflict):
    """A person would be taken out of itself, or nobody would be."""

    code, title = "profiles.nothing_left", "Nothing left"

    def __init__(self, customer: UUID) -> None:
        super().__init__(
            "One of the two would be nobody: on each side there has to be one of `members` who was seen.",
            customer=customer,
        )


class SplitTooLarge(Invalid):
    """More keys than somebody can have meant would have to be decided on."""

    code, title = "profiles.split_too_large", "Split too large"

    def __init__(self, keys: int, limit: int) -> None:
        super().__init__(
            f"{keys} keys would have to be decided on, at most {limit} can; unmerge them one by one.",
            keys=keys,
            limit=limit,
        )
