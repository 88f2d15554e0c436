"""Foreign tokens: a real key server on loopback, one good token, and a matrix of bad ones."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.http.auth import Authenticator, KeyRing
from shared.http.caller import BadKey, ExpiredKey
from shared.http.limits import TokenBuckets
from shared.http.oidc import ProviderUnavailable, TokenVerifier
from shared.http.settings import AuthSettings

ISSUER, AUDIENCE = "https://id.example", "tam"


class Provider:
    """Serves a key set and counts who asks; `body` and `status` can be changed."""

    def __init__(self, keys: list[dict[str, Any]]) -> None:
        self.body = json.dumps({"keys": keys}).encode()
        self.status = "200 OK"
        self.headers = ""
        self.fetches = 0
        self.answering: set[asyncio.Task[None] | None] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.answering.add(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        self.fetches += 1
        head = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.body)}\r\n{self.headers}Connection: close\r\n\r\n"
        writer.write(head.encode() + self.body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def jwk(key: Any, kid: str, algorithm: str) -> dict[str, Any]:
    document = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**document, "kid": kid, "use": "sig", "alg": algorithm}


KEYS = [jwk(RSA, "rsa", "RS256"), jwk(EC, "ec", "ES256"), jwk(ED, "ed", "EdDSA")]


def token(key: Any = RSA, algorithm: str = "RS256", kid: str | None = "rsa", /, drop: str = "", **changes: Any) -> str:
    now = datetime.now(UTC)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "anna",
        "iat": now,
        "exp": now + timedelta(minutes=5),
        "scope": "metrics:read profiles:read",
        **changes,
    }
    claims.pop(drop, None)
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def settings(port: int, **changes: Any) -> AuthSettings:
    return AuthSettings(issuer=ISSUER, audience=AUDIENCE, jwks_url=f"http://127.0.0.1:{port}/keys", **changes)


@asynccontextmanager
async def running(provider: Provider) -> AsyncIterator[int]:
    server = await asyncio.start_server(provider.answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.gather(*filter(None, provider.answering), return_exceptions=True)


@pytest.fixture
async def provider() -> AsyncIterator[tuple[Provider, int]]:
    made = Provider(KEYS)
    async with running(made) as port:
        yield made, port


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


class TestGood:
    @pytest.mark.parametrize(
        ("key", "algorithm", "kid"), [(RSA, "RS256", "rsa"), (EC, "ES256", "ec"), (ED, "EdDSA", "ed")]
    )
    async def test_each_kind_of_key(
        self, provider: tuple[Provider, int], http: httpx.AsyncClient, key: Any, algorithm: str, kid: str
    ) -> None:
        caller = await TokenVerifier(settings(provider[1]), http).authenticate(token(key, algorithm, kid))

        assert (caller.key_id, caller.kind) == ("oidc:anna", "secret")
        assert caller.scopes == {"metrics:read", "profiles:read"}

    async def test_scopes_may_be_a_list_under_another_claim(
        self, provider: tuple[Provider, int], http: httpx.AsyncClient
    ) -> None:
        verifier = TokenVerifier(settings(provider[1], scope_claim="permissions"), http)

        caller = await verifier.authenticate(token(permissions=["metrics:read", 7]))

        assert caller.scopes == {"metrics:read"}

    async def test_clocks_may_differ_by_half_a_minute(
        self, provider: tuple[Provider, int], http: httpx.AsyncClient
    ) -> None:
        verifier, now = TokenVerifier(settings(provider[1]), http), datetime.now(UTC)

        assert await verifier.authenticate(token(exp=now - timedelta(seconds=20)))
        assert await verifier.authenticate(token(nbf=now + timedelta(seconds=20)))

    async def test_the_only_key_needs_no_id(self, http: httpx.AsyncClient) -> None:
        async with running(Provider([{each: value for each, value in KEYS[0].items() if each != "kid"}])) as port:
            assert await TokenVerifier(settings(port), http).authenticate(token(RSA, "RS256", None))

    async def test_keys_of_unknown_kinds_are_passed_over(self, http: httpx.AsyncClient) -> None:
        strange: list[Any] = [{"kty": "PQC", "kid": "x"}, 7, {"kty": "oct", "kid": "rsa", "k": "c2VjcmV0"}, KEYS[0]]
        async with running(Provider(strange)) as port:
            assert await TokenVerifier(settings(port), http).authenticate(token())

    async def test_keys_and_tokens_come_through_one_door(
        self, provider: tuple[Provider, int], http: httpx.AsyncClient, ring: KeyRing
    ) -> None:
        door = Authenticator(ring, TokenBuckets(rate=0, burst=1), TokenVerifier(settings(provider[1]), http))
        info, text = await ring.create("secret", "CRM", scopes=["*"])

        assert (await door.authenticate(f"Bearer {token()}")).key_id == "oidc:anna"
        assert (await door.authenticate(f"Bearer {text}")).key_id == info.id
        with pytest.raises(BadKey):
            await Authenticator(ring, TokenBuckets(rate=0, burst=1)).authenticate(f"Bearer {token()}")


NOW = datetime.now(UTC)
PUBLIC_PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "anna", "exp": 4102444800}


def hs256_with_the_public_key() -> str:
    import hashlib
    import hmac

    unsigned = forged({"alg": "HS256", "kid": "rsa"}, CLAIMS).rpartition(".")[0]
    signature = hmac.new(PUBLIC_PEM, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def swapped() -> str:
    """The claims of one token with the signature of another."""
    head, _, signature = token().split(".")
    return ".".join((head, token(sub="eve").split(".")[1], signature))


BAD: dict[str, Callable[[], str]] = {
    "alg none": lambda: forged({"alg": "none", "kid": "rsa"}, CLAIMS),
    "alg None": lambda: forged({"alg": "None", "kid": "rsa"}, CLAIMS),
    "no alg": lambda: forged({"kid": "rsa"}, CLAIMS),
    "alg is a list": lambda: forged({"alg": ["RS256"], "kid": "rsa"}, CLAIMS),
    "HS256 with the public key": hs256_with_the_public_key,
    "signed by another key": lambda: token(OTHER_RSA),
    "claims swapped": swapped,
    "RSA key, EC algorithm": lambda: token(EC, "ES256", "rsa"),
    "EC key, RSA algorithm": lambda: token(RSA, "RS256", "ec"),
    "algorithm not the key's": lambda: token(RSA, "RS512", "rsa"),
    "unknown kid": lambda: token(RSA, "RS256", "new"),
    "no kid among many keys": lambda: token(RSA, "RS256", None),
    "kid is a number": lambda: forged({"alg": "RS256", "kid": 7}, CLAIMS),
    "kid is a path": lambda: forged({"alg": "RS256", "kid": "../../etc/passwd"}, CLAIMS),
    "wrong audience": lambda: token(aud="other"),
    "wrong issuer": lambda: token(iss="https://evil.example"),
    "no exp": lambda: token(drop="exp"),
    "no aud": lambda: token(drop="aud"),
    "no iss": lambda: token(drop="iss"),
    "no sub": lambda: token(drop="sub"),
    "sub is empty": lambda: token(sub=""),
    "sub with a NUL": lambda: token(sub="a\x00"),
    "exp is a word": lambda: forged({"alg": "RS256", "kid": "rsa"}, {**CLAIMS, "exp": "soon"}),
    "not yet valid": lambda: token(nbf=datetime.now(UTC) + timedelta(minutes=5)),
    "cut": lambda: token()[:-10],
    "two parts": lambda: token().rpartition(".")[0],
    "five parts": lambda: "a.b.c.d.e",
    "no JSON": lambda: "e30.bm90IGpzb24.c2ln",
    "deep header": lambda: ".".join((base64.urlsafe_b64encode(b"[" * 5000).decode(), "e30", "c2ln")),
    "embedded key": lambda: jwt.encode(CLAIMS, OTHER_RSA, "RS256", headers={"jwk": jwk(OTHER_RSA, "rsa", "RS256")}),
    "too long": lambda: token(pad="x" * 10_000),
    "not ASCII": lambda: "é.é.é",
}


class TestBad:
    @pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
    async def test_is_refused(
        self, provider: tuple[Provider, int], http: httpx.AsyncClient, make: Callable[[], str]
    ) -> None:
        verifier = TokenVerifier(settings(provider[1]), http)

        with pytest.raises(BadKey) as refused:
            await verifier.authenticate(make())

        assert refused.value.status == 401
        assert 'error="invalid_token"' in refused.value.headers["WWW-Authenticate"]

    async def test_an_old_token_is_expired(self, provider: tuple[Provider, int], http: httpx.AsyncClient) -> None:
        with pytest.raises(ExpiredKey):
            await TokenVerifier(settings(provider[1]), http).authenticate(token(exp=NOW - timedelta(minutes=2)))


class TestKeySet:
    async def test_is_fetched_once(self, provider: tuple[Provider, int], http: httpx.AsyncClient) -> None:
        verifier = TokenVerifier(settings(provider[1]), http)

        await asyncio.gather(*(verifier.authenticate(token()) for _ in range(20)))

        assert provider[0].fetches == 1

    async def test_ten_thousand_made_up_ids_fetch_it_once_more_at_most(
        self, provider: tuple[Provider, int], http: httpx.AsyncClient
    ) -> None:
        verifier = TokenVerifier(settings(provider[1]), http)
        await verifier.authenticate(token())

        for number in range(10_000):
            with pytest.raises(BadKey):
                await verifier.authenticate(forged({"alg": "RS256", "kid": str(number)}, CLAIMS))

        assert provider[0].fetches == 1

    async def test_a_new_key_is_found_without_waiting_ten_minutes(
        self, provider: tuple[Provider, int], http: httpx.AsyncClient
    ) -> None:
        verifier = TokenVerifier(settings(provider[1]), http, retry_seconds=0.1)
        await verifier.authenticate(token())
        provider[0].body = json.dumps({"keys": [*KEYS, jwk(OTHER_RSA, "next", "RS256")]}).encode()

        await asyncio.sleep(0.15)

        assert await verifier.authenticate(token(OTHER_RSA, "RS256", "next"))
        assert provider[0].fetches == 2

    async def test_a_withdrawn_key_ends_with_the_next_fetch(
        self, provider: tuple[Provider, int], http: httpx.AsyncClient
    ) -> None:
        verifier = TokenVerifier(settings(provider[1]), http, refresh_seconds=0.1, retry_seconds=0.05)
        await verifier.authenticate(token())
        provider[0].body = json.dumps({"keys": KEYS[1:]}).encode()

        await asyncio.sleep(0.15)

        with pytest.raises(BadKey):
            await verifier.authenticate(token())

    @pytest.mark.parametrize(
        ("status", "headers", "body"),
        [
            ("500 Broken", "", b""),
            ("302 Found", "Location: http://127.0.0.1:9/\r\n", b""),
            ("200 OK", "", b"<html>login</html>"),
            ("200 OK", "", b'{"keys": []}'),
            ("200 OK", "", b"[]"),
            ("200 OK", "", b" " * 1_100_000),
        ],
    )
    async def test_the_last_good_keys_hold_while_the_provider_is_broken(
        self, provider: tuple[Provider, int], http: httpx.AsyncClient, status: str, headers: str, body: bytes
    ) -> None:
        verifier = TokenVerifier(settings(provider[1]), http, refresh_seconds=0.05, retry_seconds=0.05)
        await verifier.authenticate(token())
        provider[0].status, provider[0].headers, provider[0].body = status, headers, body

        await asyncio.sleep(0.1)

        assert await verifier.authenticate(token())
        assert provider[0].fetches == 2

    async def test_no_keys_ever_is_neither_good_nor_bad(self, http: httpx.AsyncClient) -> None:
        verifier = TokenVerifier(settings(9), http)

        with pytest.raises(ProviderUnavailable) as refused:
            await verifier.authenticate(token())

        assert refused.value.status == 503
