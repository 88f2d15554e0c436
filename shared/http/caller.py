"""Who calls, and how a caller is refused."""

import base64
import binascii
from dataclasses import dataclass
from typing import Literal

from shared.errors import Forbidden, Unauthorized

Kind = Literal["secret", "write"]
ALL_SCOPES = "*"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller. `key_id` is safe to log and to store; a write key has a source and no scopes."""

    key_id: str
    kind: Kind
    scopes: frozenset[str]
    source: str | None = None
    origins: frozenset[str] = frozenset()

    def may(self, scope: str) -> bool:
        """Whether the caller has `scope`."""
        return scope in self.scopes or ALL_SCOPES in self.scopes

    def is_welcome_from(self, origin: str | None) -> bool:
        """Whether the key may be used from a page of `origin`; a key without a list may be used from anywhere."""
        return not self.origins or (origin is not None and origin.lower() in self.origins)


class Refused(Unauthorized):
    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        # RFC 6750: `error` only where a credential was presented.
        error = "" if self.code == "missing_key" else ', error="invalid_token"'
        self.headers = {"WWW-Authenticate": f'Bearer realm="tam"{error}'}


class MissingKey(Refused):
    """No credential was presented."""

    code, title = "missing_key", "Missing key"

    def __init__(self) -> None:
        super().__init__("Present a key: Authorization: Bearer <key>, or Basic with the key as user name.")


class BadKey(Refused):
    """The credential is not a key of ours, or a token that does not hold."""

    code, title = "bad_key", "Bad key"

    def __init__(self, detail: str = "The key is not valid; check that it was copied whole.") -> None:
        super().__init__(detail)


class RevokedKey(Refused):
    """The key was revoked."""

    code, title = "revoked_key", "Revoked key"

    def __init__(self) -> None:
        super().__init__("The key has been revoked.")


class ExpiredKey(Refused):
    """The key, or the token, is past its end."""

    code, title = "expired_key", "Expired key"

    def __init__(self, detail: str = "The key has expired.") -> None:
        super().__init__(detail)


class WrongKeyKind(Forbidden):
    """A write key knocked at a door for secret keys."""

    code, title = "wrong_key_kind", "Wrong kind of key"

    def __init__(self) -> None:
        super().__init__("A write key can only send events; this needs a secret key.")


class MissingScope(Forbidden):
    """The key is good but may not do this."""

    code, title = "missing_scope", "Missing scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"The key lacks the scope {scope!r}.", required=scope)


def presented(authorization: str | None) -> str | None:
    """The credential in an `Authorization` header: a Bearer token, or the user name of Basic; None if there is none.

    SDKs send Basic with and without the colon and with and without padding; all are read.
    """
    scheme, _, value = (authorization or "").partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value or None
    if scheme.lower() != "basic" or not value:
        return None
    try:
        decoded = base64.b64decode(value.encode("ascii") + b"=" * (-len(value) % 4), validate=True).decode()
    except (UnicodeError, binascii.Error):
        return None
    return decoded.partition(":")[0] or None
