"""What customers do: each act is one request or two, carries its own ids, and may be sent again without harm."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.load.goods import Line

Call = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Say:
    """Calls of an SDK in one request; `again` says that exactly this is sent once more."""

    who: str
    calls: tuple[Call, ...]
    again: bool = False


@dataclass(frozen=True, slots=True)
class Buy:
    """An order that is paid with points, or a voucher, or both, as far as they are granted; else with money alone."""

    who: str
    order_id: str
    lines: tuple[Line, ...]
    points: int
    has_voucher: bool
    message_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """A survey is answered: 0 to 10 and 1 to 5."""

    who: str
    reference: str
    nps: int
    csat: int
    words: str


@dataclass(frozen=True, slots=True)
class Consent:
    """Newsletters are allowed, or no longer."""

    who: str
    key: str
    is_granted: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """Units of a flash sale's item are claimed, and paid or let go."""

    who: str
    key: str
    item: int
    units: int
    is_paid: bool


@dataclass(frozen=True, slots=True)
class Refer:
    """A customer brings a friend, who has never been here."""

    who: str
    friend: str


@dataclass(frozen=True, slots=True)
class Ask:
    """The firm asks a customer by a survey; the platform decides whether it may. `key` is of the request."""

    who: str
    key: str


@dataclass(frozen=True, slots=True)
class Reply:
    """Whoever was asked by the request of this key answers, if they were: 0 to 10 and 1 to 5."""

    who: str
    key: str
    nps: int
    csat: int
    words: str


Act = Say | Buy | Answer | Consent | Claim | Refer | Ask | Reply


def weight(act: Act) -> int:
    """How much of the rate it takes: calls, or requests."""
    match act:
        case Say(calls=calls):
            return len(calls)
        case Buy() | Claim() | Refer():
            return 2
        case _:
            return 1
