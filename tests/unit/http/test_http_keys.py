"""The text of keys, how they are presented, and how fast they may be used."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ConfigError
from shared.http.caller import Caller, presented
from shared.http.key_text import looks_like_key, new_key, parse_key
from shared.http.limits import RateLimited, TokenBuckets
from shared.http.settings import AUTH_PREFIX, AuthSettings


class TestText:
    def test_a_new_key_is_read_back(self) -> None:
        key, text = new_key("write")

        assert parse_key(text) == key
        assert text.startswith("tam_wk_")
        assert text.replace("_", "").isalnum()
        assert looks_like_key(text)

    def test_the_kind_is_part_of_the_key(self) -> None:
        _, text = new_key("write")

        assert parse_key(text.replace("tam_wk_", "tam_sk_")) is None

    def test_no_two_are_the_same(self) -> None:
        assert len({new_key("secret")[1] for _ in range(100)}) == 100

    @given(st.integers(min_value=0, max_value=70), st.sampled_from("0aZ_-é\x00"))
    def test_any_changed_character_is_noticed_without_a_database(self, position: int, character: str) -> None:
        _, text = new_key("secret")
        position %= len(text)
        changed = text[:position] + character + text[position + 1 :]

        assert (parse_key(changed) is None) == (changed != text)

    @given(st.text())
    def test_any_text_is_taken(self, text: str) -> None:
        assert parse_key(text) is None


class TestPresented:
    def test_forms_that_sdks_send(self) -> None:
        for plain in ("KEY:", "KEY"):
            whole = base64.b64encode(plain.encode()).decode()
            assert presented(f"Basic {whole}") == "KEY"
            assert presented(f"basic  {whole.rstrip('=')} ") == "KEY"
        assert presented("Bearer KEY") == "KEY"
        assert presented("bearer   KEY ") == "KEY"

    @pytest.mark.parametrize(
        "header", [None, "", "Bearer", "Bearer ", "Basic", "Basic !!!", "Basic /w==", "Basic Og==", "Digest a", "KEY"]
    )
    def test_forms_without_a_key(self, header: str | None) -> None:
        assert presented(header) is None


class TestCaller:
    def test_scopes(self) -> None:
        assert Caller("k", "secret", frozenset({"a:read"})).may("a:read")
        assert not Caller("k", "secret", frozenset({"a:read"})).may("a:write")
        assert Caller("k", "secret", frozenset({"*"})).may("a:write")

    def test_origins(self) -> None:
        limited = Caller("k", "write", frozenset(), "shop", frozenset({"https://shop.example"}))

        assert limited.is_welcome_from("https://SHOP.example")
        assert not limited.is_welcome_from("https://evil.example")
        assert not limited.is_welcome_from(None)
        assert Caller("k", "write", frozenset(), "shop").is_welcome_from(None)


class TestBuckets:
    def test_a_burst_then_the_rate(self) -> None:
        now = [100.0]
        buckets = TokenBuckets(rate=10, burst=5, now=lambda: now[0])

        for _ in range(5):
            buckets.take("a")
        with pytest.raises(RateLimited) as refused:
            buckets.take("a")
        buckets.take("b")
        now[0] += 0.11
        buckets.take("a")

        assert refused.value.headers["Retry-After"] == "1"

    def test_a_batch_larger_than_the_bucket_passes_and_is_paid_back(self) -> None:
        now = [100.0]
        buckets = TokenBuckets(rate=10, burst=5, now=lambda: now[0])

        buckets.take("a", 25)
        with pytest.raises(RateLimited) as refused:
            buckets.take("a", 5)
        now[0] += 2.6
        buckets.take("a", 1)

        assert refused.value.headers["Retry-After"] == "3"

    def test_a_refused_request_takes_nothing(self) -> None:
        now = [100.0]
        buckets = TokenBuckets(rate=1, burst=1, now=lambda: now[0])
        buckets.take("a")

        for _ in range(100):
            with pytest.raises(RateLimited):
                buckets.take("a")
        now[0] += 1
        buckets.take("a")

    def test_no_rate_is_no_limit(self) -> None:
        buckets = TokenBuckets(rate=0, burst=1)

        for _ in range(1000):
            buckets.take("a")


class TestOidcSettings:
    def test_all_or_none(self) -> None:
        from shared.config import load

        complete = {
            "TAM_OIDC_ISSUER": "https://id.example",
            "TAM_OIDC_AUDIENCE": "tam",
            "TAM_OIDC_JWKS_URL": "https://id.example/keys",
        }

        assert load(AuthSettings, prefix=AUTH_PREFIX, environ={}).jwks_url is None
        assert load(AuthSettings, prefix=AUTH_PREFIX, environ=complete).issuer == "https://id.example"
        for variable in complete:
            partly = {name: value for name, value in complete.items() if name != variable}
            with pytest.raises(ConfigError, match="TAM_OIDC_JWKS_URL"):
                load(AuthSettings, prefix=AUTH_PREFIX, environ=partly)

    def test_keys_come_over_https(self) -> None:
        from shared.config import load

        environ = {
            "TAM_OIDC_ISSUER": "x",
            "TAM_OIDC_AUDIENCE": "tam",
            "TAM_OIDC_JWKS_URL": "http://id.example/keys",
        }
        with pytest.raises(ConfigError, match="https"):
            load(AuthSettings, prefix=AUTH_PREFIX, environ=environ)
