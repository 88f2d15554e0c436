"""The application around the routes: system pages, the contract, metrics, traces."""

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from opentelemetry import trace
from prometheus_client.parser import text_string_to_metric_families

from shared.http.auth import require
from shared.http.openapi import document, operations
from shared.observability.health import Health
from shared.observability.metrics import REGISTRY
from shared.observability.tracing import current_traceparent

ID = "0198c5a0-0000-7000-8000-000000000001"


def requests_counted(route: str, method: str, code: str, *, service: str = "platform") -> float:
    labels = {"service": service, "route": route, "method": method, "code": code}
    return REGISTRY.get_sample_value("tam_http_requests_total", labels) or 0.0


class TestSystemPages:
    async def test_the_root_says_where_to_look(self, client: httpx.AsyncClient) -> None:
        body = (await client.get("/")).json()

        for link in ("docs", "openapi", "metrics", "ready"):
            assert (await client.get(body[link])).status_code == 200

    async def test_alive_whatever_is_wrong(self, client: httpx.AsyncClient, health: Health) -> None:
        async def broken() -> str | None:
            return "the database does not answer"

        health.add("database", broken)

        assert (await client.get("/healthz")).status_code == 200

    async def test_unready_says_what_is_wrong(self, client: httpx.AsyncClient, health: Health) -> None:
        async def broken() -> str | None:
            return "the database does not answer"

        assert (await client.get("/readyz")).json() == {"status": "ready", "problems": []}
        health.add("database", broken)
        answer = await client.get("/readyz")

        assert answer.status_code == 503
        assert answer.json()["problems"] == [{"check": "database", "problem": "the database does not answer"}]

    async def test_a_stopping_process_is_unready(self, client: httpx.AsyncClient, health: Health) -> None:
        health.stopping = True

        assert (await client.get("/readyz")).status_code == 503

    async def test_the_docs_load_nothing_from_elsewhere(self, client: httpx.AsyncClient) -> None:
        page = (await client.get("/docs")).text

        assert "/v1/demo/things/{thing_id}" in page
        assert "<script" not in page
        assert "http" not in page.replace("/openapi.json", "")

    async def test_a_scrape_survives_a_service_that_cannot_refresh(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/metrics")

        assert answer.status_code == 200
        names = {family.name for family in text_string_to_metric_families(answer.text)}
        assert "tam_http_requests" in names

    async def test_open_metrics_where_it_is_asked_for(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

        assert answer.text.endswith("# EOF\n")
        assert answer.headers["content-type"].startswith("application/openmetrics-text")


class TestContract:
    def test_operation_ids_are_the_routers_tag_and_the_functions_name(self, app: FastAPI) -> None:
        ids = {operation["operationId"] for _, _, operation in operations(app.openapi())}

        assert {"demo_show", "demo_make", "demo_raw", "ops_dead_letter_list", "ops_consumers"} <= ids

    def test_two_operations_with_one_id_are_refused(self, app: FastAPI) -> None:
        router = APIRouter(tags=["demo"])

        @router.get("/v1/other")
        async def show() -> None: ...

        app.include_router(router)
        with pytest.warns(UserWarning, match="Duplicate Operation ID"), pytest.raises(ValueError, match="demo_show"):
            document(app, ())

    def test_scopes_and_both_ways_to_present_a_key_are_documented(self, app: FastAPI) -> None:
        openapi = app.openapi()

        schemes = {name: each["scheme"] for name, each in openapi["components"]["securitySchemes"].items()}
        assert schemes == {"key": "bearer", "keyAsUser": "basic"}
        operation = openapi["paths"]["/v1/demo/whose"]["get"]
        assert operation["security"] == [{"key": ["demo:read"]}, {"keyAsUser": ["demo:read"]}]
        assert "security" not in openapi["paths"]["/v1/demo/poll"]["get"]

    def test_system_pages_are_no_part_of_the_contract(self, app: FastAPI) -> None:
        assert all(path.startswith("/v1/") for path in app.openapi()["paths"])

    def test_every_route_of_ours_wants_a_key(self, app: FastAPI) -> None:
        for context in iter_route_contexts(app.routes):
            route = context.original_route
            if isinstance(route, APIRoute) and not route.path.startswith("/v1/demo"):
                calls = [each.call for each in route.dependant.dependencies]
                assert any(isinstance(call, require) for call in calls), f"{route.path} is open to everybody"


class TestMetrics:
    async def test_labels_are_templates_never_paths(self, client: httpx.AsyncClient) -> None:
        before = requests_counted("/v1/demo/things/{thing_id}", "GET", "200", service="demo")

        await client.get(f"/v1/demo/things/{ID}")

        assert requests_counted("/v1/demo/things/{thing_id}", "GET", "200", service="demo") == before + 1
        assert ID not in (await client.get("/metrics")).text

    async def test_what_matches_no_route_has_one_label(self, client: httpx.AsyncClient) -> None:
        before = requests_counted("unmatched", "GET", "404")

        await client.get("/wp-admin/1")
        await client.get("/wp-admin/2")

        assert requests_counted("unmatched", "GET", "404") == before + 2

    async def test_made_up_methods_have_one_label(self, client: httpx.AsyncClient) -> None:
        before = requests_counted("/v1/raw", "OTHER", "405", service="demo")

        await client.request("BREW", "/v1/raw")
        await client.request("STIR", "/v1/raw")

        assert requests_counted("/v1/raw", "OTHER", "405", service="demo") == before + 2

    async def test_a_crash_is_counted_and_nothing_stays_in_flight(self, client: httpx.AsyncClient) -> None:
        before = requests_counted("/v1/demo/crash", "GET", "500", service="demo")

        await client.get("/v1/demo/crash")

        assert requests_counted("/v1/demo/crash", "GET", "500", service="demo") == before + 1
        assert REGISTRY.get_sample_value("tam_http_requests_in_flight") == 0


class TestTrace:
    async def test_the_callers_trace_goes_on_inside(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"

        @app.get("/v1/demo/where")
        async def where() -> dict[str, str | None]:
            return {"traceparent": current_traceparent()}

        answer = await client.get("/v1/demo/where", headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})

        assert answer.json()["traceparent"].split("-")[1] == trace_id
        assert (await client.get("/v1/demo/where")).json()["traceparent"] is None

    async def test_a_broken_traceparent_is_ignored(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/v1/demo/poll", headers={"traceparent": "garbage"})).status_code == 200
        assert not trace.get_current_span().get_span_context().is_valid


class TestEtag:
    async def test_who_has_it_gets_304_without_a_body(self, client: httpx.AsyncClient) -> None:
        first = await client.get("/v1/demo/poll")
        second = await client.get("/v1/demo/poll", headers={"If-None-Match": first.headers["etag"]})
        other = await client.get("/v1/demo/poll", headers={"If-None-Match": '"old"'})

        assert first.json() == {"value": 1}
        assert (second.status_code, second.content) == (304, b"")
        assert second.headers["etag"] == first.headers["etag"]
        assert other.status_code == 200

    @pytest.mark.parametrize("form", ["*", '"x", {tag}', "{strong}"])
    async def test_forms_of_if_none_match(self, client: httpx.AsyncClient, form: str) -> None:
        tag = (await client.get("/v1/demo/poll")).headers["etag"]
        header = form.format(tag=tag, strong=tag.removeprefix("W/"))

        assert (await client.get("/v1/demo/poll", headers={"If-None-Match": header})).status_code == 304


async def test_every_answer_forbids_sniffing(client: httpx.AsyncClient) -> None:
    for path in ("/", "/v1/demo/poll", "/nothing", "/v1/demo/crash"):
        assert (await client.get(path)).headers["x-content-type-options"] == "nosniff"
