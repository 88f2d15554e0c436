"""What the profiles service announces. No trait value ever leaves it: only who is who, and what changed.

The one exception is `RightsAsked`: it travels on a short-lived topic of its own, and may name the person it is about.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.events.envelope import EventData
from shared.events.topics import CONSENT, IDENTITY, PROFILES, RIGHTS, SEGMENTS


class CustomerMerged(EventData, type="tam.profiles.customer_merged.v1", topic=IDENTITY):
    """The person `from_id` is `into_id`. Subject is `from_id`.

    Each `from_id` has one parent at a time; the highest `version` of a `from_id` holds, whatever order they come in.
    `into_id` may itself be merged into another: follow the parents to the root.
    """

    from_id: UUID
    into_id: UUID
    version: int
    reason: Literal["identify", "alias", "identifier", "manual"]


class CustomerUnmerged(EventData, type="tam.profiles.customer_unmerged.v1", topic=IDENTITY):
    """The inverse: `from_id` stands alone again, as of `version`."""

    from_id: UUID
    into_id: UUID
    version: int
    reason: Literal["earlier_link", "manual"]


class CustomerCreated(EventData, type="tam.profiles.customer_created.v1", topic=PROFILES):
    """A person key was seen for the first time, as a visitor or (`identified`) as a known customer; by `source`."""

    identified: bool
    source: str


class TraitsChanged(EventData, type="tam.profiles.traits_changed.v1", topic=PROFILES):
    """Traits of the person key `subject` took a new value, or were removed.

    A name that looks like data itself (an address, a number) is left out, so `names` may be empty.
    """

    names: tuple[str, ...]
    source: str


class ConsentChanged(EventData, type="tam.profiles.consent_changed.v1", topic=CONSENT):
    """What the person `subject` allows has changed: by a word of theirs, or because they were merged or taken apart.

    Of each subject, purpose and channel the highest `version` holds; where nothing ever came, nothing is allowed. A
    subject that was merged into another stands for nobody while it is: what counts is the word on the root. At most
    `frequency_max` contacts a `frequency_per` were agreed; none: no frequency was. A consent ends at `expires_at`
    without an event. Who is about to send asks for a check instead: nothing that travels is as fresh.
    """

    purpose: str
    channel: str
    state: Literal["granted", "withdrawn", "none"]
    version: int
    text_version: str | None = None
    frequency_max: int | None = None
    frequency_per: Literal["day", "week", "month"] | None = None
    expires_at: datetime | None = None


class SegmentEntered(EventData, type="tam.profiles.segment_entered.v1", topic=SEGMENTS):
    """The person `subject` is in the segment now.

    Of one subject and segment, entering and leaving take turns, in the order of the log. After a merge the person of
    the root goes on, and the key that is no person any more leaves all its segments. `cause`: a fact that came (also
    a merge, or a change of a list), the passing of time alone, or another rule (also a new or deleted segment).
    """

    segment_id: UUID
    segment_version: int
    cause: Literal["fact", "time", "rule"]


class SegmentLeft(EventData, type="tam.profiles.segment_left.v1", topic=SEGMENTS):
    """The inverse: the person `subject` is no longer in the segment."""

    segment_id: UUID
    segment_version: int
    cause: Literal["fact", "time", "rule"]


class PersonaChanged(EventData, type="tam.profiles.persona_changed.v1", topic=SEGMENTS):
    """A persona describes the people of another segment, or came into use, or went out of it.

    Subject is a key derived from `key`; of a `key` the highest `version` holds. While it is `active`, whoever is in
    `segment_id` belongs to it; a draft or retired one has nobody. What is written of it stays in profiles.
    """

    key: str
    version: int
    segment_id: UUID
    status: Literal["draft", "active", "retired"]


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


PUBLISHES: tuple[type[EventData], ...] = (
    CustomerMerged,
    CustomerUnmerged,
    CustomerCreated,
    TraitsChanged,
    ConsentChanged,
    SegmentEntered,
    SegmentLeft,
    PersonaChanged,
    RightsAsked,
)
