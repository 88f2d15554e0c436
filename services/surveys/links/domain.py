"""Tokens: base64url of a key id, an invitation, one click's score, and a MAC (HMAC-SHA256, its first 128 bits).

One text for one link: what differs in a single bit, or is spelt another way, is no token.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

KID_BYTES = 4
MAC_BYTES = 16
_UUID_BYTES = 16
_NO_SCORE = 0xFF
_TIME_BYTES = 6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NONCE = re.compile(r"[A-Za-z0-9_-]{30}", re.ASCII)
MAX_SCORE = 100
# Ids of questions are short; what is longer is no token of ours, and is not even decoded.
MAX_QUESTION_BYTES = 80
MAX_TOKEN = 4 * (KID_BYTES + _UUID_BYTES + 1 + MAX_QUESTION_BYTES + MAC_BYTES) // 3 + 4
_SHAPE = re.compile(rf"[A-Za-z0-9_-]{{40,{MAX_TOKEN}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says: an invitation, and if it is one of several scores in a mail, which score of which question."""

    invitation_id: UUID
    score: int | None = None
    question_id: str | None = None


@dataclass(frozen=True, slots=True)
class LinkKey:
    """One secret, and what is derived from it."""

    secret: bytes = field(repr=False)

    @property
    def kid(self) -> bytes:
        """The key id, which says nothing of the secret."""
        return _derived(self.secret, b"key id")[:KID_BYTES]

    @property
    def mac_key(self) -> bytes:
        """The key of signatures."""
        return _derived(self.secret, b"mac")


class LinkKeys:
    """The keys of this process: the first one signs, all of them are believed."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        keys = [LinkKey(secret) for secret in secrets]
        self._current = keys[0].kid
        self._keys = {each.kid: each.mac_key for each in keys}
        self._page_keys = [_derived(secret, b"page") for secret in secrets]
        self._mark_keys = [_derived(secret, b"mark") for secret in secrets]
        # Of the box of anonymous answers: the first one seals, all of them open.
        self.box_keys = [_derived(secret, b"box") for secret in secrets]

    def sign(self, link: Link) -> str:
        """The token of a link.

        Raises:
            ValueError: its score or the id of its question cannot stand in a link.
        """
        plain = self._current + _plain(link)
        return _text(plain + self._mac(self._current, plain))

    def read(self, token: str) -> Link | None:
        """What a token says; None if it is none of ours."""
        if not _SHAPE.fullmatch(token):
            return None
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except binascii.Error:
            return None
        plain, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        kid = plain[:KID_BYTES]
        # The last character holds bits that count for nothing: spelt otherwise it would be a second text.
        if kid not in self._keys or not hmac.compare_digest(mac, self._mac(kid, plain)) or _text(raw) != token:
            return None
        return _link(plain[KID_BYTES:])

    def nonce(self, invitation_id: UUID, at: datetime) -> str:
        """What a page carries, so that what is sent back is known to come from a page that was shown at `at`."""
        shown = _milliseconds(at).to_bytes(_TIME_BYTES, "big")
        return _text(shown + _seen(self._page_keys[0], invitation_id, shown))

    def shown_at(self, invitation_id: UUID, nonce: str) -> datetime | None:
        """When the page was shown that a nonce comes from; None if it is no page's of this invitation."""
        if not _NONCE.fullmatch(nonce):
            return None
        raw = base64.urlsafe_b64decode(nonce + "=" * (-len(nonce) % 4))
        shown, mac = raw[:_TIME_BYTES], raw[_TIME_BYTES:]
        if not any(hmac.compare_digest(mac, _seen(key, invitation_id, shown)) for key in self._page_keys):
            return None
        return _EPOCH + timedelta(milliseconds=int.from_bytes(shown, "big"))

    def marks(self, text: str) -> list[bytes]:
        """Keyed hashes of a text (an address) under every key, the current one first: to be compared, not read."""
        return [hmac.digest(key, text.encode(), "sha256")[:MAC_BYTES] for key in self._mark_keys]

    def _mac(self, kid: bytes, plain: bytes) -> bytes:
        return hmac.digest(self._keys[kid], plain, "sha256")[:MAC_BYTES]


def _plain(link: Link) -> bytes:
    if link.score is None and link.question_id is None:
        return link.invitation_id.bytes
    score = _NO_SCORE if link.score is None else link.score
    question = (link.question_id or "").encode()
    if not (0 <= score <= MAX_SCORE or link.score is None) or len(question) > MAX_QUESTION_BYTES:
        raise ValueError("no link holds this score or this question")
    return link.invitation_id.bytes + bytes([score]) + question


def _link(plain: bytes) -> Link:
    invitation_id, rest = UUID(bytes=plain[:_UUID_BYTES]), plain[_UUID_BYTES:]
    if not rest:
        return Link(invitation_id)
    score = None if rest[0] == _NO_SCORE else rest[0]
    return Link(invitation_id, score, rest[1:].decode() or None)


def _seen(key: bytes, invitation_id: UUID, shown: bytes) -> bytes:
    return hmac.digest(key, invitation_id.bytes + shown, "sha256")[:MAC_BYTES]


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return hmac.digest(secret, b"tam survey link " + purpose, hashlib.sha256)
