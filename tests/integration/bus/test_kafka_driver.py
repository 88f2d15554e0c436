"""What the Kafka driver promises beyond the contract of both drivers: its topics, its recovery, its secured links."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import shared.bus.kafka.consumer
from shared.bus.base import Bus, BusConsumer, BusUnavailable, OutRecord, Record
from shared.bus.kafka import KafkaBus
from shared.bus.kafka.topics import _configuration
from shared.config import PlatformSettings
from shared.events.topics import Topic
from shared.testing.kafka import GivenBroker, KafkaBroker
from shared.testing.ports import free_port

ORDERS = Topic("orders", "For ever.")
USER, PASSWORD = "tam", "only-for-this-test"
BRIEF = Topic("brief", "For an hour.", timedelta(hours=1))


@pytest.fixture
def settings(kafka_broker: KafkaBroker | GivenBroker) -> PlatformSettings:
    """A prefix of our own on the shared broker."""
    return PlatformSettings(
        kafka_bootstrap_servers=kafka_broker.bootstrap_servers, topic_prefix=f"t{uuid4().hex[:12]}."
    )


@asynccontextmanager
async def opened(settings: PlatformSettings) -> AsyncIterator[KafkaBus]:
    bus = KafkaBus(settings, session_seconds=6.0, append_seconds=5.0)
    await bus.start()
    try:
        await bus.ensure_topics([ORDERS, BRIEF], partitions=2)
        yield bus
    finally:
        await bus.stop()


@asynccontextmanager
async def member(bus: Bus) -> AsyncIterator[BusConsumer]:
    consumer = bus.consumer(topics=["orders"], group="readers")
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def collect(consumer: BusConsumer, number: int, *, seconds: float = 15.0) -> list[Record]:
    found: list[Record] = []
    deadline = monotonic() + seconds
    while len(found) < number and monotonic() < deadline:
        for batch in (await consumer.poll(max_records=1_000, max_wait=0.2)).values():
            found.extend(batch)
    return found


def numbered(numbers: range) -> list[OutRecord]:
    return [OutRecord("orders", b"k%d" % (number % 10), b"%d" % number) for number in numbers]


async def test_topics_keep_their_records_as_long_as_they_say(settings: PlatformSettings):
    """INVARIANT: what has no retention is kept for ever; a record's time is when the broker took it."""
    async with opened(settings):
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
        await admin.start()
        names = [settings.topic_prefix + topic.name for topic in (ORDERS, BRIEF)]
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
        await admin.close()

    found = {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }
    orders, brief = (found[name] for name in names)
    assert (orders["retention.ms"], orders["retention.bytes"], orders["cleanup.policy"]) == ("-1", "-1", "delete")
    assert brief["retention.ms"] == "3600000"
    assert orders["message.timestamp.type"] == "LogAppendTime"


@pytest.mark.parametrize(("replication", "expected"), [(1, None), (2, None), (3, "2"), (5, "2")])
def test_an_acknowledged_record_is_on_two_brokers_where_there_are_three(replication: int, expected: str | None):
    """INVARIANT: with three copies or more, acks=all means at least two brokers."""
    assert _configuration(ORDERS, replication).get("min.insync.replicas") == expected


async def test_an_impossible_replication_is_told(settings: PlatformSettings):
    """INVARIANT: topics that the brokers refuse end in an error that names the topic and the reason."""
    bus = KafkaBus(settings.model_copy(update={"kafka_replication_factor": 3}))
    await bus.start()
    with pytest.raises(BusUnavailable, match=r"orders.*InvalidReplicationFactor"):
        await bus.ensure_topics([ORDERS], partitions=1)
    await bus.stop()


async def test_a_producer_that_died_is_replaced(settings: PlatformSettings):
    """INVARIANT: after a fatal error of the producer the next append goes through a new one."""
    async with opened(settings) as bus:
        await bus.append(numbered(range(10)))
        producer = bus._producer._producer
        producer._sender.sender_task.cancel()
        with pytest.raises(BusUnavailable):
            await bus.append(numbered(range(10, 20)))

        await bus.append(numbered(range(10, 20)))

        assert bus._producer._producer is not producer
        async with member(bus) as consumer:
            assert {int(record.value) for record in await collect(consumer, 20)} == set(range(20))


async def test_a_consumer_that_lives_but_does_not_consume_is_made_again(
    settings: PlatformSettings, monkeypatch: pytest.MonkeyPatch
):
    """INVARIANT: records before a consumer that hands out none for too long end in a new one that does."""
    monkeypatch.setattr(shared.bus.kafka.consumer, "STUCK_SECONDS", 1.0)
    async with opened(settings) as bus, member(bus) as consumer:
        await bus.append(numbered(range(10)))
        assert len(await collect(consumer, 10)) == 10
        stuck = consumer._inner
        stuck._fetcher._fetch_task.cancel()
        await bus.append(numbered(range(10, 20)))
        assert await collect(consumer, 1, seconds=1.5) == []

        # What a runner does every few seconds.
        assert sum((await consumer.lag()).values()) == 10

        found = await collect(consumer, 10)
        assert consumer._inner is not stuck
        assert {int(record.value) for record in found} >= set(range(10, 20))


