"""What is refused of consent. `position` is that of the entry in the request; nothing that was sent comes back.

NotFound  TextUnknown
Conflict  TextPublished
Invalid   UnknownPurpose, UnknownChannel, ConsentNotNeeded, TextVersionMissing, TextUnpublished, FrequencyMissing,
          BadExpiry, ProofTooLarge, BadReferences
"""

from collections.abc import Iterable, Sequence

from shared.errors import Conflict, Invalid, NotFound


class UnknownPurpose(Invalid):
    """A purpose that the firm has not declared."""

    code, title = "profiles.unknown_purpose", "Unknown purpose"

    def __init__(self, known: Iterable[str], *, position: int = 0) -> None:
        super().__init__(
            "This purpose is not declared; take one of those that are, or declare it in TAM_PROFILES_CONSENT_PURPOSES.",
            known=sorted(known),
            position=position,
        )


class UnknownChannel(Invalid):
    """A channel that the firm has not declared."""

    code, title = "profiles.unknown_channel", "Unknown channel"

    def __init__(self, known: Iterable[str], *, position: int = 0) -> None:
        super().__init__(
            "This channel is not declared; take one of those that are, or declare it in TAM_PROFILES_CONSENT_CHANNELS.",
            known=sorted(known),
            position=position,
        )


class ConsentNotNeeded(Invalid):
    """Consent to what needs none would promise a choice that is not there."""

    code, title = "profiles.consent_not_needed", "Consent not needed"

    def __init__(self, basis: str, *, position: int) -> None:
        super().__init__(
            "This purpose rests on another basis than consent, so it can be neither given nor withdrawn.",
            basis=basis,
            position=position,
        )


class TextVersionMissing(Invalid):
    """Consent to an unknown text proves nothing."""

    code, title = "profiles.text_version_missing", "Text version missing"

    def __init__(self, *, position: int) -> None:
        super().__init__("A grant names the version of the text that the customer was shown.", position=position)


class TextUnpublished(Invalid):
    """The firm asks for texts that can be shown again."""

    code, title = "profiles.text_unpublished", "Text not published"

    def __init__(self, *, position: int) -> None:
        super().__init__(
            "No text of this version is published; publish what the customer was shown.", position=position
        )


class TextUnknown(NotFound):
    """There is no such text."""

    code, title = "profiles.text_unknown", "Text unknown"

    def __init__(self) -> None:
        super().__init__("No text of this version is published.")


class TextPublished(Conflict):
    """Customers may have been shown it."""

    code, title = "profiles.text_published", "Text already published"

    def __init__(self) -> None:
        super().__init__("Another text was published under this version; publish the new one under a new version.")


class FrequencyMissing(Invalid):
    """The firm asks for the frequency with every grant of this purpose."""

    code, title = "profiles.frequency_missing", "Frequency missing"

    def __init__(self, *, position: int) -> None:
        super().__init__(
            "A grant of this purpose says how often the customer agreed to be contacted.", position=position
        )


class BadExpiry(Invalid):
    """A consent that ends before it begins."""

    code, title = "profiles.bad_expiry", "Bad expiry"

    def __init__(self, *, position: int) -> None:
        super().__init__("A consent expires after the time it was given.", position=position)


class ProofTooLarge(Invalid):
    """Proof is a reference, no archive."""

    code, title = "profiles.proof_too_large", "Proof too large"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The proof has at most {limit} bytes as JSON; keep the document and name it here.", limit=limit
        )


class BadReferences(Invalid):
    """Customers that a check cannot take: it looks nobody up."""

    code, title = "profiles.bad_references", "Bad references"

    def __init__(self, positions: Sequence[int]) -> None:
        super().__init__(
            "A check takes customer ids, user_id:<value> and anonymous_id:<value>; others are looked up beforehand.",
            positions=list(positions),
        )
