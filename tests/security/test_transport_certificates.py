"""Certificates from both sides (mTLS): PostgreSQL and Kafka know us by one, and no password is anywhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from certificates import make_authority
from demanding import CertifiedBroker, Demanding, certified_kafka, demanding_postgres, no_broker, tam
from journey import journey

from shared.bus.kafka.link import Link
from shared.config import PlatformSettings, load
from shared.errors import ConfigError
from shared.testing.kafka import KafkaMissing


@dataclass(frozen=True, slots=True)
class Fortress:
    """Both servers, and what to set for them."""

    postgres: Demanding
    kafka: CertifiedBroker

    @property
    def right(self) -> Mapping[str, str]:
        """What the manual says."""
        return {"TAM_DATABASE_URL": self.postgres.right, "TAM_PARTITIONS": "2", "TAM_PORT": "0", **self.kafka.environ()}


@pytest.fixture(scope="module")
def fortress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fortress]:
    try:
        with (
            demanding_postgres(wants_certificate=True) as postgres,
            certified_kafka(tmp_path_factory.mktemp("broker")) as kafka,
        ):
            yield Fortress(postgres, kafka)
    except KafkaMissing as missing:
        no_broker("certificates", missing)


@pytest.mark.long
@pytest.mark.timeout(500)
async def test_an_order_becomes_a_figure_without_any_password(fortress: Fortress, tmp_path: Path):
    await journey(fortress.right, fortress.postgres, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(500)
@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("kafka none", "tam_kafka_ssl_certfile"),
        ("kafka foreign", "tam_kafka_ssl_certfile"),
        ("postgres none", "certificate"),
        ("postgres foreign", "sslcert"),
    ],
)
async def test_without_the_right_one_nothing_starts_and_one_line_says_why(fortress: Fortress, what: str, told: str):
    postgres, kafka = fortress.postgres, fortress.kafka
    without = {"TAM_KAFKA_SSL_CERTFILE": "", "TAM_KAFKA_SSL_KEYFILE": ""}
    wrong = {
        "kafka none": {name: value for name, value in kafka.environ().items() if name not in without},
        "kafka foreign": kafka.environ(kafka.foreign),
        "postgres none": {"TAM_DATABASE_URL": postgres.url(f"sslmode=verify-full&sslrootcert={postgres.authority}")},
        "postgres foreign": {"TAM_DATABASE_URL": postgres.with_certificate(*postgres.foreign)},
    }
    right = {name: value for name, value in fortress.right.items() if what != "kafka none" or name not in without}
    code, said, _ = await tam("serve", "--role", "api", **{**right, **wrong[what]})

    assert code == 1, said
    assert told in said.lower()
    assert said.count("\n") <= 2, said
    assert "Traceback" not in said


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path):
    authority = make_authority(tmp_path, "authority")
    (ours, key), (other, _) = authority.sign(tmp_path, "ours"), authority.sign(tmp_path, "other")
    tls = {
        "TAM_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "TAM_KAFKA_SECURITY_PROTOCOL": "SSL",
        "TAM_KAFKA_SSL_CAFILE": str(authority.file),
    }
    cases = {
        "wants TAM_KAFKA_SSL_CERTFILE": {"TAM_KAFKA_SSL_KEYFILE": str(key)},
        "cannot be read": {"TAM_KAFKA_SSL_CERTFILE": "/nowhere.crt", "TAM_KAFKA_SSL_KEYFILE": str(key)},
        "do not belong together": {"TAM_KAFKA_SSL_CERTFILE": str(other), "TAM_KAFKA_SSL_KEYFILE": str(key)},
        "the key or its password": {"TAM_KAFKA_SSL_CERTFILE": str(ours), "TAM_KAFKA_SSL_KEYFILE": str(authority.file)},
    }
    for told, wrong in cases.items():
        with pytest.raises(ConfigError) as refused:
            Link.of(load(PlatformSettings, environ={**tls, **wrong}))
        assert told in str(refused.value)
        assert "\n" not in str(refused.value)
    good = {"TAM_KAFKA_SSL_CERTFILE": str(ours), "TAM_KAFKA_SSL_KEYFILE": str(key)}
    assert Link.of(load(PlatformSettings, environ={**tls, **good})).options["security_protocol"] == "SSL"
