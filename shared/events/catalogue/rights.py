"""What every service answers when profiles asks something about a person. Short-lived: it may hold personal data."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from shared.events.envelope import EventData
from shared.events.topics import RIGHTS


class RightsAnswered(EventData, type="tam.rights.answered.v1", topic=RIGHTS):
    """What `service` did about a slice of a case.

    `done`: its rows follow the request. `cleaned`: so do the raw topics it keeps and, where they are ours to rewrite,
    the files. `removed` counts by place; `kept` says what stays, and why. An access is answered by `document`, JSON
    cut in `parts`.
    """

    case_id: UUID
    service: str
    step: Literal["done", "cleaned"]
    slice: int = 1
    removed: dict[str, int] = Field(default_factory=dict)
    kept: dict[str, str] = Field(default_factory=dict)
    document: str | None = None
    part: int = 1
    parts: int = 1
