"""`docker-compose.yml` for real: the image is built, everything comes up in any order, and works through the gateway.

Images of registries are stood in for (`container_machine.py`); all the rest is what operators run, `make up` included.
One test, because what it makes takes minutes; `make test-containers` runs it, `make test` leaves it out.
"""

import json
import os
import re
import shlex
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
import yaml
from container_machine import Machine, NoContainers, base_image, build_standins, java_mounts, machine

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PROCESSES = COMPOSE["services"]["ready"]["command"]
IMAGE = "localhost/tam:test"
# There is no Grafana for Debian: what it is given is checked as files.
LEFT_OUT = {"grafana", "tam", "ready"}
PATIENCE_SECONDS = 90.0
MAX_LAYERS_MB = 200
MAX_IDLE_MB = 1_200


@dataclass
class Installation:
    """The containers of one project, and how to reach them."""

    machine: Machine
    project: str
    gateway: httpx.Client

    def container(self, service: str) -> str:
        return f"{self.project}_{service}_1"

    def podman(self, *arguments: str) -> str:
        return self.machine.run("podman", *arguments, seconds=120)

    def tam(self, *arguments: str) -> str:
        """What `make tam` prints."""
        told = self.machine.run("make", "-s", "-C", str(ROOT), "tam", f"ARGS={shlex.join(arguments)}", seconds=120)
        return told.strip().splitlines()[-1]

    def log(self, service: str) -> str:
        return self.machine.run("sh", "-c", f"podman logs {self.container(service)} 2>&1")

    def inspect(self, service: str, what: str) -> str:
        return self.podman("inspect", "--format", f"{{{{{what}}}}}", self.container(service)).strip()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """What differs from an operator's `make up`: names, ports, images, and where secrets are."""
    override = tmp_path / "override.yml"
    override.write_text(yaml.safe_dump({"services": {"kafka": {"volumes": java_mounts()}}}))
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COMPOSE": "podman-compose",
        "COMPOSE_FILE": f"{ROOT / 'docker-compose.yml'}:{override}",
        "COMPOSE_PROJECT_NAME": f"tamtest{os.getpid()}",
        "BUILD": "buildah bud -q --format docker --isolation chroot --layers",
        "BASE_IMAGE": base_image(),
        "ONLY": " ".join(name for name in COMPOSE["services"] if name not in LEFT_OUT),
        "TAM_IMAGE": IMAGE,
        "TAM_SECRETS": str(tmp_path / "secrets"),
        "TAM_LISTEN": f"127.0.0.1:{free_port()}",
        "MAIL_PORT": str(free_port()),
        "TAM_LOG_DRIVER": "k8s-file",
    }


@pytest.fixture
def installation(tmp_path: Path, environ: dict[str, str]) -> Iterator[Installation]:
    """Everything, built and ready; gone afterwards."""
    try:
        bare = machine(tmp_path)
        standins = build_standins(bare)
    except NoContainers as reason:
        sentence = f"containers cannot be run here: {reason}"
        if os.environ.get("TAM_REQUIRE_PODMAN") == "1":
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)
    images = {f"{name.upper()}_IMAGE": image for name, image in standins.items()}
    on = Machine({**bare.environ, **environ, **images}, tmp_path)
    with httpx.Client(base_url=f"http://{environ['TAM_LISTEN']}", timeout=20, trust_env=False) as gateway:
        try:
            on.run("make", "-C", str(ROOT), "image", seconds=400)
            started, clock = monotonic(), datetime.now(UTC)
            on.run("make", "-C", str(ROOT), "up", "BUILD=true", seconds=500)
            print(f"\nfrom `make up`, warm, to ready: {monotonic() - started:.0f} s")
            found = Installation(on, environ["COMPOSE_PROJECT_NAME"], gateway)
            print(*what_the_start_waited_for(found, clock), sep="\n")
            yield found
        finally:
            on.run("make", "-C", str(ROOT), "down", "ARGS=-v -t 3", seconds=200)


def what_the_start_waited_for(at: Installation, since: datetime) -> Iterator[str]:
    """A line for each process: when it waited for what, and when it served, in seconds."""
    for name in PROCESSES:
        lines = [json.loads(line) for line in at.log(name).splitlines() if line.startswith("{")]
        told = [
            f"{(datetime.fromisoformat(line['timestamp']) - since).seconds} s {line.get('reason', 'serving')[:70]}"
            for line in lines
            if line["event"] in ("start_waits", "serving")
        ]
        yield f"  {name}: {'; '.join(told)}"


