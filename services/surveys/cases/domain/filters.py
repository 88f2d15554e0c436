"""What somebody looks for in the inbox."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Sort = Literal["due", "opened"]


@dataclass(frozen=True, slots=True)
class Filters:
    """What cases must be; all that is said must hold. Merged ones are not listed."""

    owner: str | None = None
    team: str | None = None
    statuses: Collection[str] | None = None
    priorities: Collection[str] | None = None
    survey: UUID | None = None
    touchpoint: str | None = None
    persons: Collection[UUID] | None = None
    due_before: datetime | None = None
    wants_callback: bool | None = None
    root_cause: str | None = None
    watcher: str | None = None
    words: str | None = None
    is_overdue: bool | None = None
    is_owned: bool | None = None
    sort: Sort = "due"
