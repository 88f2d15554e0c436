"""Through the gateway, as everybody comes: whom services see, HTTPS, what is described, what Prometheus is told."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from caddy import ROOT, gateway, placed, program, trusting
from e2e_world import Shop, fresh, make_keys, order, serving

from services.registry import NAMES
from shared.testing.ports import free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

# Bad keys that a network may present before it is stopped.
FORGIVEN = 30
CLIENT, ANOTHER = "203.0.113.7", "198.51.100.9"
OF_ALL = ("/v1/ops", "/v1/audit")


@dataclass(frozen=True, slots=True)
class World:
    """Each service in a process of its own, and the gateway before them."""

    shop: Shop
    ports: dict[str, int]
    plain: str
    secure: str
    watch: str
    certificates: Path

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask the gateway, over HTTPS, as an operator with all rights."""
        known = {"Authorization": f"Bearer {self.shop.secret_key}"} | headers
        with httpx.Client(verify=trusting(self.certificates), trust_env=False, timeout=30) as client:
            return client.get(self.secure + path, headers=known)


@pytest.fixture(scope="module")
def world(pg_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    program()
    folder = tmp_path_factory.mktemp("gateway")
    with fresh(pg_url) as url, ExitStack() as stack:
        # The gateway is one proxy, a load balancer before it is another: that one the tests play.
        environ = {"TAM_DATABASE_URL": url, "TAM_HTTP_PROXIES": "2", "TAM_DATABASE_POOL_SIZE": "4"}
        write, secret = make_keys(**environ)
        ports = {}
        for name in NAMES:
            arguments = ("--only", name, "--role", "api")
            process = stack.enter_context(serving(folder / f"{name}.log", arguments, **environ))
            ports[name] = int(process.base_url.rpartition(":")[2])
        http, https, watch = free_port(), free_port(), free_port()
        config = placed(ports, http=http, https=https, watch=watch)
        kept = stack.enter_context(gateway(config, folder, site="localhost", watch=watch))
        plain, secure = f"http://localhost:{http}", f"https://localhost:{https}"
        yield World(Shop(secure, write, secret, environ), ports, plain, secure, f"http://127.0.0.1:{watch}", kept)


def test_plain_http_is_sent_to_https_and_its_certificate_is_right(world: World):
    sent = httpx.get(world.plain + "/v1/customers", trust_env=False)
    assert sent.status_code in (301, 308)
    assert sent.headers["location"].startswith("https://localhost")
    assert world.get("/v1/customers").status_code == 200
    with pytest.raises(httpx.ConnectError, match="certificate"):
        httpx.get(world.secure, trust_env=False)


def test_an_event_goes_to_its_service(world: World):
    with httpx.Client(verify=trusting(world.certificates), trust_env=False, timeout=30) as client:
        answer = client.post(
            world.secure + "/v1/track", auth=(world.shop.write_key, ""), json=order("o-gate", 5, {"userId": "gate"})
        )
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)


def test_a_client_is_who_the_outermost_proxy_saw_whatever_it_writes_itself(world: World):
    """Who guesses keys is stopped under any name, and nobody else is stopped by being named."""

    def guess(number: int, chain: str) -> int:
        made_up = f"tam_sk_{number:016d}_{'x' * 43}"
        return world.get("/v1/customers", Authorization=f"Bearer {made_up}", **{"X-Forwarded-For": chain}).status_code

    # Each time the client says that it comes from elsewhere; the load balancer adds where it came from.
    said = {guess(number, f"192.0.2.{number}, {CLIENT}") for number in range(FORGIVEN + 10)}
    assert said == {401, 429}
    assert guess(100, f"{ANOTHER}, {CLIENT}") == 429
    assert guess(101, f"{CLIENT}, {ANOTHER}") == 401


def test_the_description_is_of_all_services_and_of_each(world: World):
    whole = world.get("/openapi.json").json()
    committed = json.loads((ROOT / "shared" / "contracts" / "openapi.json").read_text())
    expected = {path.replace("/v1/ops/", "/v1/ops/{service}/") for path in committed["paths"]}
    assert set(whole["paths"]) == expected
    assert whole["components"] == committed["components"]
    of_each = {name: world.get(f"/openapi/{name}.json").json()["paths"].keys() for name in NAMES}
    alone = [path for paths in of_each.values() for path in paths if not path.startswith(OF_ALL)]
    assert len(alone) == len(set(alone)), "no address is of two services"
    assert set(alone) == {path for path in expected if not path.startswith(OF_ALL)}
    page = world.get("/docs").text
    assert "/v1/metrics/summary" in page
    assert "/v1/loyalty/invariants" in page
    assert world.get("/openapi/nobody.json").status_code == 404


@pytest.mark.parametrize("name", NAMES)
def test_operators_are_shown_each_service(world: World, name: str):
    letters = world.get(f"/v1/ops/{name}/dead-letters")
    consumers = world.get(f"/v1/ops/{name}/consumers").json()["items"]

    assert (letters.status_code, letters.json()["items"]) == (200, [])
    assert {each["service"] for each in consumers} <= {name}
    assert world.get("/v1/ops/dead-letters").status_code == 404


def test_what_is_inside_stays_inside(world: World):
    for path in ("/metrics", "/readyz", "/v1/ops/loyalty/../../metrics", "/v1/nothing"):
        assert world.get(path).status_code == 404, path
    assert world.get("/healthz").json() == {"status": "alive"}


def test_prometheus_is_told_what_the_dashboard_and_the_alert_ask_for(world: World):
    """Last: there have been requests."""
    told = httpx.get(world.watch + "/metrics", trust_env=False).text
    asked = {
        word.removesuffix("_bucket")
        for path in ("deploy/grafana/dashboards/gateway.json", "deploy/prometheus/alerts/platform.yml")
        for word in re.findall(r"\b(?:caddy|process)_\w+", (ROOT / path).read_text())
    }
    assert len(asked) >= 5
    # What never happened is not told: nobody was out of reach.
    assert {name for name in asked if f"\n{name}" not in told} <= {"caddy_http_request_errors_total"}
