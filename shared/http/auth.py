"""The door: who calls, and may they. `caller: Annotated[Caller, Depends(require("metrics:read"))]`.

A credential is a key of ours (`tam_…`) or, where a provider is set up, its bearer token. A route without `require`
is open to everybody; `tests/unit/http/test_http_doors.py` holds that no service has one.
"""

from fastapi import Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from shared.http.browsers import CHALLENGE, asks_for_page, check_origin
from shared.http.caller import BadKey, Caller, MissingKey, MissingScope, Refused, WrongKeyKind, presented
from shared.http.key_store import KeyInfo
from shared.http.key_text import looks_like_key
from shared.http.keys import KeyRing
from shared.http.limits import RateLimited, TokenBuckets
from shared.http.oidc import TokenVerifier
from shared.http.settings import AUTH_PREFIX, AuthSettings
from shared.rights import audit

__all__ = ["AUTH_PREFIX", "AuthSettings", "Authenticator", "Caller", "KeyInfo", "KeyRing", "caller_of", "require"]

# Fields of an answer, as ASGI has them.
Fields = tuple[tuple[bytes, bytes], ...]
BEARER = "key"
# Where the scope of a request holds who asked and whom it saw.
AUDITED = "tam.audited"
# And where how much of its rate the caller has left, for the fields that tell it.
RATE = "tam.rate"
BASIC = "keyAsUser"


class Authenticator:
    """Knows callers by their credential and keeps each to its rate."""

    def __init__(self, keyring: KeyRing, limits: TokenBuckets, tokens: TokenVerifier | None = None) -> None:
        self._keyring = keyring
        self._limits = limits
        self._tokens = tokens
        self._policy = limits.policy("key").encode() if limits.is_limited else b""

    async def authenticate(self, authorization: str | None, address: str | None = None) -> Caller:
        """The caller behind an `Authorization` header that came from an address.

        Raises:
            Unauthorized: there is no credential, or it does not hold.
            RateLimited: too many bad ones came from the address.
            Unavailable: the credential cannot be checked now.
        """
        credential = presented(authorization)
        if credential is None:
            raise MissingKey if not authorization else BadKey("The Authorization header holds no key.")
        if self._tokens is None or looks_like_key(credential):
            return await self._keyring.authenticate(credential, address=address)
        try:
            return await self._tokens.authenticate(credential)
        except BadKey:
            self._keyring.guesses.count(address)
            raise

    def take(self, caller: Caller) -> Fields:
        """Count a request of the caller; the fields that tell it what is left of its rate.

        Raises:
            RateLimited: the caller is over its rate.
        """
        try:
            left = self._limits.take(caller.key_id)
        except RateLimited as limited:
            limited.headers |= {
                "RateLimit-Policy": self._policy.decode(),
                "RateLimit": f'"key";r=0;t={limited.data["retry_after_seconds"]}',
            }
            raise
        if not self._policy:
            return ()
        return ((b"ratelimit-policy", self._policy), (b"ratelimit", self._limits.state("key", left).encode()))


async def caller_of(request: Request) -> Caller:
    """The caller of a request, found out once however many ask."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is None:
        authenticator: Authenticator = request.app.state.authenticator
        address = None if request.client is None else request.client.host
        try:
            known = await authenticator.authenticate(request.headers.get("authorization"), address)
        except Refused as refusal:
            if asks_for_page(request):
                refusal.headers["WWW-Authenticate"] = CHALLENGE
            raise
        request.scope[RATE] = authenticator.take(known)
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
        check_origin(request)
        if caller.kind != "secret":
            raise WrongKeyKind
        if not caller.may(self.scope):
            raise MissingScope(self.scope)
        return caller
