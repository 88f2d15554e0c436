"""What becomes of a mail, by what the server said and when it said it.

Before DATA nothing was sent: it can be tried again. From DATA on, only an answer tells: without one nobody knows
whether the customer has the mail, and whoever sends it again may send it twice.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

State = Literal["waiting", "accepted", "unknown", "rejected", "suppressed", "expired"]
Reason = Literal[
    "answered",
    "survey_closed",
    "no_consent",
    "no_address",
    "address_refused_before",
    "address_refused",
    "message_refused",
    "refused_for_now",
    "server_away",
    "profiles_away",
    "gave_up",
    "no_answer",
    "crashed",
    "too_late",
]
# About a day in all, a little longer each time.
MOST_ATTEMPTS = 9
_FIRST_WAIT = timedelta(minutes=1)
# The mailbox does not exist, moved, or may not be written to: tried again it is the same.
_GONE = (550, 551, 553, 556)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The next state of a mail; `is_gone`: its address is not tried again."""

    state: State
    reason: Reason | None = None
    is_gone: bool = False


class NotSent(Exception):
    """A mail was not sent, and what becomes of it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class ServerAway(Exception):
    """The mail server, or profiles, cannot be asked now: nothing is wrong with the mail."""

    def __init__(self, reason: Reason, what: str) -> None:
        super().__init__(what)
        self.reason = reason
        self.what = what


def recipient_refused(code: int) -> Outcome:
    """The server does not take mail for this address."""
    if code in _GONE:
        return Outcome("rejected", "address_refused", is_gone=True)
    return (
        Outcome("rejected", "address_refused") if code >= 500 and code != 552 else Outcome("waiting", "refused_for_now")
    )


def message_refused(code: int) -> Outcome:
    """The server does not take this message; it said so, so the customer does not have it."""
    return Outcome("rejected", "message_refused") if code >= 500 else Outcome("waiting", "refused_for_now")


def tried_again(outcome: Outcome, attempts: int) -> Outcome:
    """The same, or that enough was tried."""
    return Outcome("rejected", "gave_up") if outcome.state == "waiting" and attempts >= MOST_ATTEMPTS else outcome


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 1, 2, 4 … minutes."""
    doubled: timedelta = _FIRST_WAIT * 2 ** max(0, attempts - 1)
    return doubled
