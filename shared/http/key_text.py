"""The text of a key: `tam_<sk|wk>_<id>_<secret>_<checksum>`.

The prefix is for secret scanners, the id for the look-up, the checksum refuses typos before the database is asked.
Letters and digits only, for write keys stand in URLs. The secret has 256 bits, so that one SHA-256 is enough.
"""

import hashlib
import re
import secrets
import string
import zlib
from typing import NamedTuple

from shared.http.caller import Kind

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LENGTH, _SECRET_LENGTH, _CHECKSUM_LENGTH = 12, 43, 6
_PREFIXES: dict[Kind, str] = {"secret": "tam_sk_", "write": "tam_wk_"}
_FORM = re.compile(
    rf"tam_(sk|wk)_([0-9A-Za-z]{{{_ID_LENGTH}}})_([0-9A-Za-z]{{{_SECRET_LENGTH}}})_([0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
)


class KeyText(NamedTuple):
    """A key taken apart: what it is looked up by, and the digest its secret must have."""

    id: str
    digest: bytes


def looks_like_key(text: str) -> bool:
    """Whether the text means to be one of our keys, and no token of somebody else."""
    return text.startswith(tuple(_PREFIXES.values()))


def new_key(kind: Kind) -> tuple[KeyText, str]:
    """A new key and its text, which is shown once and kept nowhere."""
    key_id, secret = _random(_ID_LENGTH), _random(_SECRET_LENGTH)
    text = f"{_PREFIXES[kind]}{key_id}_{secret}"
    return KeyText(key_id, _digest(secret)), f"{text}_{_checksum(text)}"


def parse_key(text: str) -> KeyText | None:
    """The parts of a key, or None if it has not the form or the checksum of one."""
    match = _FORM.fullmatch(text)
    if match is None or _checksum(text[: -_CHECKSUM_LENGTH - 1]) != match[4]:
        return None
    return KeyText(match[2], _digest(match[3]))


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        number, rest = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[rest] + digits
    return digits
