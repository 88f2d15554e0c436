"""What is refused of preferences and interests. Nothing that was sent comes back.

Invalid   UnknownPreference, BadPreference
"""

from collections.abc import Iterable

from shared.errors import Invalid


class UnknownPreference(Invalid):
    """A preference that the firm has not declared."""

    code, title = "profiles.unknown_preference", "Unknown preference"

    def __init__(self, known: Iterable[str]) -> None:
        super().__init__(
            "This preference is not declared; take one of those that are, or declare it in TAM_PROFILES_PREFERENCES.",
            known=sorted(known),
        )


class BadPreference(Invalid):
    """A value that is not of the type of its preference."""

    code, title = "profiles.bad_preference", "Bad preference"

    def __init__(self, type_: str, wanted: str) -> None:
        super().__init__(f"The value of this preference is {wanted}.", type=type_)
