"""Keyed hashes of codes and sealed codes, under secrets ("peppers") that are not in the database.

Who has the database alone can neither check a guess nor read a code. A pepper is known by its key id, which says
nothing of it; the first one is used for what is new, the others for what is old.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FINGERPRINT_BYTES = 16
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Pepper:
    """One secret and the keys derived from it."""

    secret: bytes = field(repr=False)

    @property
    def kid(self) -> str:
        """The key id."""
        return _derived(self.secret, b"key id").hex()[:8]

    @property
    def hash_key(self) -> bytes:
        """The key of fingerprints."""
        return _derived(self.secret, b"fingerprint")

    @property
    def seal_key(self) -> bytes:
        """The key that seals."""
        return _derived(self.secret, b"seal")


class Peppers:
    """The peppers of this process, the current one first; `hash_keys` are the keys of fingerprints by key id."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        peppers = [Pepper(secret) for secret in secrets]
        self.current = peppers[0].kid
        self.hash_keys: Mapping[str, bytes] = {each.kid: each.hash_key for each in peppers}
        self._seals: Mapping[str, AESGCM] = {each.kid: AESGCM(each.seal_key) for each in peppers}

    @property
    def kids(self) -> tuple[str, ...]:
        """The key ids, the current one first."""
        return tuple(self.hash_keys)

    def fingerprint(self, canonical: str) -> bytes:
        """The keyed hash of a canonical code under the current pepper."""
        return fingerprint(self.hash_keys[self.current], canonical)

    def fingerprints(self, canonical: str) -> list[bytes]:
        """The keyed hashes under every pepper, the current one first."""
        return [fingerprint(key, canonical) for key in self.hash_keys.values()]

    def seal(self, plain: bytes, about: bytes) -> bytes:
        """The text sealed under the current pepper; it opens only with the same `about`."""
        return seal(self._seals[self.current], plain, about)

    def unseal(self, kid: str, sealed: bytes, about: bytes) -> bytes | None:
        """The text again; None if its pepper is not here any more, or it is about something else."""
        cipher = self._seals.get(kid)
        return None if cipher is None else unseal(cipher, sealed, about)


def fingerprint(key: bytes, canonical: str) -> bytes:
    """HMAC-SHA256 of a canonical code, its first 128 bits."""
    return hmac.digest(key, canonical.encode(), "sha256")[:FINGERPRINT_BYTES]


def seal(cipher: AESGCM, plain: bytes, about: bytes) -> bytes:
    """A nonce and the text in AES-256-GCM; `about` is bound to it, and not in it."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, about)


def unseal(cipher: AESGCM, sealed: bytes, about: bytes) -> bytes | None:
    """The text again; None if the key or `about` is another one."""
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
    except InvalidTag:
        return None


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return hmac.digest(secret, b"tam loyalty code " + purpose, hashlib.sha256)
