"""The outbox: events written in the transaction of the effect they announce."""

import asyncio
from collections.abc import Sequence

import orjson

from shared.bus.base import OutRecord, check_size
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx
from shared.events.envelope import Event, EventData, encode
from shared.observability.tracing import current_traceparent

_COLUMNS = {"topic": "text", "key": "bytea", "value": "bytea"}


class OutboxWriter:
    """Writes emitted events as outbox rows; `wake` is set after each commit that wrote any."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()

    async def write(self, tx: ReadTx, events: Sequence[Event[EventData]]) -> None:
        """Insert one row per event, in order.

        Raises:
            RecordTooLarge: no bus would take an event of this size, and it would hold up all behind it.
        """
        here = current_traceparent()
        records = [
            OutRecord(event.data.topic.name, event.subject.bytes, encode(event, traceparent=here)) for event in events
        ]
        for record in records:
            check_size(record)
        await insert_rows(tx, "outbox", _COLUMNS, [(each.topic, each.key, each.value) for each in records])

    def committed(self) -> None:
        """Wake the relay of this process."""
        self.wake.set()


async def write_records(tx: ReadTx, records: Sequence[OutRecord]) -> None:
    """Send records as they are (dead letters), in the transaction of the effect."""
    rows = [(record.topic, record.key, record.value, dump_headers(record.headers)) for record in records]
    await insert_rows(tx, "outbox", {**_COLUMNS, "headers": "json"}, rows)


def dump_headers(headers: Sequence[tuple[str, bytes]]) -> str:
    """Headers as JSON text (for a column of type json), values as latin-1, which keeps every byte."""
    return orjson.dumps([(name, value.decode("latin-1")) for name, value in headers]).decode()


def load_headers(value: Sequence[Sequence[str]]) -> tuple[tuple[str, bytes], ...]:
    """The inverse of `dump_headers`, after JSON decoding."""
    return tuple((name, text.encode("latin-1")) for name, text in value)