def test_the_pure_python_codec_is_refused():
    """INVARIANT: without aiokafka's compiled extension the bus does not start, and says so in one sentence."""
    code = (
        "from shared.bus.kafka import KafkaBus; from shared.config import PlatformSettings;"
        "KafkaBus(PlatformSettings(kafka_bootstrap_servers='127.0.0.1:1'))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={"AIOKAFKA_NO_EXTENSIONS": "1", "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "UserError: aiokafka's compiled extension did not load" in ended.stderr


@dataclass(frozen=True, slots=True)
class Secured:
    """A broker that wants TLS and a password; at another port, TLS alone."""

    broker: KafkaBroker
    tls_port: int
    stranger: Path

    def settings(self, prefix: str = "t.", **other: Any) -> PlatformSettings:
        """Settings that reach it, but for these; an authority "stranger" is one that signed nothing of it."""
        if other.get("kafka_ssl_cafile") == "stranger":
            other["kafka_ssl_cafile"] = self.stranger
        if other.get("kafka_security_protocol") == "SSL":
            other["kafka_bootstrap_servers"] = f"127.0.0.1:{self.tls_port}"
        return self.broker.settings(topic_prefix=prefix).model_copy(update=other)


@pytest.fixture(scope="module")
def secured(kafka_broker: KafkaBroker | GivenBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A broker that wants TLS and a password."""
    if isinstance(kafka_broker, GivenBroker):
        pytest.skip("TAM_TEST_KAFKA names a broker whose security is not ours to set")
    folder = tmp_path_factory.mktemp("secured")
    stranger = write_certificate(tmp_path_factory.mktemp("stranger"))
    authority, tls_port = write_certificate(folder), free_port()
    broker = KafkaBroker(
        folder,
        properties={
            "listeners": "SASL_SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port},"
            f"SSL://127.0.0.1:{tls_port}",
            "advertised.listeners": f"SASL_SSL://127.0.0.1:{{port}},SSL://127.0.0.1:{tls_port}",
            "inter.broker.listener.name": "SASL_SSL",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": (
                f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
            ),
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required "
                f'username="{USER}" password="{PASSWORD}";'
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(folder / "broker.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(authority),
        },
        format_arguments=("--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"),
        client={
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_sasl_username": USER,
            "kafka_sasl_password": PASSWORD,
            "kafka_ssl_cafile": authority,
        },
    )
    asyncio.run(broker.start())
    yield Secured(broker, tls_port, stranger)
    broker.kill()


async def test_who_has_started_is_connected_to_write(kafka_broker: KafkaBroker | GivenBroker):
    """Ready means ready: no request waits for a connection that a broker which just started takes long to give."""
    bus = KafkaBus(PlatformSettings(kafka_bootstrap_servers=kafka_broker.bootstrap_servers, topic_prefix="warm."))
    try:
        await bus.start()
        assert bus._producer._producer is not None
    finally:
        await bus.stop()


@pytest.mark.parametrize(
    "way",
    [{"kafka_sasl_mechanism": "SCRAM-SHA-512"}, {"kafka_sasl_mechanism": "PLAIN"}, {"kafka_security_protocol": "SSL"}],
    ids=["scram", "plain", "tls alone"],
)
async def test_records_travel_encrypted_and_with_a_password(secured: Secured, way: dict[str, str]):
    """INVARIANT: the settings for TLS and SASL are enough to append and to read."""
    async with opened(secured.settings(prefix="".join(way.values()), **way)) as bus, member(bus) as consumer:
        await bus.append(numbered(range(100)))
        assert len(await collect(consumer, 100)) == 100
        assert await bus.ready() is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"kafka_sasl_password": "guess"},
        {"kafka_sasl_password": "guess", "kafka_sasl_mechanism": "PLAIN"},
        {"kafka_sasl_username": "nobody"},
        {"kafka_ssl_cafile": None},
        {"kafka_ssl_cafile": "stranger"},
        {"kafka_security_protocol": "PLAINTEXT"},
        {"kafka_security_protocol": "SSL", "kafka_ssl_cafile": "stranger"},
    ],
    ids=["password", "plain password", "user", "authority", "stranger", "protocol", "stranger without password"],
)
async def test_a_wrong_credential_ends_in_a_refusal_not_in_a_hang(secured: Secured, wrong: dict[str, str]):
    """INVARIANT: who is not let in hears of it, and the password is in no message."""
    bus = KafkaBus(secured.settings(**wrong))
    async with asyncio.timeout(40):
        with pytest.raises(BusUnavailable) as refused:
            await bus.start()
        assert await bus.ready() is not None
        await bus.stop()
    assert PASSWORD not in str(refused.value)
    assert "guess" not in str(refused.value)


def write_certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself; with its key for the broker, alone for clients."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tam test broker")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "broker.pem").write_bytes(private + public)
    (folder / "authority.pem").write_bytes(public)
    return folder / "authority.pem"
