"""Topics on the brokers: making them, counting their partitions."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.bus.base import BusUnavailable
from shared.bus.kafka.link import Link, deadline
from shared.events.topics import Topic

ADMIN_SECONDS = 30.0
REQUEST_MILLISECONDS = 10_000
FOR_EVER = "-1"
# With this many copies an acknowledged record survives the loss of one.
SAFE_REPLICATION = 3


@asynccontextmanager
async def _admin(link: Link, what: str) -> AsyncIterator[AIOKafkaAdminClient]:
    async with deadline(ADMIN_SECONDS, what):
        admin = AIOKafkaAdminClient(**link.options, request_timeout_ms=REQUEST_MILLISECONDS)
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()


def _configuration(topic: Topic, replication: int) -> dict[str, str]:
    configuration = {
        "retention.ms": FOR_EVER if topic.retention is None else str(int(topic.retention.total_seconds() * 1000)),
        "retention.bytes": FOR_EVER,
        "cleanup.policy": "delete",
        # A record's time is when the broker took it, whatever the clock of the producer says.
        "message.timestamp.type": "LogAppendTime",
    }
    if replication >= SAFE_REPLICATION:
        configuration["min.insync.replicas"] = "2"
    return configuration


async def make_topics(link: Link, topics: Sequence[Topic], *, partitions: int) -> None:
    """Make the topics that are not there yet; those that are stay as they are.

    Raises:
        BusUnavailable: the brokers refused, or did not answer.
    """
    async with _admin(link, "make topics") as admin:
        answer = await admin.create_topics(
            [
                NewTopic(
                    link.name(topic.name),
                    num_partitions=partitions,
                    replication_factor=link.replication,
                    topic_configs=_configuration(topic, link.replication),
                )
                for topic in topics
            ]
        )
    for name, code, *message in answer.topic_errors:
        error = for_code(code)
        if code != 0 and error is not TopicAlreadyExistsError:
            raise BusUnavailable(f"Kafka did not make the topic {name}: {error.__name__} {' '.join(map(str, message))}")


async def add_partitions(link: Link, topics: Sequence[Topic], *, partitions: int) -> None:
    """Give topics as many partitions; they must have fewer.

    Raises:
        BusUnavailable: the brokers refused, or did not answer.
    """
    async with _admin(link, "add partitions") as admin:
        await admin.create_partitions(
            {link.name(topic.name): NewPartitions(total_count=partitions) for topic in topics}
        )


async def count_partitions(link: Link) -> dict[str, int]:
    """The partitions of each of our topics."""
    async with _admin(link, "list topics") as admin:
        described = await admin.describe_topics()
    return {
        link.topic(topic["topic"]): len(topic["partitions"])
        for topic in described
        if topic["topic"].startswith(link.prefix) and topic["error_code"] == 0
    }
