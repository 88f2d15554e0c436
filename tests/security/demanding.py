"""Servers that take nobody without TLS and a password: PostgreSQL and Kafka, for as long as a test needs them."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import NamedTuple, NoReturn

import asyncpg
import pytest
from certificates import Authority, make_authority

from shared.db.installation import server_user
from shared.testing.kafka import KafkaBroker, KafkaMissing
from shared.testing.ports import free_port
from shared.testing.postgres import scratch_folder

PASSWORD = "canary/p@ss word#1"
QUOTED = "canary%2Fp%40ss%20word%231"
START_SECONDS = 30.0
SYSTEM_SERVERS = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Demanding:
    """A server that wants TLS and a password, or a certificate in its place: `ours` are ours and its key."""

    port: int
    authority: Path
    stranger: Path
    ours: tuple[Path, Path]
    foreign: tuple[Path, Path]
    wants_certificate: bool = False

    def url(self, query: str, host: str = "127.0.0.1", password: str = QUOTED) -> str:
        """Its URL, as it stands in a setting."""
        return f"postgresql://tam:{password}@{host}:{self.port}/postgres{'?' if query else ''}{query}"

    @property
    def right(self) -> str:
        """What the manual says to set."""
        if self.wants_certificate:
            return self.with_certificate(*self.ours)
        return self.url(f"sslmode=verify-full&sslrootcert={self.authority}")

    def with_certificate(self, certificate: Path, key: Path) -> str:
        """Its URL with a certificate and no password."""
        query = f"sslmode=verify-full&sslrootcert={self.authority}&sslcert={certificate}&sslkey={key}"
        return self.url(query).replace(f":{QUOTED}@", "@")


def programs() -> Path:
    """The newest server of the system; without one these tests are skipped, or fail where it is required."""
    found = sorted(SYSTEM_SERVERS.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        reason = "There is no PostgreSQL with TLS here (Debian: apt install postgresql)"
        if os.environ.get("TAM_REQUIRE_POSTGRESQL") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return found[-1].parent


@contextmanager
def demanding_postgres(*, wants_certificate: bool = False) -> Iterator[Demanding]:
    """A PostgreSQL of the system that takes connections over TLS alone, from who knows the password.

    With `wants_certificate` from who shows one instead, made out to the user.
    """
    bin_dir = programs()
    with scratch_folder(in_memory=True) as folder:
        port, data = free_port(), folder / "data"
        authority, stranger = make_authority(folder, "authority"), make_authority(folder, "stranger")
        (folder / "password").write_text(PASSWORD)
        certificate, key = authority.sign(folder)
        ours, foreign = authority.sign(folder, "tam"), stranger.sign(folder, "foreign")
        user = server_user(folder)
        if user is not None:
            for path in (folder, key, folder / "password"):
                shutil.chown(path, user.uid, user.gid)
        as_user = {} if user is None else user.popen_arguments
        arguments = (
            "-U",
            "tam",
            "--pwfile",
            folder / "password",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-sync",
        )
        subprocess.run([bin_dir / "initdb", "-D", data, *arguments], check=True, capture_output=True, **as_user)
        (data / "pg_hba.conf").write_text(
            f"hostssl all all 127.0.0.1/32 {'cert' if wants_certificate else 'scram-sha-256'}\n"
        )
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(folder),
            "ssl": "on",
            "ssl_cert_file": str(certificate),
            "ssl_key_file": str(key),
            "ssl_ca_file": str(authority.file),
            "fsync": "off",
        }
        given = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [bin_dir / "postgres", "-D", data, "-p", str(port), *given], stdout=log, stderr=log, **as_user
            )
        try:
            found = Demanding(port, authority.file, stranger.file, ours, foreign, wants_certificate)
            asyncio.run(_until_ready(found, folder / "log"))
            yield found
        finally:
            server.terminate()
            server.wait(30)


async def _until_ready(server: Demanding, log: Path) -> None:
    deadline = monotonic() + START_SECONDS
    while True:
        try:
            await (await asyncpg.connect(server.right)).close()
        except (OSError, asyncpg.CannotConnectNowError):
            assert monotonic() < deadline, log.read_text()
            await asyncio.sleep(0.05)
        else:
            return


@dataclass(frozen=True, slots=True)
class DemandingBroker:
    """A broker whose one door is SASL_SSL with SCRAM-SHA-512."""

    broker: KafkaBroker
    authority: Path
    stranger: Path
    folder: Path

    def environ(self, *, authority: Path | None = None, password: str = PASSWORD) -> Mapping[str, str]:
        """What the manual says to set."""
        file = self.folder / f"kafka-password-{len(password)}"
        file.write_text(password)
        return {
            "TAM_KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "TAM_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "TAM_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "TAM_KAFKA_SASL_USERNAME": "tam",
            "TAM_KAFKA_SASL_PASSWORD_FILE": str(file),
            "TAM_KAFKA_SSL_CAFILE": str(authority or self.authority),
        }


@dataclass(frozen=True, slots=True)
class CertifiedBroker:
    """A broker that knows everybody by their certificates. `ours` are ours and its key, `foreign` a stranger's."""

    broker: KafkaBroker
    authority: Path
    ours: tuple[Path, Path]
    foreign: tuple[Path, Path]

    def environ(self, certificate: tuple[Path, Path] | None = None) -> Mapping[str, str]:
        """What the manual says to set."""
        public, private = certificate or self.ours
        return {
            "TAM_KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "TAM_KAFKA_SECURITY_PROTOCOL": "SSL",
            "TAM_KAFKA_SSL_CAFILE": str(self.authority),
            "TAM_KAFKA_SSL_CERTFILE": str(public),
            "TAM_KAFKA_SSL_KEYFILE": str(private),
        }


