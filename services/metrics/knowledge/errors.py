"""Why it is not answered what was known at a moment.

Invalid
├── NotYetKnown       the moment has not come
└── KnownAsAWhole     only of everybody, not of parts
Conflict
└── NotOnTheLog       the log does not go back to its beginning, or may not be read here
TooManyRequests
└── TooManyMoments    so many are to be read already
Unavailable
└── BeingRead         soon
"""

from datetime import datetime

from shared.errors import Conflict, Invalid, TooManyRequests, Unavailable

# How long reading may take of a small log; of a large one who asks again is told so again.
SOON_SECONDS = 5


class NotYetKnown(Invalid):
    """The moment has not come."""

    code, title = "metrics.not_yet_known", "Moment in the future"

    def __init__(self, at: datetime, now: datetime) -> None:
        super().__init__(f"{at.isoformat()} has not come yet.", known_at=at.isoformat(), now=now.isoformat())


class KnownAsAWhole(Invalid):
    """Of a moment that is past, figures are read of everybody alone."""

    code, title = "metrics.known_as_a_whole", "Not with known_at"

    def __init__(self) -> None:
        super().__init__(
            "With known_at this figure is answered of everybody, over the 90 days up to `to`: without `from`, filters, "
            "breakdowns and comparisons. For anything else rebuild the service beside: tam figures --known-at."
        )


class NotOnTheLog(Conflict):
    """What was known then cannot be read here any more."""

    code, title = "metrics.not_on_the_log", "Not on the log"


class TooManyMoments(TooManyRequests):
    """So many moments are to be read already."""

    code, title = "metrics.too_many_moments", "Too many moments"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} moments are being read from the log; ask again when one is done.", retry_after_seconds=60
        )


class BeingRead(Unavailable):
    """The log is being read up to that moment; nothing is wrong, and the same question is soon answered."""

    code, title = "metrics.being_read", "Being read from the log"

    def __init__(self, at: datetime) -> None:
        super().__init__(
            f"What was known at {at.isoformat()} is being read from the log; ask again.",
            retry_after_seconds=SOON_SECONDS,
            known_at=at.isoformat(),
        )