def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert monotonic() < deadline, f"not within {PATIENCE_SECONDS:.0f} s: {what}"
        sleep(0.3)
    return found


@pytest.mark.containers
@pytest.mark.timeout(1200)
@pytest.mark.xdist_group("containers")
def test_all_of_it_in_containers(installation: Installation):
    came_up(installation)
    shop, crm = keys(installation)
    an_order_becomes_figures_and_points(installation, shop, crm)
    a_survey_is_answered_on_its_page(installation, crm)
    a_killed_worker_comes_back_and_misses_nothing(installation, shop, crm)
    a_service_may_start_before_its_database(installation, crm)
    every_service_sees_its_own_rows_alone(installation)
    nothing_more_is_open_than_has_to_be(installation)
    prometheus_sees_every_process(installation)
    it_is_as_small_as_promised(installation)


def came_up(at: Installation) -> None:
    """Compose starts services before database and broker: they waited, and none had to be started anew."""
    assert any("start_waits" in at.log(name) for name in PROCESSES)
    assert [name for name in PROCESSES if at.inspect(name, ".RestartCount") != "0"] == []
    assert (at.inspect("migrate", ".State.ExitCode"), at.inspect("topics", ".State.ExitCode")) == ("0", "0")


def keys(at: Installation) -> tuple[httpx.BasicAuth, dict[str, str]]:
    write, secret = at.tam("keys", "create", "shop", "--kind", "write"), at.tam("keys", "create", "crm", "--scope", "*")
    assert re.match(r"tam_wk_", write)
    return httpx.BasicAuth(write, ""), {"Authorization": f"Bearer {secret}"}


def order(at: Installation, shop: httpx.BasicAuth, number: int) -> None:
    told = {"order_id": f"o-{number}", "total": 250_000, "currency": "VND"}
    body = {"userId": "u-1", "event": "Order Completed", "messageId": f"m-{number}", "properties": told}
    answer = at.gateway.post("/v1/track", auth=shop, json=body)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)


def orders_of(at: Installation, crm: dict[str, str]) -> int:
    answer = at.gateway.get("/v1/metrics/customers/user_id:u-1", headers=crm)
    return int(answer.json()["orders"]["value"]) if answer.status_code == 200 else 0


def points_of(at: Installation, crm: dict[str, str]) -> int:
    wallets = at.gateway.get("/v1/loyalty/members/user_id:u-1", headers=crm).json().get("wallets", [])
    return sum(wallet["available"] + wallet["pending"] for wallet in wallets)


def an_order_becomes_figures_and_points(at: Installation, shop: httpx.BasicAuth, crm: dict[str, str]) -> None:
    """Five services, each in a process of its own: ingest, figures, profile, touchpoints and loyalty."""
    effect = {"kind": "per_amount", "points": 1, "per_minor": 10_000, "currency": "VND"}
    rule = {"name": "1 per 10,000", "state": "active", "rule": {"trigger": {"on": "order"}, "effect": effect}}
    made = at.gateway.post("/v1/loyalty/earning/rules", headers=crm, json=rule)
    assert made.status_code == 201, made.text
    order(at, shop, 1)

    until(lambda: orders_of(at, crm) == 1, "the order is a figure")
    until(lambda: points_of(at, crm) == 25, "it earned points")
    assert at.gateway.get("/v1/customers/user_id:u-1", headers=crm).status_code == 200
    until(lambda: at.gateway.get("/v1/customers/user_id:u-1/touchpoints", headers=crm).json()["items"], "a touchpoint")


def nps(at: Installation, crm: dict[str, str]) -> float | None:
    total = at.gateway.get("/v1/metrics/nps", headers=crm).json().get("total") or {}
    value: float | None = total.get("value")
    return value


def a_survey_is_answered_on_its_page(at: Installation, crm: dict[str, str]) -> None:
    made = at.gateway.post("/v1/surveys", headers=crm, json={"library": "relationship_nps"}).json()
    survey = made["id"]
    published = at.gateway.post(f"/v1/surveys/{survey}/publish", headers=crm, json={"note": "first"})
    assert published.status_code == 200, published.text
    answered = at.gateway.post(
        "/v1/responses",
        headers=crm,
        json={"survey_id": survey, "customer": "user_id:u-1", "answers": {"nps": {"score": 9}}},
    )
    assert answered.status_code == 201, answered.text
    until(lambda: nps(at, crm) == 100, "it counts in the NPS")
    page = at.gateway.get("/s/not-a-link")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")


