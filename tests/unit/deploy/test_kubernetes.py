"""Kubernetes' manifests: they fit the API's schemas, leave nothing out, and say the same as docker-compose.yml."""

import copy
import os
import re
import runpy
from pathlib import Path
from tempfile import TemporaryDirectory

import jsonschema
import kubernetes_validate
import pytest
import yaml
from fastapi import FastAPI
from manifests import (
    KUBERNETES,
    OVERLAYS,
    ROOT,
    WITH_OPERATORS,
    built,
    check,
    container,
    environment,
    kinds,
    pods,
    rendered,
    secrets_of,
    selects,
)
from starlette.routing import Route

from services.registry import NAMES, SERVICES
from shared.bus.kafka import bus as kafka_bus
from shared.config import PlatformSettings, load
from shared.delivery import runner
from shared.http.settings import HTTP_PREFIX, HttpSettings
from shared.http.system import system_routes
from shared.observability.health import Health
from shared.runtime import serve, workers

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PROCESSES = {f"{name}-{role}": (name, role) for name in NAMES for role in ("api", "worker")}
OF_THE_IMAGE = {*PROCESSES, "migrate", "topics", "tam"}


def default(text: str) -> str:
    """What docker-compose.yml says where nobody says otherwise."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_resource_fits_the_schema_of_the_api(overlay: str):
    for document in rendered(overlay):
        check(document)


@pytest.mark.parametrize(
    ("kind", "path", "refusal"),
    [
        ("Deployment", "spec.template.spec.containers.0.readinessProb", kubernetes_validate.ValidationError),
        ("Deployment", "spec.replica", kubernetes_validate.ValidationError),
        ("NetworkPolicy", "spec.egres", kubernetes_validate.ValidationError),
        ("HorizontalPodAutoscaler", "spec.minReplica", kubernetes_validate.ValidationError),
        ("Job", "spec.backofLimit", kubernetes_validate.ValidationError),
        ("ScaledObject", "spec.maxReplicas", jsonschema.ValidationError),
        ("PodMonitor", "spec.podMetricsEndpoints.0.ports", jsonschema.ValidationError),
    ],
)
def test_a_mistake_is_refused(kind: str, path: str, refusal: type[Exception]):
    document = copy.deepcopy(next(each for each in rendered(WITH_OPERATORS) if each["kind"] == kind))
    *way, name = path.split(".")
    place = document
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    place[name] = {}

    with pytest.raises(refusal):
        check(document)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_service_and_role_is_deployed_and_nothing_else(overlay: str):
    deployments = kinds(overlay, "Deployment")

    assert set(deployments) == {*PROCESSES, "gateway", "tam"}
    for process, (name, role) in PROCESSES.items():
        assert container(pods(overlay)[process])["args"] == ["serve", "--only", name, "--role", role]
        assert pods(overlay)[process]["metadata"]["labels"] == {
            "app.kubernetes.io/name": name,
            "app.kubernetes.io/component": role,
            "app.kubernetes.io/part-of": "tam",
        }
    assert set(kinds(overlay, "StatefulSet")) == ({"postgres", "kafka"} if overlay == "small" else set())
    assert set(kinds(overlay, "Job")) == {"migrate", "topics"}
    assert all(each["metadata"].get("namespace", "tam") == "tam" for each in rendered(overlay))


def test_images_and_commands_are_those_of_compose():
    for name, pod in pods("small").items():
        theirs, ours = COMPOSE["services"][name], container(pod)
        assert ours["image"] == default(theirs["image"]), name
        if name in OF_THE_IMAGE - {"tam"}:
            assert ours["args"] == theirs["command"], name
    assert container(pods("small")["gateway"])["command"] == COMPOSE["services"]["gateway"]["command"]
    assert container(pods("small")["postgres"])["args"] == COMPOSE["services"]["postgres"]["command"]
    assert container(pods("small")["kafka"])["command"] == COMPOSE["services"]["kafka"]["entrypoint"]


@pytest.mark.parametrize("name", sorted(OF_THE_IMAGE))
def test_processes_are_told_what_compose_tells_them(name: str):
    ours = environment("small", pods("small")[name])
    theirs = {key: default(str(value)) for key, value in COMPOSE["services"][name]["environment"].items()}
    # Mail goes to the firm's own server: there is no catcher in a cluster.
    elsewhere = {"TAM_SURVEYS_SMTP_URL"}

    assert set(ours) - {"DATABASE"} == set(theirs)
    told = {"TAM_SURVEYS_PUBLIC_URL", "TAM_TOUCHPOINTS_PUBLIC_URL", *elsewhere}
    assert {key: ours[key] for key in theirs if key not in told} == {
        key: value for key, value in theirs.items() if key not in told
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_processes_are_told_are_settings_with_values_that_hold(overlay: str):
    for name in OF_THE_IMAGE:
        pod = pods(overlay)[name]
        told = {key: value for key, value in environment(overlay, pod).items() if key.startswith("TAM_")}
        files = secrets_of(pod)
        mounted = [each["mountPath"] for each in container(pod)["volumeMounts"]]
        for variable, file in told.items():
            if variable.endswith("_FILE"):
                assert file in files, f"{name}: {variable} names {file}, which no Secret is mounted at"
            elif variable.endswith("_CAFILE"):
                assert str(Path(file).parent) in mounted
        assert set(files) <= set(told.values()), f"{name} is given more secrets than it is told of"
        plain = {key: value for key, value in told.items() if not key.endswith("_FILE")}
        owned = {f"TAM_{service.name.upper()}_": service for service in SERVICES}
        load(PlatformSettings, environ=plain, known_prefixes=[*owned, HTTP_PREFIX])
        load(HttpSettings, prefix=HTTP_PREFIX, environ=plain)
        for prefix, service in owned.items():
            named = {key.removesuffix("_FILE").removeprefix(prefix).lower() for key in told if key.startswith(prefix)}
            fields = service.settings.model_fields if service.settings else {}
            assert named <= set(fields), name
        assert "$(" not in told["TAM_DATABASE_URL"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_reference_finds_what_it_names(overlay: str):
    maps, accounts = kinds(overlay, "ConfigMap"), kinds(overlay, "ServiceAccount")
    # Made apart: by the operator of the firm's certificates.
    maps["tam-trust"] = {}
    for pod in pods(overlay).values():
        assert pod["spec"]["serviceAccountName"] in accounts
        volumes = {each["name"]: each for each in pod["spec"].get("volumes", ())}
        claimed = {"data"} if {"postgres", "kafka"} & {pod["metadata"]["labels"]["app.kubernetes.io/name"]} else set()
        assert {each["name"] for each in container(pod)["volumeMounts"]} == set(volumes) | claimed
        for each in volumes.values():
            assert each.get("configMap", {"name": "tam-trust"})["name"] in maps
    for each in accounts.values():
        assert each["automountServiceAccountToken"] is False


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_are_those_of_compose_by_reference_alone(overlay: str):
    wanted = {name: path for pod in pods(overlay).values() for path, name in secrets_of(pod).items()}
    known = {f"tam-{name.replace('_', '-')}" for name in COMPOSE["secrets"]}

    assert kinds(overlay, "Secret") == {}
    assert set(wanted) - known == ({"tam-kafka-password"} if overlay.startswith("large") else set())
    assert known - set(wanted) == {"tam-grafana-admin"} | (set() if overlay == "small" else {"tam-db-superuser"})
    for name, path in wanted.items():
        assert name == "tam-" + path.rpartition("/")[2].replace("_", "-") or name == "tam-kafka-password"
    for process in PROCESSES:
        theirs = {f"tam-{name.replace('_', '-')}" for name in COMPOSE["services"][process]["secrets"]}
        assert set(secrets_of(pods("small")[process]).values()) == theirs


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_locked_up(overlay: str):
    (space,) = kinds(overlay, "Namespace").values()
    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for name, pod in pods(overlay).items():
        spec, own = pod["spec"], container(pod)["securityContext"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["enableServiceLinks"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert own["allowPrivilegeEscalation"] is False
        assert own["readOnlyRootFilesystem"] is True
        assert own["capabilities"]["drop"] == ["ALL"]
        assert set(own["capabilities"].get("add", ())) <= ({"NET_BIND_SERVICE"} if name == "gateway" else set())
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec)
        assert all("hostPath" not in volume for volume in spec["volumes"])
        resources = container(pod)["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"])
        assert "memory" in resources["limits"]
        assert not container(pod)["image"].endswith(":latest")
        assert ":" in container(pod)["image"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_selectors_find_their_own_pods_and_no_others(overlay: str):
    every = {name: pod["metadata"]["labels"] for name, pod in pods(overlay).items()}
    for name, maker in kinds(overlay, "Deployment", "StatefulSet").items():
        assert [each for each, labels in every.items() if selects(maker["spec"]["selector"], labels)] == [name]
    for name, budget in kinds(overlay, "PodDisruptionBudget").items():
        assert [each for each, labels in every.items() if selects(budget["spec"]["selector"], labels)] == [name]
    assert set(kinds(overlay, "PodDisruptionBudget")) == {*PROCESSES, "gateway"}
    for name, service in kinds(overlay, "Service").items():
        behind = [
            each for each, labels in every.items() if selects({"matchLabels": service["spec"]["selector"]}, labels)
        ]
        assert behind == [name]
        ports = {each["name"]: each["containerPort"] for each in container(pods(overlay)[name])["ports"]}
        assert [ports[each["targetPort"]] for each in service["spec"]["ports"]] == [
            each["port"] for each in service["spec"]["ports"]
        ]
    assert set(kinds(overlay, "Service")) >= {f"{name}-api" for name in NAMES} | {"gateway"}
    # Before a claim could be put into settings: a Service of this name would become variables called TAM_….
    assert "tam" not in kinds(overlay, "Service")


def test_probes_ask_at_addresses_that_answer():
    routes = system_routes(FastAPI(), Health(), (), HttpSettings())
    answered = {route.path for route in routes if isinstance(route, Route)}
    for process in PROCESSES:
        own = container(pods("large")[process])
        asked = {kind: own[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
        assert asked == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
        assert set(asked.values()) <= answered
        annotations = pods("large")[process]["metadata"]["annotations"]
        assert annotations["prometheus.io/path"] in answered
        port = PlatformSettings().port
        assert [each["containerPort"] for each in own["ports"]] == [port] == [int(annotations["prometheus.io/port"])]


def test_a_start_may_take_as_long_as_it_waits_and_an_end_as_long_as_it_drains():
    for process in PROCESSES:
        pod = pods("large")[process]
        startup = container(pod)["startupProbe"]
        patience = float(environment("large", pod)["TAM_START_PATIENCE_SECONDS"])
        assert startup["failureThreshold"] * startup["periodSeconds"] >= patience + 30
        left = pod["spec"]["terminationGracePeriodSeconds"]
        left -= container(pod)["lifecycle"]["preStop"]["sleep"]["seconds"]
        left -= serve.GRACE_SECONDS + serve.GOODBYE_SECONDS
        left -= runner.DRAIN_SECONDS + workers.FLUSH_SECONDS + kafka_bus.STOP_SECONDS
        assert left > 5, process


def test_rollouts_take_nothing_away_before_there_is_another():
    for process in PROCESSES:
        strategy = kinds("large", "Deployment")[process]["spec"]["strategy"]["rollingUpdate"]
        assert strategy == {"maxUnavailable": 0, "maxSurge": 1}
        spread = pods("large")[process]["spec"]["topologySpreadConstraints"]
        assert {each["topologyKey"] for each in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}


def test_load_makes_more_of_each_process():
    scaled = kinds("large", "HorizontalPodAutoscaler")
    partitions = int(environment("large", pods("large")["metrics-worker"])["TAM_PARTITIONS"])

    assert set(scaled) == {*PROCESSES, "gateway"}
    for name, each in scaled.items():
        assert each["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        assert each["spec"]["minReplicas"] >= 2
        assert each["spec"]["metrics"][0]["resource"]["name"] == "cpu"
        assert not name.endswith("-worker") or each["spec"]["maxReplicas"] <= partitions
        # Or each `kubectl apply` would set back what the autoscaler chose.
        assert "replicas" not in kinds("large", "Deployment")[name]["spec"]


def test_lag_makes_more_workers_by_the_groups_that_the_code_reads_in():
    scaled = kinds(WITH_OPERATORS, "ScaledObject")
    partitions = int(environment("large", pods("large")["metrics-worker"])["TAM_PARTITIONS"])

    assert set(scaled) == {f"{service.name}-worker" for service in SERVICES if service.subscriptions}
    left = kinds(WITH_OPERATORS, "HorizontalPodAutoscaler")
    assert set(left) == {f"{name}-api" for name in NAMES} | {"gateway"}, "two scale the same workers"
    for service in SERVICES:
        spec = scaled[f"{service.name}-worker"]["spec"]
        lags = {each["metadata"]["consumerGroup"]: each for each in spec["triggers"] if each["type"] == "kafka"}
        assert set(lags) == {f"{PlatformSettings().topic_prefix}{each.group}" for each in service.subscriptions}
        assert spec["maxReplicaCount"] <= partitions
        own = environment("large", pods("large")[f"{service.name}-worker"])
        for each in lags.values():
            assert each["metadata"]["bootstrapServersFromEnv"] in own
            assert own["TAM_KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
            assert (each["metadata"]["sasl"], each["metadata"]["tls"]) == ("scram_sha512", "enable")
            assert each["authenticationRef"]["name"] in kinds(WITH_OPERATORS, "TriggerAuthentication")


def test_the_file_by_which_workers_scale_is_as_drawn():
    module = runpy.run_path(str(KUBERNETES / "scaling.py"))

    assert module["FILE"].read_text() == module["drawn"](), "run `make scaling`"


def test_files_are_those_that_compose_mounts():
    for name, map_name in (("gateway", "tam-gateway"), ("postgres", "tam-postgres"), ("kafka", "tam-kafka")):
        (held,) = (each for key, each in kinds("small", "ConfigMap").items() if key.startswith(f"{map_name}-"))
        mounted = [each.split(":")[0] for each in COMPOSE["services"][name]["volumes"] if each.startswith("./")]
        assert held["data"] == {Path(each).name: (ROOT / each).read_text() for each in mounted}


def test_dashboards_are_all_there():
    (held,) = (each for key, each in kinds(WITH_OPERATORS, "ConfigMap").items() if key == "tam-dashboards")

    drawn = (ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")
    assert held["data"] == {path.name: path.read_text() for path in drawn}


def test_prometheus_finds_the_processes_by_their_labels():
    monitor = kinds(WITH_OPERATORS, "PodMonitor")["tam"]
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    (job,) = (each for each in config["scrape_configs"] if each["job_name"] == "tam")
    found = {
        name
        for name, pod in pods(WITH_OPERATORS).items()
        if selects(monitor["spec"]["selector"], pod["metadata"]["labels"])
    }
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]

    assert found == set(PROCESSES)
    assert endpoint["honorLabels"] is job["honor_labels"] is True
    ours = {each["targetLabel"] for each in endpoint["relabelings"]}
    assert ours == {"job"} | {each["target_label"] for each in job["relabel_configs"]}


def test_an_ingress_is_a_proxy_more():
    """Clients are told apart by the address that the outermost proxy saw: the gateway's caller, or the Ingress's."""
    counts = {}
    with TemporaryDirectory() as folder:
        place = os.path.relpath(KUBERNETES, Path(folder).resolve())
        whole = {"resources": [f"{place}/small"], "components": [f"{place}/components/ingress"]}
        Path(folder, "kustomization.yaml").write_text(yaml.safe_dump(whole))
        for name, documents in (("without", rendered("small")), ("with", built(Path(folder)))):
            (settings,) = (each["data"] for each in documents if each["metadata"]["name"].startswith("tam-settings"))
            counts[name] = settings["TAM_HTTP_PROXIES"]

    assert counts == {"without": "1", "with": "2"}
