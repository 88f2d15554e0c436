"""Secrets that an installation is given, or that its first use makes in a file: never kept in the database.

So whoever has a copy of the database alone can neither forge nor guess what is made with them.
"""

import base64
import binascii
import os
import tempfile
from pathlib import Path

from shared.errors import ConfigError

SECRET_BYTES = 32


def secrets_in(text: str) -> tuple[bytes, ...]:
    """The secrets in a list of base64, separated by commas.

    Raises:
        ValueError: one of them is not base64, or too short.
    """
    try:
        found = tuple(base64.b64decode(each.strip(), validate=True) for each in text.split(","))
    except binascii.Error:
        raise ValueError("it is a list of base64, separated by commas") from None
    if any(len(each) < SECRET_BYTES for each in found):
        raise ValueError(
            f"each secret has {SECRET_BYTES} bytes or more, such as `openssl rand -base64 {SECRET_BYTES}` gives"
        )
    return found


def secret_from(file: Path, *, what: str, setting: str) -> bytes:
    """The secret in a file, which is made if need be. `what` it is and the `setting` instead of it are for people.

    Raises:
        ConfigError: it cannot be read or made.
    """
    try:
        if not file.exists():
            _make(file)
        secret = base64.b64decode(file.read_text().strip(), validate=True)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{what} cannot be read from {file} ({type(error).__name__}); set {setting}.") from None
    if len(secret) < SECRET_BYTES:
        raise ConfigError(f"{file} holds no secret of {SECRET_BYTES} bytes; set {setting}.")
    return secret


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(base64.b64encode(os.urandom(SECRET_BYTES)).decode() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        # A link, not a rename: of two processes that make one, the first one's holds for both.
        os.link(draft, file)
    except FileExistsError:
        return
    finally:
        Path(draft).unlink()
