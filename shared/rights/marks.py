"""The key of an installation, and what is made with it: marks of people who were erased, and signatures.

A mark is HMAC-SHA256: without the key nobody finds out whose it is, not even by trying all phone numbers there are.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.db.engine import Database
from shared.errors import ConfigError

_BYTES = 32
MIN_TEXT = 32


@dataclass(frozen=True, slots=True)
class Seal:
    """What only this installation can make."""

    secret: bytes = field(repr=False)

    def of_key(self, key: UUID) -> bytes:
        """The mark of a raw person key."""
        return _mark(self.secret, key)

    def of_identifier(self, type_: str, value: str) -> bytes:
        """The mark of an identifier in its normal form."""
        return hmac.digest(self.secret, f"identifier\x1f{type_}\x1f{value}".encode(), "sha256")

    def of_keys(self, keys: Iterable[UUID]) -> dict[bytes, UUID]:
        """The marks of raw person keys, each with its key."""
        return {self.of_key(key): key for key in keys}

    def sign(self, document: bytes) -> bytes:
        """The Ed25519 signature of a document."""
        return self._signer().sign(document)

    def public_key(self) -> bytes:
        """What verifies our signatures, also in other hands (32 bytes)."""
        return self._signer().public_key().public_bytes_raw()

    def _signer(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(hmac.digest(self.secret, b"receipts", "sha256"))


# Each consumer of a process asks for the same people, one soon after the other.
@lru_cache(maxsize=16_384)
def _mark(secret: bytes, key: UUID) -> bytes:
    return hmac.digest(secret, b"key\x1f" + key.bytes, "sha256")


def is_signed(document: bytes, signature: bytes, public_key: bytes) -> bool:
    """Whether the signature of the document was made by the owner of the public key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, document)
    except (InvalidSignature, ValueError):
        return False
    return True


async def open_seal(db: Database, given: str | None) -> Seal:
    """The seal of the installation: of the setting, else of the database, where the first start puts a new one.

    Raises:
        ConfigError: it is another than before: those who were erased would no longer be known.
    """
    secret = None if given is None else hashlib.sha256(given.encode()).digest()
    made = secrets.token_bytes(_BYTES)
    async with db.write() as tx:
        await tx.execute(
            "INSERT INTO installation (secret, fingerprint) VALUES (:secret, :fingerprint) ON CONFLICT DO NOTHING",
            {"secret": made if secret is None else None, "fingerprint": _fingerprint(secret or made)},
        )
        row = (await tx.execute("SELECT secret, fingerprint FROM installation")).one()
    found = secret or row.secret
    if found is None:
        raise ConfigError("TAM_INSTALLATION_KEY is missing: this installation was made with one.")
    if _fingerprint(found) != row.fingerprint:
        raise ConfigError("TAM_INSTALLATION_KEY is not the one that this installation was made with.")
    return Seal(found)


def _fingerprint(secret: bytes) -> bytes:
    return hmac.digest(secret, b"fingerprint", "sha256")
