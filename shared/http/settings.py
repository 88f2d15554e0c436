"""Settings of the HTTP edge: `TAM_HTTP_…`, and of foreign tokens: `TAM_OIDC_…`."""

from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from shared.config import Settings

HTTP_PREFIX = "TAM_HTTP_"
AUTH_PREFIX = "TAM_OIDC_"


class HttpSettings(Settings):
    """Limits of the native routes. Ingest has its own."""

    max_body_bytes: int = Field(1_048_576, ge=1_024, description="Largest request body of a native route.")
    max_file_bytes: int = Field(
        1_073_741_824, ge=1_024, description="Largest file, as it is sent, of a route that takes files part by part."
    )
    body_seconds: float = Field(
        30.0, gt=0, description="How long a client may take to send a body; of a file, each of its parts."
    )
    rate_per_second: float = Field(
        500.0, ge=0, description="Requests a second per key and process on native routes; 0: no limit."
    )
    rate_burst: int = Field(1_000, ge=1, description="Requests a key may make at once before the rate holds.")
    bad_keys_per_minute: float = Field(
        60.0,
        ge=0,
        description="Bad keys a minute from one network (IPv4 /24, IPv6 /64) and process, after the first 30, before "
        "none that is new is looked up for it; 0: no limit.",
    )
    metrics_token: str | None = Field(
        None,
        min_length=16,
        repr=False,
        description="Bearer token that /metrics wants, at least 16 characters: it shows revenue. Unset: it is open.",
    )
    proxies: int = Field(
        0,
        ge=0,
        le=10,
        description="How many proxies every request comes through, each of which adds whom it was called by to "
        "X-Forwarded-For: limits count by the address that the outermost saw. 0: that header is not believed.",
    )
    docs: bool = Field(True, description="Serve /docs and /openapi.json; off: they are not there.")


class AuthSettings(Settings):
    """An OpenID Connect provider whose bearer tokens are taken besides keys; without `jwks_url` none are."""

    issuer: str | None = Field(None, description="The `iss` a token must have.")
    audience: str | None = Field(None, description="The `aud` a token must have.")
    scope_claim: str = Field("scope", description="The claim with the scopes: a list, or words with spaces between.")
    jwks_url: str | None = Field(None, validate_default=True, description="Where the provider's public keys are.")

    @field_validator("jwks_url")
    @classmethod
    def _is_complete(cls, value: str | None, info: ValidationInfo) -> str | None:
        others = (info.data.get("issuer"), info.data.get("audience"))
        if value is None:
            if any(others):
                raise ValueError("it is needed with TAM_OIDC_ISSUER and TAM_OIDC_AUDIENCE")
            return None
        if not all(others):
            raise ValueError("it needs TAM_OIDC_ISSUER and TAM_OIDC_AUDIENCE beside it")
        parts = urlsplit(value)
        is_local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
        if not (is_local or parts.scheme == "https") or not parts.hostname:
            raise ValueError("it must begin with https://")
        return value
