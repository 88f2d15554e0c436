"""The journal of erasures keeps itself, in containers and in a cluster."""

import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from manifests import KUBERNETES, ROOT, built, check

from services.profiles.settings import ProfilesSettings
from shared.config import load

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
BESIDE = yaml.safe_load((ROOT / "deploy" / "docker" / "erasures.yaml").read_text())


@cache
def manifests(overlay: str) -> dict[tuple[str, str], dict[str, Any]]:
    """An overlay with the component, by kind and name."""
    with TemporaryDirectory() as folder:
        place = os.path.relpath(KUBERNETES, Path(folder).resolve())
        whole = {"resources": [f"{place}/{overlay}"], "components": [f"{place}/components/erasures"]}
        Path(folder, "kustomization.yaml").write_text(yaml.safe_dump(whole))
        return {(each["kind"], each["metadata"]["name"]): each for each in built(Path(folder))}


@pytest.mark.parametrize("overlay", ["small", "large"])
def test_a_cluster_notes_erasures_with_the_rights_and_secrets_of_the_command(overlay: str):
    found = manifests(overlay)
    job, command = found["CronJob", "erasures"], found["Deployment", "tam"]["spec"]["template"]["spec"]
    for kind in ("CronJob", "PersistentVolumeClaim"):
        check(found[kind, "erasures"])

    pod = job["spec"]["jobTemplate"]["spec"]["template"]
    ours, theirs = pod["spec"]["containers"][0], command["containers"][0]
    assert ours["args"] == ["rights", "journal", "/erasures/journal"]
    assert (ours["image"], ours["envFrom"]) == (theirs["image"], theirs["envFrom"])
    kafka = {"TAM_KAFKA_SECURITY_PROTOCOL", "TAM_KAFKA_SASL_USERNAME", "TAM_KAFKA_SASL_PASSWORD_FILE"}
    apart = {*kafka, "TAM_KAFKA_SSL_CAFILE"}
    assert ours["env"] == [each for each in theirs["env"] if each["name"] not in apart]
    assert ours["securityContext"] == theirs["securityContext"]
    assert pod["spec"]["securityContext"] == command["securityContext"]
    secrets = [volume for volume in command["volumes"] if volume["name"] == "secrets"]
    assert [volume for volume in pod["spec"]["volumes"] if volume["name"] == "secrets"] == secrets
    # The way to the database is open for what has this label.
    assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == "command"


def test_in_containers_the_worker_that_does_it_is_told_where():
    (name,) = BESIDE["services"]
    told = BESIDE["services"][name]["environment"]
    (volume,) = BESIDE["services"][name]["volumes"]

    assert COMPOSE["services"][name]["command"] == ["serve", "--only", "profiles", "--role", "worker"]
    settings = load(ProfilesSettings, prefix="TAM_PROFILES_", environ=told)
    assert settings.erasure_journal == Path("/erasures/journal")
    assert volume.endswith(":/erasures")
