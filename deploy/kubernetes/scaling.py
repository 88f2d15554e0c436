"""Writes KEDA's ScaledObjects: `make scaling` puts them into `components/keda`, and a test compares.

A worker of a service is a member of all its consumer groups, so that what lags most decides how many there are.
"""

from collections.abc import Iterator
from pathlib import Path

from services.registry import SERVICES
from shared.config import PlatformSettings
from shared.runtime.service import Service

FILE = Path(__file__).parent / "components" / "keda" / "scaled-objects.yaml"
HEAD = """\
# Made by `make scaling` from the consumers of the services; edit scaling.py instead.
"""
# So many full batches of a group may wait for each worker before there is to be another.
BATCHES_EACH = 5
FEWEST, MOST = 2, 24


def drawn() -> str:
    """The whole file."""
    return HEAD + "---\n".join("".join(_object(service)) for service in SERVICES if service.subscriptions)


def _object(service: Service) -> Iterator[str]:
    name = f"{service.name}-worker"
    yield f"""\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {name}
  labels: {{app.kubernetes.io/name: {service.name}, app.kubernetes.io/component: worker}}
spec:
  scaleTargetRef: {{name: {name}, envSourceContainerName: tam}}
  minReplicaCount: {FEWEST}
  maxReplicaCount: {MOST}
  cooldownPeriod: 600
  # Kafka does not tell: as many as there were, and no fewer than this.
  fallback: {{failureThreshold: 5, replicas: {FEWEST}, behavior: currentReplicasIfHigher}}
  advanced:
    horizontalPodAutoscalerConfig:
      # Up at once, down slowly: each change moves partitions.
      behavior:
        scaleUp: {{stabilizationWindowSeconds: 30}}
        scaleDown: {{stabilizationWindowSeconds: 600, policies: [{{type: Pods, value: 1, periodSeconds: 120}}]}}
  triggers:
    - type: cpu
      metricType: Utilization
      metadata: {{value: "70"}}
"""
    prefix = PlatformSettings().topic_prefix
    for each in service.subscriptions:
        # Of all topics of the group; a backlog counts from the first record where nothing was read yet.
        yield f"""\
    - type: kafka
      metadata:
        bootstrapServersFromEnv: TAM_KAFKA_BOOTSTRAP_SERVERS
        consumerGroup: {prefix}{each.group}
        lagThreshold: "{each.max_batch * BATCHES_EACH}"
        offsetResetPolicy: earliest
        sasl: scram_sha512
        tls: enable
      authenticationRef: {{name: kafka}}
"""


if __name__ == "__main__":
    FILE.write_text(drawn())
