"""`docker-compose.yml` as a text: it follows the specification, opens nothing it need not, and leaves nothing out."""

import ast
import json
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from services.registry import NAMES
from shared.config import PlatformSettings
from shared.http.settings import HttpSettings

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if "TAM_IMAGE" in each["image"]}
PROCESSES = {f"{name}-{role}" for name in NAMES for role in ("api", "worker")}
SPECIFICATION = json.loads((ROOT / "tests" / "deploy" / "compose-spec.json").read_text())


def test_it_follows_the_compose_specification():
    jsonschema.Draft202012Validator(SPECIFICATION).validate(COMPOSE)


def test_the_specification_would_refuse_a_mistake():
    wrong = {**COMPOSE, "services": {**SERVICES, "gateway": {**SERVICES["gateway"], "read_onli": True}}}

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SPECIFICATION).validate(wrong)


def test_what_everybody_waits_for_is_started_first():
    """podman-compose starts one after the other: with the broker last, all had been up for half a minute and waited."""
    assert list(SERVICES)[:4] == ["postgres", "kafka", "migrate", "topics"]


def test_every_service_has_its_api_and_its_worker():
    for process in PROCESSES:
        name, _, role = process.partition("-")
        assert SERVICES[process]["command"] == ["serve", "--only", name, "--role", role]
        assert SERVICES[process]["environment"]["TAM_DATABASE_PASSWORD_FILE"] == f"/run/secrets/db_{name}"
        assert f"//tam_{name}@" in SERVICES[process]["environment"]["TAM_DATABASE_URL"]
    assert set(SERVICES["ready"]["command"]) == PROCESSES


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_is_locked_up(name: str):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in service
    assert name in OURS or str(service["user"]).split(":")[0] not in ("", "root", "0")
    assert service["restart"] in ("unless-stopped", "on-failure", "no")
    assert re.search(r":-(?!.*:latest)[^}]*:[\w.-]+\}$", service["image"]), "an image of a version"


def test_only_three_doors_are_open_and_only_to_this_machine():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert set(published) == {"gateway", "mail", "grafana"}
    assert all("127.0.0.1" in port for ports in published.values() for port in ports)
    assert all(COMPOSE["networks"][name]["internal"] for name in ("services", "data", "watch"))


def test_secrets_stand_in_files_and_each_is_given_to_whoever_needs_it_alone():
    for name, service in SERVICES.items():
        files = {
            str(value).rpartition("/")[2] for value in service.get("environment", {}).values() if "/run/" in str(value)
        }
        assert files <= set(service.get("secrets", [])), name
        # These are told of theirs otherwise: by a script, by a file of settings.
        assert name in ("postgres", "prometheus") or set(service.get("secrets", [])) <= {*files, "installation_key"}, (
            name
        )
        assert not any(re.search("PASSWORD$|SECRET$|_KEYS?$", variable) for variable in service.get("environment", {}))
    assert {each for service in SERVICES.values() for each in service.get("secrets", [])} == set(COMPOSE["secrets"])


def test_secrets_are_made_once_and_kept(tmp_path: Path):
    folder = tmp_path / "secrets"

    def make() -> dict[str, bytes]:
        subprocess.run(["sh", str(ROOT / "deploy" / "docker" / "secrets.sh"), str(folder)], check=True)
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    first = make()

    assert set(first) == set(COMPOSE["secrets"])
    assert len({content for content in first.values() if content}) == len(first) - 1
    assert all(len(content) > 40 for name, content in first.items() if name != "surveys_profiles_key")
    assert oct(folder.stat().st_mode)[-3:] == "700"
    assert oct((folder / "certificates").stat().st_mode)[-3:] == "777"
    assert make() == first


def test_what_containers_are_told_are_settings():
    known = {f"TAM_{name.upper()}" for name in PlatformSettings.model_fields}
    known |= {f"TAM_HTTP_{name.upper()}" for name in HttpSettings.model_fields}
    for service in OURS.values():
        for variable in service.get("environment", {}):
            prefixes = tuple(f"TAM_{name.upper()}_" for name in NAMES)
            assert variable.startswith(prefixes) or variable.removesuffix("_FILE") in known


def test_the_example_names_every_variable_with_its_default():
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT))
    told = dict(re.findall(r"^#?(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.M))

    assert set(defaults) - set(told) == {"TAM_SECRETS"}
    assert set(told) - set(defaults) == {"BASE_IMAGE"}
    differ = {name for name in defaults if defaults[name] and told.get(name, defaults[name]) != defaults[name]}
    assert differ <= {"TAM_SMTP_URL"}


def test_prometheus_is_told_of_every_process():
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    targets = {
        each for job in config["scrape_configs"] for static in job["static_configs"] for each in static["targets"]
    }

    assert targets == {f"{process}:8000" for process in PROCESSES} | {"localhost:9090", "gateway:9180"}


def test_files_that_are_mounted_are_there():
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (ROOT / source).exists(), source


def test_the_image_keeps_every_part_of_scipy_that_we_import():
    script = (ROOT / "deploy" / "docker" / "slim.sh").read_text()
    removed = set(re.search(r"for part in (cluster.*?); do", script, re.S)[1].replace("\\\n", " ").split())  # type: ignore[index]
    used: set[str] = set()
    for path in (*(ROOT / "services").rglob("*.py"), *(ROOT / "shared").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("scipy"):
                used |= {*(node.module or "").split(".")[1:2]} or {alias.name for alias in node.names}
            elif isinstance(node, ast.Import):
                used |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("scipy.")}

    assert used & removed == set(), "deploy/docker/slim.sh takes out what is used now"
