"""The product where nothing travels in clear: PostgreSQL wants TLS, Kafka wants TLS and a password."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from demanding import PASSWORD, Demanding, DemandingBroker, demanding_kafka, demanding_postgres, no_broker, tam
from journey import journey

from shared.testing.kafka import KafkaMissing

WRONG = "canary-guess"
pytestmark = [pytest.mark.long, pytest.mark.timeout(500)]


@dataclass(frozen=True, slots=True)
class Fortress:
    """Both servers, and what to set for them."""

    postgres: Demanding
    kafka: DemandingBroker

    @property
    def right(self) -> Mapping[str, str]:
        """What the manual says."""
        return {"TAM_DATABASE_URL": self.postgres.right, "TAM_PARTITIONS": "2", "TAM_PORT": "0", **self.kafka.environ()}


@pytest.fixture(scope="module")
def fortress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fortress]:
    try:
        with demanding_postgres() as postgres, demanding_kafka(tmp_path_factory.mktemp("broker")) as kafka:
            yield Fortress(postgres, kafka)
    except KafkaMissing as missing:
        no_broker("TLS", missing)


async def test_an_order_becomes_a_figure_and_nothing_travels_in_clear(fortress: Fortress, tmp_path: Path):
    """An api and a worker of their own; a third process that only watches sees every connection encrypted."""
    for log in await journey(fortress.right, fortress.postgres, tmp_path):
        said = log.read_text()
        assert "canary" not in said
        assert PASSWORD not in said


@pytest.mark.parametrize(
    ("what", "told", "role"),
    [
        ("kafka stranger", "tam_kafka_ssl_cafile", "api"),
        ("kafka stranger", "certificate of 127.0.0.1", "worker"),
        ("kafka password", "does not let this user in", "worker"),
        ("kafka in clear", "tam_kafka_security_protocol", "api"),
        ("postgres stranger", "certificate verify failed", "api"),
        ("postgres password", "password authentication failed", "worker"),
        ("postgres in clear", "no encryption", "api"),
    ],
)
async def test_with_a_wrong_setting_nothing_starts_and_one_line_says_why(
    fortress: Fortress, what: str, told: str, role: str
):
    """Not a hang, not a traceback, and no password in it."""
    postgres, kafka = fortress.postgres, fortress.kafka
    wrong = {
        "kafka stranger": kafka.environ(authority=kafka.stranger),
        "kafka password": kafka.environ(password=WRONG),
        "kafka in clear": {"TAM_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"},
        "postgres stranger": {"TAM_DATABASE_URL": postgres.url(f"sslmode=verify-full&sslrootcert={postgres.stranger}")},
        "postgres password": {
            "TAM_DATABASE_URL": postgres.url(f"sslmode=verify-full&sslrootcert={postgres.authority}", password=WRONG)
        },
        "postgres in clear": {"TAM_DATABASE_URL": postgres.url("sslmode=disable")},
    }
    code, said, _ = await tam("serve", "--role", role, **{**fortress.right, **wrong[what]})

    assert code == 1
    assert told in said.lower()
    assert said.count("\n") <= 2, said
    assert "Traceback" not in said
    assert "canary" not in said
