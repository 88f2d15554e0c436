"""The manifests as Kubernetes gets them: rendered by kustomize itself, and the schemas that they must fit."""

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[3]
KUBERNETES = ROOT / "deploy" / "kubernetes"
# The oldest release whose every field we use is settled.
RELEASE = "1.34"
KUSTOMIZE = "sigs.k8s.io/kustomize/kustomize/v5@v5.7.1"
CRDS = ROOT / "tests" / "deploy" / "crds"
WITH_OPERATORS = "large with operators"
OVERLAYS = ("base", "small", "large", WITH_OPERATORS)

Document = dict[str, Any]


@functools.cache
def kustomize() -> tuple[str, ...]:
    """The command: kustomize, kubectl, which has it within, or one that Go makes of its source."""
    if found := shutil.which("kustomize"):
        return (found, "build")
    if found := shutil.which("kubectl"):
        return (found, "kustomize")
    made = ROOT / ".cache" / "kustomize" / "kustomize"
    if not made.exists() and shutil.which("go"):
        # One of several test processes is enough to make it; whoever comes second makes the same.
        with TemporaryDirectory(dir=made.parents[1]) as folder:
            environ = {**os.environ, "GOBIN": folder}
            subprocess.run(["go", "install", KUSTOMIZE], env=environ, check=True, timeout=600, capture_output=True)
            made.parent.mkdir(exist_ok=True)
            Path(folder, "kustomize").replace(made)
    if made.exists():
        return (str(made), "build")
    reason = "Kubernetes' manifests are not rendered: neither kustomize nor kubectl nor Go is here"
    if os.environ.get("TAM_REQUIRE_KUSTOMIZE") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@functools.cache
def rendered(overlay: str) -> tuple[Document, ...]:
    """The resources of an overlay."""
    if overlay != WITH_OPERATORS:
        return built(KUBERNETES / overlay)
    with TemporaryDirectory() as folder:
        place = os.path.relpath(KUBERNETES, Path(folder).resolve())
        parts = [f"{place}/components/{name}" for name in ("keda", "pod-monitor", "dashboards", "traces")]
        whole = {"resources": [f"{place}/large"], "components": parts}
        Path(folder, "kustomization.yaml").write_text(yaml.safe_dump(whole))
        return built(Path(folder))


def built(folder: Path) -> tuple[Document, ...]:
    """What kustomize makes of a folder."""
    done = subprocess.run([*kustomize(), str(folder)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def kinds(overlay: str, *wanted: str) -> dict[str, Document]:
    """The resources of these kinds, by name."""
    return {each["metadata"]["name"]: each for each in rendered(overlay) if each["kind"] in wanted}


def pods(overlay: str) -> dict[str, Document]:
    """Every pod there may be, by the name of what makes it: its labels (`metadata`) and its `spec`."""
    makers = kinds(overlay, "Deployment", "StatefulSet", "Job")
    return {name: each["spec"]["template"] for name, each in makers.items()}


def container(pod: Document) -> Document:
    """The one container of a pod."""
    (only,) = pod["spec"]["containers"]
    return only


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes what has these labels."""
    operators = {
        "In": lambda key, values: labels.get(key) in values,
        "NotIn": lambda key, values: labels.get(key) not in values,
        "Exists": lambda key, _: key in labels,
        "DoesNotExist": lambda key, _: key not in labels,
    }
    assert set(selector) <= {"matchLabels", "matchExpressions"}
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        operators[each["operator"]](each["key"], each.get("values")) for each in selector.get("matchExpressions", ())
    )


def environment(overlay: str, pod: Document) -> dict[str, str]:
    """What a container's variables are: ConfigMaps, then its own, with what is put into them.

    A variable from a Secret is its name; of `$(X)` only what stands before is known, as with Kubernetes.
    """
    maps = kinds(overlay, "ConfigMap")
    found: dict[str, str] = {}
    for each in container(pod).get("envFrom", ()):
        found |= maps[each["configMapRef"]["name"]]["data"]
    own: dict[str, str] = {}
    for each in container(pod).get("env", ()):
        own[each["name"]] = _value(maps, each, own)
    return found | own


def _value(maps: Mapping[str, Document], variable: Document, known: Mapping[str, str]) -> str:
    if "value" in variable:
        value: str = variable["value"]
        for name, text in known.items():
            value = value.replace(f"$({name})", text)
        return value
    source = variable["valueFrom"]
    if "configMapKeyRef" in source:
        reference = source["configMapKeyRef"]
        text: str = maps[reference["name"]]["data"][reference["key"]]
        return text
    return str(source["secretKeyRef"]["name"])


def secrets_of(pod: Document) -> dict[str, str]:
    """The Secrets that are mounted, by the path of the file they are in."""
    mounts = {each["name"]: each["mountPath"] for each in container(pod).get("volumeMounts", ())}
    return {
        f"{mounts[volume['name']]}/{item['path']}": name
        for volume in pod["spec"].get("volumes", ())
        for name, items in _mounted(volume)
        for item in items
    }


def _mounted(volume: Document) -> Iterator[tuple[str, list[Document]]]:
    if "secret" in volume:
        yield volume["secret"]["secretName"], volume["secret"]["items"]
    for source in volume.get("projected", {}).get("sources", ()):
        if "secret" in source:
            yield source["secret"]["name"], source["secret"]["items"]


def check(document: Document) -> None:
    """Hold a resource against its schema; unknown fields are refused.

    Raises:
        ValidationError: it does not fit, in one of the two libraries' words.
    """
    group, _, version = document["apiVersion"].rpartition("/")
    schema = CRDS / f"{document['kind']}-{version}.json"
    if group and schema.exists():
        jsonschema.Draft202012Validator(_strict(json.loads(schema.read_text()))).validate(document)
    else:
        kubernetes_validate.validate(document, RELEASE, strict=True)


def _strict(schema: Any) -> Any:
    """A custom resource's schema as the API server applies it: what it does not name is refused."""
    if not isinstance(schema, dict):
        return [_strict(each) for each in schema] if isinstance(schema, list) else schema
    closed = {key: _strict(value) for key, value in schema.items()}
    is_open = schema.get("x-kubernetes-preserve-unknown-fields", False)
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not is_open:
        closed.setdefault("additionalProperties", False)
    return closed
