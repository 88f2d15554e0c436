"""Every refusal has one shape, and tells no secrets."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
import structlog
from fastapi import FastAPI

from shared.errors import Conflict, Invalid, NotFound
from shared.http.openapi import operations
from shared.http.problems import MEDIA_TYPE, problems

THING = "/v1/demo/things"
ID = "0198c5a0-0000-7000-8000-000000000001"


def checked(response: httpx.Response, status: int, code: str) -> dict[str, object]:
    """The problem, if it has the shape that every problem has."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == MEDIA_TYPE
    body: dict[str, object] = response.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["type"] == f"/problems/{code}"
    assert body["detail"] == body["message"] != ""
    assert body["title"]
    assert body["instance"] == f"urn:uuid:{response.headers['x-request-id']}"
    assert UUID(response.headers["x-request-id"]).version == 7
    return body


class TestShape:
    async def test_an_error_of_a_service_carries_its_data_and_cannot_overwrite_the_standard_members(
        self, client: httpx.AsyncClient
    ) -> None:
        answer = await client.put(f"{THING}/{ID}", json={"name": "a"})

        body = checked(answer, 409, "demo.already_there")
        assert body["reference"] == ID
        assert body["price"] == "1.50"
        assert body["detail"] == "It is there already."

    async def test_an_unknown_address(self, client: httpx.AsyncClient) -> None:
        checked(await client.get("/v1/nothing"), 404, "not_found")

    async def test_a_trailing_slash_is_no_redirect(self, client: httpx.AsyncClient) -> None:
        checked(await client.post("/v1/raw/", content=b"x"), 404, "not_found")

    async def test_a_wrong_method_names_all_methods_of_the_address(self, client: httpx.AsyncClient) -> None:
        answer = await client.delete(f"{THING}/{ID}")

        checked(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == "GET, PUT"

    @pytest.mark.parametrize(("method", "allow"), [("GET", "POST"), ("TRACE", "POST")])
    async def test_a_wrong_method_on_a_raw_route(self, client: httpx.AsyncClient, method: str, allow: str) -> None:
        answer = await client.request(method, "/v1/raw")

        checked(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allow

    async def test_a_crash_says_nothing_and_logs_all(self, client: httpx.AsyncClient) -> None:
        with structlog.testing.capture_logs() as logs:
            answer = await client.get("/v1/demo/crash")

        checked(answer, 500, "internal")
        assert "hunter2" not in answer.text
        assert "RuntimeError" not in answer.text
        (line,) = [line for line in logs if line["event"] == "request_failed"]
        assert line["request_id"] == answer.headers["x-request-id"]
        assert line["log_level"] == "error"
        assert isinstance(line["exc_info"], RuntimeError)

    async def test_an_outage_below_is_503_with_retry_after(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/v1/demo/outage")

        checked(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert "10.0.0.7" not in answer.text

    async def test_the_database_of_keys_is_away(self, client: httpx.AsyncClient) -> None:
        from shared.http.key_text import new_key

        answer = await client.get("/v1/demo/whose", headers={"Authorization": f"Bearer {new_key('secret')[1]}"})

        checked(answer, 503, "keys_unavailable")
        assert int(answer.headers["retry-after"]) >= 1


class TestValidation:
    async def test_each_fault_is_named_without_its_value(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(THING, json={"name": "x" * 30, "count": "naïve-secret", "a/b~c": 1})

        body = checked(answer, 422, "invalid")
        errors = {each["pointer"]: each for each in body["errors"]}  # type: ignore[attr-defined, index]
        assert set(errors) == {"/name", "/count", "/a~1b~0c"}
        assert errors["/name"]["type"] == "string_too_long"
        assert errors["/name"]["where"] == "body"
        assert "secret" not in answer.text
        assert "xxx" not in answer.text

    async def test_a_parameter_is_named(self, client: httpx.AsyncClient) -> None:
        body = checked(await client.get(f"{THING}/{ID}", params={"limit": 99}), 422, "invalid")

        assert body["errors"][0]["where"] == "query"  # type: ignore[index]
        assert body["errors"][0]["pointer"] == "limit"  # type: ignore[index]

    async def test_a_thousand_faults_are_cut(self, client: httpx.AsyncClient) -> None:
        body = checked(await client.post(THING, json={f"f{n}": n for n in range(1000)}), 422, "invalid")

        assert len(body["errors"]) == 50  # type: ignore[arg-type]
        assert "1000 more" in body["detail"]  # type: ignore[operator]  # `name` is missing as well

    @pytest.mark.parametrize(
        "value", ["2026-01-31T10:00:00", 1769824800, "1769824800", "2026-01-31", "0001-01-01T00:00:00+14:00", True]
    )
    async def test_only_rfc_3339_with_an_offset_is_a_time(self, client: httpx.AsyncClient, value: object) -> None:
        body = checked(await client.post(THING, json={"name": "a", "at": value}), 422, "invalid")

        assert body["errors"][0]["pointer"] == "/at"  # type: ignore[index]

    async def test_a_time_is_answered_in_utc(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(THING, json={"name": "a", "at": "2026-01-31T10:00:00+07:00"})

        assert answer.json()["at"] == "2026-01-31T03:00:00Z"


HOSTILE = {
    "cut short": (b'{"name": "a"', 400, "malformed_json"),
    "not UTF-8": (b'{"name": "\xff\xfe"}', 400, "malformed_json"),
    "UTF-16": ('{"name": "a"}'.encode("utf-16"), 200, ""),
    "100,000 deep": (b"[" * 100_000, 400, "malformed_json"),
    "100,000 deep and closed": (b'{"name":"a","extra":{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}}", 400, ""),
    "200 deep in free-form data": (b'{"name":"a","extra":{"a":' + b"[" * 200 + b"]" * 200 + b"}}", 422, "invalid"),
    "NaN": (b'{"name": "a", "price": NaN}', 422, "invalid"),
    "Infinity": (b'{"name": "a", "price": Infinity}', 422, "invalid"),
    "1e999": (b'{"name": "a", "price": 1e999}', 422, "invalid"),
    "NaN in free-form data": (b'{"name": "a", "extra": {"x": [NaN]}}', 422, "invalid"),
    "NUL": (b'{"name": "a\\u0000b"}', 422, "invalid"),
    "NUL in a key of free-form data": (b'{"name": "a", "extra": {"x\\u0000": 1}}', 422, "invalid"),
    "lone surrogate": (b'{"name": "a", "extra": {"x": "\\ud800"}}', 422, "invalid"),
    "lone surrogate as unknown field": (b'{"name": "a", "\\ud800": 1}', 422, "invalid"),
    "a number beyond bigint": (b'{"name": "a", "count": 9223372036854775808}', 422, "invalid"),
    "a number of 10,000 digits": (b'{"name": "a", "count": ' + b"9" * 10_000 + b"}", 400, "malformed_json"),
    "a list": (b"[]", 422, "invalid"),
    "a string": (b'"name"', 422, "invalid"),
    "null": (b"null", 422, "invalid"),
    "nothing": (b"", 422, "invalid"),
    "too large": (b'{"name": "' + b"x" * 200_000 + b'"}', 413, "body_too_large"),
}


class TestHostileBodies:
    @pytest.mark.parametrize(("body", "status", "code"), HOSTILE.values(), ids=HOSTILE.keys())
    async def test_is_refused_not_crashed_on(
        self, client: httpx.AsyncClient, body: bytes, status: int, code: str
    ) -> None:
        answer = await client.post(THING, content=body, headers={"Content-Type": "application/json"})

        assert answer.status_code == status, answer.text
        if status >= 400:
            checked(answer, status, code or "malformed_json")

    @pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "image/png", "a/b/c"])
    async def test_another_content_type(self, client: httpx.AsyncClient, content_type: str) -> None:
        answer = await client.post(THING, content=b'{"name": "a"}', headers={"Content-Type": content_type})

        checked(answer, 415, "not_json")

    async def test_a_compressed_body(self, client: httpx.AsyncClient) -> None:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

        checked(await client.post(THING, content=gzip.compress(b'{"name":"a"}'), headers=headers), 415, "not_json")

    @pytest.mark.parametrize("count", ["1", 1.0, True])
    async def test_only_whole_numbers_are_whole_numbers(self, client: httpx.AsyncClient, count: object) -> None:
        checked(await client.post(THING, json={"name": "a", "count": count}), 422, "invalid")

    async def test_chunks_beyond_the_limit(self, client: httpx.AsyncClient) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(300):
                yield b" " * 1_000

        answer = await client.post(THING, content=chunks(), headers={"Content-Type": "application/json"})

        body = checked(answer, 413, "body_too_large")
        assert body["limit_bytes"] == 200_000

    async def test_the_limit_itself_passes(self, client: httpx.AsyncClient) -> None:
        body = json.dumps({"name": "a"}).encode().ljust(200_000)

        answer = await client.post(THING, content=body, headers={"Content-Type": "application/json"})

        assert answer.status_code == 200

    async def test_a_body_that_never_comes(self, client: httpx.AsyncClient) -> None:
        async def slow() -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.sleep(30)

        answer = await client.post(THING, content=slow(), headers={"Content-Type": "application/json"})

        checked(answer, 408, "slow_body")

    async def test_raw_routes_have_no_limit_of_ours(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/raw", content=b"x" * 1_000_000)

        assert answer.text == "1000000"

    @pytest.mark.parametrize("path", ["/v1/demo/things/%00", "/v1/demo/poll?q=%00", "/v1/demo/poll?q=a%00b"])
    async def test_nul_in_the_address(self, client: httpx.AsyncClient, path: str) -> None:
        checked(await client.get(path), 400, "nul_character")


class TestDocumentation:
    def test_problems_of_one_status_are_told_together(self) -> None:
        class Other(Conflict):
            code = "demo.other"

        found = problems(NotFound, Conflict, Other)

        assert set(found) == {404, 409}
        assert "`conflict`" in found[409]["description"]
        assert "`demo.other`" in found[409]["description"]

    def test_every_route_may_answer_every_default_problem(self, app: FastAPI) -> None:
        openapi = app.openapi()

        native = [each for each in operations(openapi) if each[0] != "/v1/raw"]
        assert native
        for _, method, operation in native:
            about_bodies = ("413", "415") if method != "get" else ()
            for status in ("400", "401", "403", "422", "429", "500", "503", *about_bodies):
                content = operation["responses"][status]["content"]
                assert list(content) == [MEDIA_TYPE], (operation["operationId"], status)

    def test_a_problem_fits_its_documented_schema(self, app: FastAPI) -> None:
        schema = app.openapi()["components"]["schemas"]["Problem"]

        assert {"type", "title", "status", "detail", "instance", "code", "message"} <= set(schema["required"])


def test_invalid_is_the_parent_of_validation_problems() -> None:
    assert Invalid.status == 422
