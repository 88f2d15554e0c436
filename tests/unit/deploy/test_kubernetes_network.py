"""Who may reach whom in the cluster: worked out from the policies, held against what the code needs and no more."""

from itertools import product
from typing import Any

import pytest
from manifests import OVERLAYS, WITH_OPERATORS, container, kinds, pods, selects

from services.registry import NAMES

APIS = {f"{name}-api" for name in NAMES}
WORKERS = {f"{name}-worker" for name in NAMES}
OURS = APIS | WORKERS | {"migrate", "topics", "tam"}
# A pod in a namespace that is not ours, by the namespace's name after an @.
STRANGERS = ("@kube-system", "@monitoring", "@database", "@kafka", "@observability", "@elsewhere")
ANYWHERE = "anywhere"
# The ways in a cluster that holds all: from, to, port.
INSIDE = (
    {("gateway", api, 8000) for api in APIS}
    | {("surveys-worker", "profiles-api", 8000), ("tam", "gateway", 8080)}
    | {(name, store, port) for name in OURS for store, port in (("postgres", 5432), ("kafka", 9092))}
)
# Mail may go to any machine, also to one in another namespace of the cluster.
MAIL = {("surveys-worker", place, port) for port in (25, 465, 587) for place in (*STRANGERS, ANYWHERE)}


class Cluster:
    """The pods of an overlay, strangers beside them, and the policies between."""

    def __init__(self, overlay: str) -> None:
        self.pods = {name: pod["metadata"]["labels"] for name, pod in pods(overlay).items()}
        self.policies = [each["spec"] for each in kinds(overlay, "NetworkPolicy").values()]
        self.ports = {port for spec in self.policies for _, _, port in self._openings(spec) if port}

    def may(self, source: str, target: str, port: int) -> bool:
        """Whether a connection is let out at one end, and in at the other."""
        return self._passes("egress", source, target, port) and self._passes("ingress", target, source, port)

    def _passes(self, way: str, here: str, there: str, port: int) -> bool:
        if here not in self.pods:
            return True
        mine = [spec for spec in self.policies if selects(spec["podSelector"], self.pods[here])]
        assert all("policyTypes" in spec for spec in mine)
        assert any(way.capitalize() in spec["policyTypes"] for spec in mine), f"{here} is open"
        return any(
            (ports is None or port in ports) and (peers is None or any(self._is(peer, there) for peer in peers))
            for spec in mine
            for peers, ports in self._rules(spec, way)
        )

    def _is(self, peer: dict[str, Any], name: str) -> bool:
        assert set(peer) <= {"podSelector", "namespaceSelector"}
        if "namespaceSelector" in peer:
            space = {"kubernetes.io/metadata.name": name.removeprefix("@") if name in STRANGERS else "tam"}
            return name != ANYWHERE and selects(peer["namespaceSelector"], space)
        return name in self.pods and selects(peer["podSelector"], self.pods[name])

    @staticmethod
    def _rules(spec: dict[str, Any], way: str) -> list[tuple[list[dict[str, Any]] | None, set[int] | None]]:
        peers = {"ingress": "from", "egress": "to"}[way]
        return [
            (rule.get(peers), {each["port"] for each in rule["ports"]} if "ports" in rule else None)
            for rule in spec.get(way, ())
        ]

    def _openings(self, spec: dict[str, Any]) -> list[tuple[str, Any, int]]:
        return [
            (way, peers, port)
            for way in ("ingress", "egress")
            for peers, ports in self._rules(spec, way)
            for port in ports or ()
        ]


def ways(overlay: str) -> set[tuple[str, str, int]]:
    """Every way that is open, but for names (port 53), which all may ask for."""
    cluster = Cluster(overlay)
    places = (*cluster.pods, *STRANGERS, ANYWHERE)
    return {
        (source, target, port)
        for source, target, port in product(places, places, cluster.ports - {53})
        if (source in cluster.pods or target in cluster.pods) and cluster.may(source, target, port)
    }


def scrapes() -> set[tuple[str, str, int]]:
    return {("@monitoring", name, 8000) for name in APIS | WORKERS} | {("@monitoring", "gateway", 9180)}


def into_gateway() -> set[tuple[str, str, int]]:
    return {(each, "gateway", 8080) for each in (*STRANGERS, ANYWHERE)}


def test_in_a_cluster_that_holds_all_only_what_the_code_needs_is_open():
    own_tools = {("kafka", "kafka", 9092)}

    assert ways("small") == INSIDE | MAIL | scrapes() | into_gateway() | own_tools


def test_stores_elsewhere_are_reached_in_their_namespaces_alone():
    inside = {way for way in INSIDE if way[1] not in ("postgres", "kafka")}
    stores = {(name, "@database", 5432) for name in OURS} | {(name, "@kafka", 9092) for name in OURS}

    assert ways("large") == inside | stores | MAIL | scrapes() | into_gateway()


def test_traces_go_to_their_collector_and_nowhere_else():
    more = ways(WITH_OPERATORS) - ways("large")

    assert more == {(name, "@observability", 4318) for name in APIS | WORKERS}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everybody_may_ask_for_names_where_names_are_told(overlay: str):
    cluster = Cluster(overlay)

    for name in cluster.pods:
        assert cluster.may(name, "@kube-system", 53)
        assert not cluster.may(name, "@elsewhere", 53)
    assert not cluster.may("@elsewhere", "profiles-api", 8000)
    assert not cluster.may("loyalty-worker", "profiles-api", 8000)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_open_ports_are_those_that_containers_listen_at(overlay: str):
    listening = {
        port["containerPort"] for pod in pods(overlay).values() for port in container(pod).get("ports", ())
    } | {25, 53, 465, 587, 5432, 9092, 4318}

    assert Cluster(overlay).ports <= listening
