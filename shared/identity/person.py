"""A person as services see them."""

from typing import NamedTuple
from uuid import UUID


class Member(NamedTuple):
    """A person: the root of their keys, and all of them in ascending order, the root among them."""

    root: UUID
    keys: tuple[UUID, ...]
