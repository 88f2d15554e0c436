"""Kinds of shop: how often what is done. Shares are between 0 and 1, of visits unless said otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """How customers of a shop behave.

    `repeats` to `late` are shares of requests: sent again, within a visit out of order, with times of days ago.
    `asks` is for each event how many customers are asked by a survey, `replies` the share of them who answer.
    """

    about: str
    buys: float = 0.25
    redeems: float = 0.2
    returns: float = 0.15
    answers: float = 0.3
    consents: float = 0.04
    refers: float = 0.02
    claims: float = 0.03
    subscribes: float = 0.02
    anonymous: float = 0.35
    abroad: float = 0.1
    repeats: float = 0.01
    disorder: float = 0.0
    late: float = 0.0
    most_views: int = 5
    hottest: float = 0.8
    asks: float = 0.01
    replies: float = 0.35


PROFILES: Mapping[str, Profile] = {
    "shop": Profile("a shop: browse, buy, pay, return, answer, redeem"),
    "flash": Profile(
        "a flash sale: everybody at once for few units",
        *(0.1, 0.05, 0.02, 0.02, 0.0, 0.0),
        claims=0.85,
        most_views=2,
        hottest=1.1,
        asks=0.0,
    ),
    "subscriptions": Profile(
        "subscriptions: begin, renew, change, pause, leave", buys=0.1, subscribes=0.8, claims=0.0, most_views=3
    ),
    "sdk": Profile(
        "SDKs on bad networks: repeats, late and out of order",
        *(0.35, 0.0, 0.3, 0.0, 0.0, 0.0, 0.0),
        subscribes=0.05,
        repeats=0.2,
        disorder=0.6,
        late=0.3,
        asks=0.0,
    ),
}
