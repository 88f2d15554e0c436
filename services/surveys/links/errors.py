"""Refusals of links."""

from shared.errors import NotFound, Unavailable


class BadLink(NotFound):
    """Forged, cut, of a key that is gone, expired, unknown: all of it reads the same, so that nothing can be tried."""

    code, title = "surveys.bad_link", "Link does not work"

    def __init__(self) -> None:
        super().__init__("This link does not work, or does not work any more.")


class LinkKeyMissing(Unavailable):
    """Nobody gave this process a secret to sign links with."""

    code, title = "surveys.link_key_missing", "Link key missing"

    def __init__(self) -> None:
        super().__init__(
            "Links are signed with a secret that all processes share: set TAM_SURVEYS_LINK_KEYS.",
            retry_after_seconds=60,
        )
