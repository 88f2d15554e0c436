"""What is asked of every service about a person, and what they answer. Short-lived, for both may hold personal data."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from shared.events.envelope import EventData
from shared.events.topics import RIGHTS


class RightsAsked(EventData, type="tam.profiles.rights_asked.v1", topic=RIGHTS):
    """A person, or the firm, asks something of everything that is kept of the person `subject`.

    `keys`: all raw person keys, the root among them. `texts`: what names the person and nobody else, to be looked for
    in what was refused or is raw. `marks`: keyed hashes (hex) of keys and identifiers that shall not come back after
    an erasure, or may again after a readmission. `late` asks who owns the raw topics to overwrite events of somebody
    erased that came after: `texts` are their ids, and nobody answers. A long request comes in
    `slices`, each answered by itself.
    """

    case_id: UUID
    kind: Literal["access", "erasure", "restriction", "release", "readmission", "late"]
    keys: tuple[UUID, ...]
    texts: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    slice: int = 1
    slices: int = 1


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