@contextmanager
def certified_kafka(folder: Path) -> Iterator[CertifiedBroker]:
    """A broker whose one door is TLS from both sides."""
    authority, stranger = make_authority(folder, "authority"), make_authority(folder, "stranger")
    ours, foreign = authority.sign(folder, "tam"), stranger.sign(folder, "foreign")
    broker = KafkaBroker(
        folder,
        properties={
            "listeners": "SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": "SSL://127.0.0.1:{port}",
            "inter.broker.listener.name": "SSL",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SSL:SSL",
            "ssl.client.auth": "required",
            **_pem_stores(folder, authority),
        },
        client={
            "kafka_security_protocol": "SSL",
            "kafka_ssl_cafile": authority.file,
            "kafka_ssl_certfile": ours[0],
            "kafka_ssl_keyfile": ours[1],
        },
    )
    try:
        asyncio.run(broker.start())
        yield CertifiedBroker(broker, authority.file, ours, foreign)
    finally:
        broker.kill()


def _pem_stores(folder: Path, authority: Authority) -> Mapping[str, str]:
    """A certificate of the broker's own, and whom it trusts, as it is told of them."""
    certificate, key = authority.sign(folder)
    (folder / "broker.pem").write_bytes(key.read_bytes() + certificate.read_bytes() + authority.file.read_bytes())
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.file),
    }


@contextmanager
def demanding_kafka(folder: Path) -> Iterator[DemandingBroker]:
    """A broker that takes nobody without TLS and the password."""
    authority, stranger = make_authority(folder, "authority"), make_authority(folder, "stranger")
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    broker = KafkaBroker(
        folder,
        properties={
            "listeners": "SASL_SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": "SASL_SSL://127.0.0.1:{port}",
            "inter.broker.listener.name": "SASL_SSL",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f'{scram} username="tam" password="{PASSWORD}";',
            **_pem_stores(folder, authority),
        },
        format_arguments=("--add-scram", f"SCRAM-SHA-512=[name=tam,password={PASSWORD}]"),
        client={
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_username": "tam",
            "kafka_sasl_password": PASSWORD,
            "kafka_ssl_cafile": authority.file,
        },
    )
    try:
        asyncio.run(broker.start())
        yield DemandingBroker(broker, authority.file, stranger.file, folder)
    finally:
        broker.kill()


def no_broker(what: str, missing: KafkaMissing) -> NoReturn:
    """Skip with one clear line, or fail where a broker is required."""
    reason = f"No broker that demands {what} can be run here: {missing}"
    if os.environ.get("TAM_REQUIRE_KAFKA") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class Ended(NamedTuple):
    """How a command ended: its exit code, what it said to people and what it printed for programs."""

    code: int
    said: str
    printed: str


async def tam(*arguments: str, **environ: str) -> Ended:
    """A command in a process of its own, to its end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TAM_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", *arguments, env={**clean, **environ}, stdout=-1, stderr=-1
    )
    printed, said = await asyncio.wait_for(process.communicate(), 60)
    return Ended(process.returncode or 0, said.decode(), printed.decode())
