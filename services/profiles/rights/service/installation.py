"""What data rights need to know of the installation."""

from dataclasses import dataclass

from shared.bus.base import Bus
from shared.rights.marks import Seal


@dataclass(frozen=True, slots=True)
class Installation:
    """`holders` are the services that answer requests; `is_alone`: the database's files are ours to rewrite."""

    seal: Seal
    bus: Bus
    holders: tuple[str, ...]
    is_alone: bool
