"""The door: who calls, and may they. `caller: Annotated[Caller, Depends(require("metrics:read"))]`.

A credential is a key of ours (`tam_…`) or, where a provider is set up, its bearer token. A route without `require`
is open to everybody; `tests/unit/http/test_http_doors.py` holds that no service has one.
"""

from fastapi import Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from shared.http.caller import BadKey, Caller, MissingKey, MissingScope, WrongKeyKind, presented
from shared.http.key_store import KeyInfo
from shared.http.key_text import looks_like_key
from shared.http.keys import KeyRing
from shared.http.limits import TokenBuckets
from shared.http.oidc import TokenVerifier
from shared.http.settings import AUTH_PREFIX, AuthSettings
from shared.rights import audit

__all__ = ["AUTH_PREFIX", "AuthSettings", "Authenticator", "Caller", "KeyInfo", "KeyRing", "caller_of", "require"]

BEARER = "key"
# Where the scope of a request holds who asked and whom it saw.
AUDITED = "tam.audited"
BASIC = "keyAsUser"


class Authenticator:
    """Knows callers by their credential and keeps each to its rate."""

    def __init__(self, keyring: KeyRing, limits: TokenBuckets, tokens: TokenVerifier | None = None) -> None:
        self._keyring = keyring
        self._limits = limits
        self._tokens = tokens

    async def authenticate(self, authorization: str | None) -> Caller:
        """The caller behind an `Authorization` header.

        Raises:
            Unauthorized: there is no credential, or it does not hold.
            RateLimited: the caller is over its rate.
            Unavailable: the credential cannot be checked now.
        """
        credential = presented(authorization)
        if credential is None:
            raise MissingKey if not authorization else BadKey("The Authorization header holds no key.")
        if self._tokens is not None and not looks_like_key(credential):
            caller = await self._tokens.authenticate(credential)
        else:
            caller = await self._keyring.authenticate(credential)
        self._limits.take(caller.key_id)
        return caller


async def caller_of(request: Request) -> Caller:
    """The caller of a request, found out once however many ask."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is None:
        authenticator: Authenticator = request.app.state.authenticator
        known = await authenticator.authenticate(request.headers.get("authorization"))
        request.state.caller = known
        # Whom this request sees from now on is told to the audit log when it is answered.
        request.scope[AUDITED] = known.key_id, audit.begin()
    return known


class require(SecurityBase):  # noqa: N801 - reads as what it does: Depends(require("metrics:read"))
    """A dependency that lets in secret keys (and tokens) with `scope`, and gives the `Caller`."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        self.scheme_name = BEARER
        self.model = HTTPBearer(description="A secret key (`tam_sk_…`), or a token of the identity provider.")

    async def __call__(self, request: Request) -> Caller:
        caller = await caller_of(request)
        if caller.kind != "secret":
            raise WrongKeyKind
        if not caller.may(self.scope):
            raise MissingScope(self.scope)
        return caller
