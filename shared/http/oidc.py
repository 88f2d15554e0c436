"""Bearer tokens of an OpenID Connect provider: JWTs, checked with its published keys.

The keys are fetched again after ten minutes, or for a key id that is new, but not more than once in 30 s, so that
made-up ids cannot make us flood the provider. While it is away the last good keys hold.
"""

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any

import httpx
import jwt
import orjson

from shared.errors import Unavailable
from shared.http.caller import BadKey, Caller, ExpiredKey
from shared.http.settings import AuthSettings
from shared.observability.logging import logger

log = logger(__name__)

# Asymmetric only: with an HMAC in the list our public key would be the secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY_SECONDS = 30
REFRESH_SECONDS = 600.0
RETRY_SECONDS = 30.0
MAX_TOKEN_LENGTH = 8_192
_FETCH_SECONDS = 5.0
_MAX_JWKS_BYTES = 1_048_576
_MAX_SUBJECT = 200


class ProviderUnavailable(Unavailable):
    """The provider's keys were never fetched; whether the token is good is unknown."""

    code = "identity_provider_unavailable"

    def __init__(self) -> None:
        super().__init__("Tokens cannot be checked at the moment; send the same again.", retry_after_seconds=30)


class TokenVerifier:
    """Checks tokens of one provider; `client` follows no redirects and is closed by its owner."""

    def __init__(
        self,
        settings: AuthSettings,
        client: httpx.AsyncClient,
        *,
        refresh_seconds: float = REFRESH_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        if settings.jwks_url is None:
            raise ValueError("there is no provider to verify tokens of")
        self._settings = settings
        self._url = settings.jwks_url
        self._client = client
        self._refresh_seconds = refresh_seconds
        self._retry_seconds = retry_seconds
        self._keys: Mapping[str | None, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()

    async def authenticate(self, token: str) -> Caller:
        """Who presents this token.

        Raises:
            Unauthorized: `bad_key` or `expired_key`.
            ProviderUnavailable: there are no keys to check it with.
        """
        key = await self._key(_key_id(token))
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise ExpiredKey("The token has expired.") from None
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError):
            raise BadKey("The token does not hold.") from None
        subject = claims["sub"]
        if not isinstance(subject, str) or not subject or len(subject) > _MAX_SUBJECT or not subject.isprintable():
            raise BadKey("The token does not hold.")
        return Caller(f"oidc:{subject}", "secret", self._scopes(claims))

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[str]:
        value = claims.get(self._settings.scope_claim, "")
        words = value.split() if isinstance(value, str) else value if isinstance(value, list) else ()
        return frozenset(word for word in words if isinstance(word, str))

    async def _key(self, key_id: str | None) -> jwt.PyJWK:
        if self._is_stale() or key_id not in self._keys:
            async with self._lock:
                if self._is_stale() or key_id not in self._keys:
                    await self._fetch()
        if not self._keys:
            raise ProviderUnavailable
        found = self._keys.get(key_id)
        if found is None:
            raise BadKey("The token does not hold.")
        return found

    def _is_stale(self) -> bool:
        return self._fetched_at is None or monotonic() - self._fetched_at > self._refresh_seconds

    async def _fetch(self) -> None:
        if self._tried_at is not None and monotonic() - self._tried_at < self._retry_seconds:
            return
        self._tried_at = monotonic()
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                document = await self._download()
            keys = _usable(document)
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            log.warning("jwks_not_fetched", error=type(error).__name__)
            return
        if keys:
            self._keys, self._fetched_at = keys, monotonic()
        else:
            log.warning("jwks_without_keys")

    async def _download(self) -> Any:
        body = b""
        async with self._client.stream("GET", self._url, headers={"Accept": "application/json"}) as response:
            response.raise_for_status()
            if response.is_redirect:
                raise ValueError("the key set is somewhere else")
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MAX_JWKS_BYTES:
                    raise ValueError("the key set is too large")
        return orjson.loads(body)


def _key_id(token: str) -> str | None:
    if len(token) > MAX_TOKEN_LENGTH:
        raise BadKey("The token does not hold.")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise BadKey("The token does not hold.") from None
    key_id = header.get("kid")
    if header.get("alg") not in ALGORITHMS or not isinstance(key_id, str | None):
        raise BadKey("The token does not hold.")
    return key_id


def _usable(document: Any) -> dict[str | None, jwt.PyJWK]:
    """The signing keys by id; the only key of a set also serves tokens without a key id."""
    found: dict[str | None, jwt.PyJWK] = {}
    listed = document.get("keys") if isinstance(document, dict) else None
    for each in listed if isinstance(listed, list) else ():
        if not isinstance(each, dict) or each.get("kty") == "oct" or each.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(each)
        except (jwt.PyJWTError, ValueError, TypeError):
            # A kind of key we do not know must not hide those that we do.
            continue
        if key.algorithm_name in ALGORITHMS:
            found[each.get("kid")] = key
    if len(found) == 1:
        found[None] = next(iter(found.values()))
    return found
