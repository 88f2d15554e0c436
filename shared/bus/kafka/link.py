"""How to reach the brokers, and how to let go of clients that do not want to end.

Where this touches private names of aiokafka it is because its own `stop()` waits for a broker that is gone.
"""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, ProducerClosed
from aiokafka.helpers import create_ssl_context
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from shared.bus.base import BusUnavailable
from shared.config import PlatformSettings
from shared.errors import ConfigError, UserError
from shared.observability.logging import logger

log = logger(__name__)

DISCARD_SECONDS = 3.0
LEAVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Link:
    """Where the brokers are, and what our names look like there."""

    options: dict[str, Any]
    prefix: str
    replication: int

    @classmethod
    def of(cls, settings: PlatformSettings) -> "Link":
        """The link that the settings describe.

        Raises:
            ConfigError: they do not fit together.
        """
        options: dict[str, Any] = {
            "bootstrap_servers": settings.kafka_bootstrap_servers,
            "security_protocol": settings.kafka_security_protocol,
            # Soon after a topic is made, or a broker is back, we want to know.
            "metadata_max_age_ms": 60_000,
        }
        if settings.kafka_security_protocol.endswith("SSL"):
            options["ssl_context"] = _trusting(settings.kafka_ssl_cafile)
            _present(options["ssl_context"], settings)
        if settings.kafka_security_protocol.startswith("SASL"):
            if not (settings.kafka_sasl_username and settings.kafka_sasl_password):
                raise ConfigError("TAM_KAFKA_SECURITY_PROTOCOL wants TAM_KAFKA_SASL_USERNAME and …_PASSWORD beside it.")
            options["sasl_mechanism"] = settings.kafka_sasl_mechanism
            options["sasl_plain_username"] = settings.kafka_sasl_username
            options["sasl_plain_password"] = settings.kafka_sasl_password
        return cls(options, settings.topic_prefix, settings.kafka_replication_factor)

    def name(self, topic: str) -> str:
        """The topic's name on the brokers."""
        return self.prefix + topic

    def topic(self, name: str) -> str:
        """The inverse of `name`."""
        return name.removeprefix(self.prefix)


def _trusting(authority: Path | None) -> ssl.SSLContext:
    try:
        context: ssl.SSLContext = create_ssl_context(cafile=authority)
    except OSError as error:
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else (error.strerror or "").lower()
        raise ConfigError(f"TAM_KAFKA_SSL_CAFILE is wrong: {authority} cannot be read ({reason}).") from None
    return context


def _present(context: ssl.SSLContext, settings: PlatformSettings) -> None:
    """Show brokers who we are by a certificate, where there is one."""
    certificate, key = settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile
    if certificate is None:
        if key is not None:
            raise ConfigError("TAM_KAFKA_SSL_KEYFILE wants TAM_KAFKA_SSL_CERTFILE beside it.")
        return
    for name, path in (("CERTFILE", certificate), ("KEYFILE", key)):
        if path is not None and not os.access(path, os.R_OK):
            raise ConfigError(f"TAM_KAFKA_SSL_{name} is wrong: {path} cannot be read.")
    try:
        # Without a password of ours, OpenSSL would ask for one at the terminal.
        context.load_cert_chain(certificate, key, settings.kafka_ssl_key_password or "")
    except ssl.SSLError as error:
        reason = "they do not belong together" if error.reason == "KEY_VALUES_MISMATCH" else "the key or its password"
        raise ConfigError(
            f"TAM_KAFKA_SSL_CERTFILE and TAM_KAFKA_SSL_KEYFILE are wrong: {certificate}, {key} ({reason})."
        ) from None


def require_compiled_extension() -> None:
    """Refuse to run aiokafka in pure Python, where it is six to thirty times slower.

    Raises:
        UserError: the extension did not load.
    """
    for kind in (DefaultRecordBatch, DefaultRecordBatchBuilder):
        if not kind.__module__.startswith("aiokafka.record._crecords"):
            raise UserError(
                "aiokafka's compiled extension did not load; install aiokafka from a wheel and unset "
                "AIOKAFKA_NO_EXTENSIONS."
            )


@asynccontextmanager
async def deadline(seconds: float, what: str) -> AsyncIterator[None]:
    """Bound an exchange with the brokers.

    Raises:
        BusUnavailable: they refused, or did not answer in time.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise BusUnavailable(f"Kafka did not answer within {seconds:.0f} s: {what}") from None
    except (KafkaError, OSError) as error:
        raise BusUnavailable(f"Kafka: {what}: {type(error).__name__}: {error}") from error


async def discard_producer(producer: AIOKafkaProducer) -> None:
    """End a producer whose outcome is unknown; what it holds is not sent any more."""
    sender, accumulator = producer._sender, producer._message_accumulator  # noqa: SLF001
    producer._closed = True  # noqa: SLF001
    try:
        async with asyncio.timeout(DISCARD_SECONDS):
            # First the connections: a sender waits for its requests, and they end with them.
            await _disconnect(producer.client)
            await sender.close()
    except Exception as error:  # noqa: BLE001 - it is thrown away, however it feels about that
        log.debug("producer_did_not_end", error=type(error).__name__)
    finally:
        for batches in accumulator._batches.values():  # noqa: SLF001
            for batch in batches:
                batch._drain_waiter.add_done_callback(retrieve)  # noqa: SLF001
            # A batch on its way back from a failed request is missed there when its future ends.
            accumulator._pending_batches.update(batches)  # noqa: SLF001
        accumulator.fail_all(ProducerClosed())
        await _cancel(sender.sender_task)


async def discard_consumer(consumer: AIOKafkaConsumer, *, leave: bool) -> None:
    """End a consumer; `leave` tells the group, if the broker still listens."""
    client, coordinator, fetcher = consumer._client, consumer._coordinator, consumer._fetcher  # noqa: SLF001
    try:
        async with asyncio.timeout(LEAVE_SECONDS if leave else DISCARD_SECONDS):
            if not leave:
                await _disconnect(client)
            await consumer.stop()
    except Exception as error:  # noqa: BLE001 - it is thrown away, however it feels about that
        log.debug("consumer_did_not_end", error=type(error).__name__)
        consumer._closed = True  # noqa: SLF001
        if coordinator is not None:
            for name in ("_coordination_task", "_heartbeat_task", "_commit_refresh_task"):
                await _cancel(getattr(coordinator, name, None))
        if fetcher is not None:
            await _cancel(fetcher._fetch_task)  # noqa: SLF001
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(DISCARD_SECONDS):
                await _disconnect(client)


async def _disconnect(client: AIOKafkaClient) -> None:
    """Close a client's connections, the one it is just making too, and let it make no more."""

    async def none(*_: Any, **__: Any) -> None:
        return None

    client._get_conn = none  # noqa: SLF001
    await client.close()
    async with client._get_conn_lock:  # noqa: SLF001
        pass
    await client.close()


def retrieve(future: asyncio.Future[Any]) -> None:
    """Look at the outcome of a future that nobody waits for any more."""
    if not future.cancelled():
        future.exception()


async def _cancel(task: asyncio.Task[Any] | None) -> None:
    if task is None or task.done():
        return
    task.cancel()
    await asyncio.wait({task}, timeout=DISCARD_SECONDS)
    if task.done() and not task.cancelled():
        task.exception()
