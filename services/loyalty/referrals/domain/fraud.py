"""What speaks against a referral, and what comes of it."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from services.loyalty.referrals.domain.disposable import DISPOSABLE
from services.loyalty.referrals.domain.program import Action, Terms

Signal = Literal["household", "address", "payment", "device", "ip"]
# The kinds that several friends of different advocates may have in common without knowing each other; behind one
# address of the network there may be many more of them.
PLACES: frozenset[str] = frozenset({"address", "device", "payment"})
NETWORKS: frozenset[str] = frozenset({"ip"})
_ORDER: tuple[Action, ...] = ("allow", "delay", "review", "block")
_SHARED = ("payment", "email", "device", "household", "address", "ip", "name")
_ALWAYS: Mapping[str, Action] = {"self": "block", "cycle": "block"}


class Evidence(NamedTuple):
    """What is known when a friend comes.

    `shared`: kinds of signals that friend and advocate have in common. `friends_lately`: how many friends the advocate
    brought in the time of the programme. `at_place_lately`: of the friend's places the one where most other friends
    came from in that time, and how many; `at_network_lately` the same of addresses of the network.
    `was_referred`: under another key, merged since, the friend came before and was refused.
    """

    is_self: bool
    is_cycle: bool
    has_ordered: bool
    shared: frozenset[str]
    mail_domain: str | None
    friends_lately: int
    at_place_lately: int
    at_network_lately: int = 0
    was_referred: bool = False


class Finding(NamedTuple):
    """What comes of a referral, and why; reasons that lead to nothing are not among them."""

    action: Action
    reasons: tuple[str, ...]


def judge(evidence: Evidence, terms: Terms) -> Finding:
    """What is to be done with a referral by the terms of its programme."""
    found = [
        reason
        for reason, holds in (
            ("self", evidence.is_self),
            ("cycle", evidence.is_cycle),
            ("existing_customer", evidence.has_ordered),
            ("merged_account", evidence.was_referred),
            *((f"same_{kind}", kind in evidence.shared) for kind in _SHARED),
            ("disposable_mail", is_disposable(evidence.mail_domain, terms.disposable_domains)),
            ("advocate_velocity", evidence.friends_lately >= terms.advocate_max),
            ("address_velocity", evidence.at_place_lately >= terms.address_max),
            ("ip_velocity", evidence.at_network_lately >= terms.ip_max),
        )
        if holds
    ]
    actions = {reason: _ALWAYS.get(reason) or terms.actions[reason] for reason in found}
    reasons = tuple(reason for reason in found if actions[reason] != "allow")
    return Finding(max((actions[reason] for reason in reasons), key=_ORDER.index, default="allow"), reasons)


def is_disposable(domain: str | None, more: Collection[str]) -> bool:
    """Whether mail to a domain, or to one above it, is thrown away."""
    if domain is None:
        return False
    labels = domain.lower().rstrip(".").split(".")
    tails = {".".join(labels[start:]) for start in range(len(labels))}
    return bool(tails & DISPOSABLE) or bool(tails.intersection(more))


def digest(kind: str, value: str) -> bytes:
    """What is kept of a hash that a caller gives: not even that."""
    return hashlib.sha256(f"{kind}\x1f{value}".encode()).digest()[:16]
