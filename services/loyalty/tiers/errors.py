"""What tiers refuse.

NotFound    TrackUnknown, LevelUnknown
BadRequest  BadTierMember
Conflict    TrackMoved, TooManyTracks, LowersPeople
Invalid     BadTrack
"""

from shared.errors import BadRequest, Conflict, Invalid, NotFound


class TrackUnknown(NotFound):
    """There is no such track."""

    code, title = "loyalty.track_unknown", "Track unknown"

    def __init__(self) -> None:
        super().__init__("There is no tier track of this name.")


class LevelUnknown(NotFound):
    """The track has no such level."""

    code, title = "loyalty.level_unknown", "Level unknown"

    def __init__(self, levels: tuple[str, ...]) -> None:
        super().__init__(f"The track has no such level; it has {', '.join(levels)}.", levels=list(levels))


class BadTierMember(BadRequest):
    """The reference names nobody."""

    code, title = "loyalty.bad_tier_member", "Bad customer"

    def __init__(self) -> None:
        super().__init__("A customer is a customer id (a UUID), `user_id:<value>` or `anonymous_id:<value>`.")


class TrackMoved(Conflict):
    """Somebody else changed the track."""

    code, title = "loyalty.track_moved", "Track has changed"

    def __init__(self, version: int) -> None:
        super().__init__(
            "The track is of another version than you say (0: there is none yet); read it again.", version=version
        )


class TooManyTracks(Conflict):
    """Everybody is walked through every track."""

    code, title = "loyalty.too_many_tracks", "Too many tracks"

    def __init__(self, limit: int) -> None:
        super().__init__(f"There are at most {limit} tier tracks.", limit=limit)


class LowersPeople(Conflict):
    """More people would lose their level at once than was accepted."""

    code, title = "loyalty.lowers_people", "People would be lowered"

    def __init__(self, downgrades: int, accepted: int) -> None:
        super().__init__(
            f"The change would lower {downgrades} people at once, and {accepted} were accepted: preview it, and say "
            "the number in accept_downgrades, or let people keep what they have with on_change `keep`.",
            downgrades=downgrades,
            accepted=accepted,
        )


class BadTrack(Invalid):
    """The track names what is not there."""

    code, title = "loyalty.bad_track", "Bad track"

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"The track cannot work: {pointer}: {message}", pointer=pointer)