def a_killed_worker_comes_back_and_misses_nothing(at: Installation, shop: httpx.BasicAuth, crm: dict[str, str]) -> None:
    victims = ("touchpoints-worker", "metrics-worker")
    for victim in victims:
        os.kill(int(at.inspect(victim, ".State.Pid")), signal.SIGKILL)
    for number in range(2, 12):
        order(at, shop, number)

    until(lambda: orders_of(at, crm) == 11, "eleven orders after two workers were killed")
    assert all(int(at.inspect(victim, ".RestartCount")) >= 1 for victim in victims)


def a_service_may_start_before_its_database(at: Installation, crm: dict[str, str]) -> None:
    at.podman("stop", "-t", "10", at.container("postgres"))
    at.podman("restart", "-t", "10", at.container("metrics-api"))
    until(lambda: "PostgreSQL cannot be reached" in at.log("metrics-api"), "it says what it waits for")
    at.podman("start", at.container("postgres"))

    until(lambda: orders_of(at, crm) == 11, "figures are told again")


def every_service_sees_its_own_rows_alone(at: Installation) -> None:
    def ask(user: str, statement: str) -> str:
        command = f"psql -h /run/postgresql -U {user} -d tam -tAc '{statement}' 2>&1 || true"
        return at.podman("exec", at.container("postgres"), "sh", "-c", command).strip()

    assert ask("tam_loyalty", "SELECT count(*) >= 0 FROM loyalty.members") == "t"
    assert "permission denied" in ask("tam_loyalty", "SELECT * FROM profiles.traits")
    assert "permission denied" in ask("tam_loyalty", "CREATE TABLE loyalty.mine ()")
    assert "permission denied" in ask("tam_loyalty", "CREATE SCHEMA mine")
    # What is rebuilt every night has a place of its own, and so has what was known then.
    for service, user in (("loyalty", "tam_loyalty"), ("metrics", "tam_metrics")):
        assert ask(user, f"CREATE TABLE {service}_beside.mine (); DROP TABLE {service}_beside.mine").endswith(
            "DROP TABLE"
        )
    assert "permission denied" in ask("tam_loyalty", "DELETE FROM platform.api_keys")


def nothing_more_is_open_than_has_to_be(at: Installation) -> None:
    for service in PROCESSES:
        assert at.inspect(service, ".HostConfig.ReadonlyRootfs") == "true"
        assert at.inspect(service, ".EffectiveCaps") == "[]"
    status = at.podman("exec", at.container("loyalty-api"), "sh", "-c", "id -u; ls /run/secrets; touch /x 2>&1 || true")
    assert status.split("\n")[0] == "10001"
    assert "db_loyalty" in status
    assert "db_profiles" not in status
    assert "Read-only file system" in status
    for path in ("/metrics", "/readyz", "/v1/ops/consumers", "/v1/ops/loyalty/../../metrics", "/v1/nothing"):
        assert at.gateway.get(path).status_code == 404, path
    assert at.gateway.get("/healthz").json() == {"status": "alive"}


def prometheus_sees_every_process(at: Installation) -> None:
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9090/api/v1/query?query=up').read().decode())"

    def up() -> set[str]:
        told = json.loads(at.podman("exec", at.container("prometheus"), "python3", "-c", ask))
        results = [each for each in told["data"]["result"] if each["metric"]["job"] != "prometheus"]
        found = [each for each in results if each["value"][1] == "1"]
        return {f"{each['metric'].get('service')}-{each['metric'].get('role')}" for each in found}

    # The gateway belongs to no service, and has no role.
    until(lambda: up() >= {*PROCESSES, "None-None"}, "Prometheus scrapes every process, and the gateway")


def it_is_as_small_as_promised(at: Installation) -> None:
    def size(image: str) -> int:
        return int(at.podman("image", "inspect", "--format", "{{.Size}}", image))

    layers = (size(IMAGE) - size(base_image())) / 1e6
    told = at.podman("stats", "--no-stream", "--format", "{{.MemUsage}}", *map(at.container, PROCESSES))
    idle = sum(float(re.match(r"[\d.]+", line)[0]) for line in told.split("\n") if "MB" in line)  # type: ignore[index]
    print(f"layers on top of the base: {layers:.0f} MB; idle memory of {len(PROCESSES)} processes: {idle:.0f} MB")
    assert layers < MAX_LAYERS_MB
    assert idle < MAX_IDLE_MB
