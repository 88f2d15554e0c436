"""What data rights refuse.

NotFound   CaseUnknown, NoReceipt, NoBundle, NobodySuppressed
Conflict   Suppressed, CaseClosed, NotLiftable, AlreadyExtended, Restricted
Invalid    UnknownObjection, NothingToRectify
"""

from collections.abc import Collection

from shared.errors import Conflict, Invalid, NotFound


class CaseUnknown(NotFound):
    """There is no such case."""

    code, title = "profiles.case_unknown", "Case unknown"

    def __init__(self) -> None:
        super().__init__("There is no case with this id.")


class NoReceipt(NotFound):
    """The case is not done."""

    code, title = "profiles.no_receipt", "No receipt yet"

    def __init__(self, state: str) -> None:
        super().__init__("A case has a receipt when it is done.", state=state)


class NoBundle(NotFound):
    """The case is no access request, is not done, or its bundle was removed after its time."""

    code, title = "profiles.no_bundle", "No bundle"

    def __init__(self, state: str) -> None:
        super().__init__("There is no bundle: not every service has answered yet, or it was removed.", state=state)


class NobodySuppressed(NotFound):
    """Nobody who was erased went by any of these."""

    code, title = "profiles.nobody_suppressed", "Nobody suppressed"

    def __init__(self) -> None:
        super().__init__("Nobody who was erased went by any of these references.")


class Suppressed(Conflict):
    """Somebody who was erased goes by this."""

    code, title = "suppressed", "Suppressed"

    def __init__(self) -> None:
        super().__init__(
            "Somebody who asked to be erased goes by one of these identifiers. They come back by their own request "
            "alone: POST /v1/readmissions."
        )


class CaseClosed(Conflict):
    """The case is not open any more, or not yet at this point."""

    code, title = "profiles.case_closed", "Case closed"

    def __init__(self, state: str) -> None:
        super().__init__(f"The case is {state}; this cannot be done with it now.", state=state)


class NotLiftable(Conflict):
    """Only a restriction or an objection that holds can be lifted."""

    code, title = "profiles.not_liftable", "Nothing to lift"

    def __init__(self) -> None:
        super().__init__("Only a restriction or an objection that holds can be lifted.")


class AlreadyExtended(Conflict):
    """The law allows one extension, if any."""

    code, title = "profiles.already_extended", "No further extension"

    def __init__(self) -> None:
        super().__init__("The law allows no (further) extension of this deadline.")


class Restricted(Conflict):
    """The person's data are kept, and not used."""

    code, title = "profiles.restricted", "Restricted"

    def __init__(self) -> None:
        super().__init__("The customer had the use of their data restricted; they are kept and used for nothing.")


class UnknownObjection(Invalid):
    """There is no such purpose."""

    code, title = "profiles.unknown_objection", "Unknown purpose"

    def __init__(self, known: Collection[str]) -> None:
        super().__init__("An objection names at least one purpose, and each as it is declared.", known=sorted(known))


class NothingToRectify(Invalid):
    """A rectification says what is right."""

    code, title = "profiles.nothing_to_rectify", "Nothing to rectify"

    def __init__(self) -> None:
        super().__init__("A rectification needs traits with their right values; no other request has any.")
