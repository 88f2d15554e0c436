"""What alarms refuse.

NotFound
├── NoSuchWatch
└── NoSuchAlarm
Conflict
├── NotRaised            there is nothing to acknowledge
├── WatchNameTaken
└── TooManyWatches
Invalid
└── BadWatch             what is asked for cannot be watched
"""

from shared.errors import Conflict, Invalid, NotFound


class NoSuchWatch(NotFound):
    """There is no such watch."""

    code, title = "metrics.no_such_watch", "No such watch"

    def __init__(self) -> None:
        super().__init__("There is no watch with this id.")


class NoSuchAlarm(NotFound):
    """There is no such alarm."""

    code, title = "metrics.no_such_alarm", "No such alarm"

    def __init__(self) -> None:
        super().__init__("There is no alarm with this id.")


class NotRaised(Conflict):
    """The alarm does not stand."""

    code, title = "metrics.alarm_not_raised", "Alarm is not raised"

    def __init__(self, state: str) -> None:
        super().__init__(f"There is nothing to acknowledge: the alarm is {state}.", state=state)


class WatchNameTaken(Conflict):
    """Another watch has this name."""

    code, title = "metrics.watch_name_taken", "Name taken"

    def __init__(self, name: str) -> None:
        super().__init__("Another watch has this name.", name=name)


class TooManyWatches(Conflict):
    """Each watch brings false alarms: with many, nobody would look at any."""

    code, title = "metrics.too_many_watches", "Too many watches"

    def __init__(self, limit: int) -> None:
        super().__init__(f"There are {limit} watches already; remove one first.", limit=limit)


class BadWatch(Invalid):
    """A figure cannot be watched like this."""

    code, title = "metrics.bad_watch", "Bad watch"
