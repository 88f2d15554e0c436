"""What the personas room refuses. Nothing that was sent comes back.

NotFound            PersonaUnknown, PersonaVersionUnknown
Conflict            PersonaExists, TooManyPersonas, PersonaCycle, PersonaTooLarge
PreconditionFailed  PersonaMoved
Invalid             PersonalData, UnknownSegment
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from shared.errors import Conflict, Invalid, NotFound, PreconditionFailed

Kind = Literal["email", "phone", "id_number", "customer_id"]


class Finding(NamedTuple):
    """Something personal in a text: where (JSON Pointer), and what it looks like."""

    pointer: str
    kind: Kind


class PersonaUnknown(NotFound):
    """There is no such persona."""

    code, title = "profiles.persona_unknown", "Persona unknown"

    def __init__(self) -> None:
        super().__init__("There is no persona with this key.")


class PersonaVersionUnknown(NotFound):
    """The persona never was that version."""

    code, title = "profiles.persona_version_unknown", "Version unknown"

    def __init__(self, version: int) -> None:
        super().__init__("The persona has no such version.", current_version=version)


class PersonaExists(Conflict):
    """The key is taken."""

    code, title = "profiles.persona_exists", "Persona exists"

    def __init__(self) -> None:
        super().__init__("A persona has this key already; change it with PUT, or take another key.")


class TooManyPersonas(Conflict):
    """What nobody remembers is no persona."""

    code, title = "profiles.too_many_personas", "Too many personas"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"There are at most {limit} personas, retired ones included; bring one that is retired back with PUT.",
            limit=limit,
        )


class PersonaCycle(Conflict):
    """Who belongs to the persona would depend on who belongs to it."""

    code, title = "profiles.persona_cycle", "Persona of itself"

    def __init__(self) -> None:
        super().__init__("The rule of the segment asks for this persona itself; take another segment, or change it.")


class PersonaTooLarge(Conflict):
    """The rules that ask for the persona would have more conditions than can be asked."""

    code, title = "profiles.persona_too_large", "Too many conditions"

    def __init__(self) -> None:
        super().__init__(
            "The rules of segments that ask for this persona would have too many conditions, or refer too deep; take a "
            "segment with a smaller rule."
        )


class PersonaMoved(PreconditionFailed):
    """Somebody else changed the persona."""

    code, title = "profiles.persona_moved", "Persona has changed"

    def __init__(self, version: int) -> None:
        super().__init__("The persona has changed since you read it; read it again.", version=version)


class PersonalData(Invalid):
    """A persona is of a group; `findings` say where somebody is named."""

    code, title = "profiles.persona_personal_data", "Personal data"

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(
            "A persona names nobody: take e-mail addresses, phone and id numbers and customer ids out of its texts.",
            findings=[each._asdict() for each in findings],
        )


class UnknownSegment(Invalid):
    """A persona is tied to a segment that is there."""

    code, title = "profiles.persona_segment_unknown", "Segment unknown"

    def __init__(self) -> None:
        super().__init__("There is no segment with this id; create the segment first.")
