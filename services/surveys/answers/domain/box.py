"""The box of anonymous answers.

Two things could lead back from an answer to who gave it: that the invitation was used, and when the answer came. So
that an invitation was used is kept as a keyed hash that nobody finds without the key, which is not in the database;
and answers lie in the box, sealed under that key, until there are `COMPANY` of them. Then all of them become responses
in one transaction, in an order that was drawn, under new ids, of the day on which the box was opened.

What is left to whom: the database alone, at any time and from any back-up, leads nowhere. Who has the key as well can
tell that an invitation was used and, while its answer lies in the box, which one it is (both were written by one
transaction); later, among which five or more it is. So can who reads the log of the server (WAL) or its statements
live. What somebody writes of themselves in a text stands there.

What only a few of them have in common would still tell them apart: a language, a channel, a weight. It is kept where
at least `COMPANY` share it, and left out of the others, of which there must be as many.
"""

import hmac
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.surveys.answers.domain.submission import Verification

# How many answers a box must hold before it is opened.
COMPANY = 5
# What is said of an answer whose channel would tell it apart.
ANY_CHANNEL = "any"
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Ballot:
    """An anonymous answer. `locale` None: it would tell it apart."""

    answers: Any
    channel: str
    locale: str | None
    weight: float
    verification: Verification

    @property
    def looks(self) -> tuple[str, str, float]:
        """What is said of it beside the answers."""
        return self.channel, self.locale or "", self.weight


class Box:
    """Seals and opens under `keys`: the first is used for what is new, all of them for what is there."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = keys

    def stubs(self, invitation_id: UUID) -> list[bytes]:
        """What says that an invitation was used, under each key, the current one first."""
        return [_stub(key, invitation_id) for key in self._keys]

    def seal(self, ballot: Ballot, survey_id: UUID) -> bytes:
        """The answer as it lies in the box; it opens for its survey alone."""
        plain = orjson.dumps([ballot.answers, ballot.channel, ballot.locale, ballot.weight, ballot.verification])
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._keys[0]).encrypt(nonce, plain, survey_id.bytes)

    def unseal(self, sealed: bytes, survey_id: UUID) -> Ballot | None:
        """The answer; None: it was sealed under a key that is not here any more."""
        for key in self._keys:
            try:
                plain = AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], survey_id.bytes)
            except InvalidTag:
                continue
            return Ballot(*orjson.loads(plain))
        return None


def mixed(ballots: Sequence[tuple[UUID, Ballot]]) -> list[tuple[UUID, Ballot]]:
    """Those that may leave the box together, in an order that was drawn, without what would tell them apart.

    The ids are those in the box. Those that have too little company stay.
    """
    ordered = sorted(ballots, key=lambda each: each[1].looks)
    leaving: list[tuple[UUID, Ballot]] = []
    others: list[tuple[UUID, Ballot]] = []
    for _, group in groupby(ordered, key=lambda each: each[1].looks):
        alike = list(group)
        (leaving if len(alike) >= COMPANY else others).extend(alike)
    if len(others) >= COMPANY:
        leaving.extend((key, replace(each, channel=ANY_CHANNEL, locale=None, weight=1.0)) for key, each in others)
    random.SystemRandom().shuffle(leaving)
    return leaving


def _stub(key: bytes, invitation_id: UUID) -> bytes:
    return hmac.digest(key, b"used" + invitation_id.bytes, "sha256")
