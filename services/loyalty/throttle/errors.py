"""What the throttle refuses."""

from shared.errors import TooManyRequests


class Throttled(TooManyRequests):
    """Too many codes failed."""

    code, title = "loyalty.throttled", "Too many failed codes"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(
            "Too many codes have failed; come back later.",
            retry_after_seconds=retry_after_seconds,
        )
