"""The outbox: events written in the transaction of the effect they announce."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from shared.bus.base import Headers, OutRecord, check_size
from shared.db.engine import ReadTx
from shared.events.envelope import Event, EventData, encode
from shared.observability.tracing import sending

# Of one row; the relay takes whole rows.
RUN_RECORDS = 500

_INSERT = """
    INSERT INTO outbox (records, topics, keys, "values", headers) VALUES (
        :records, CAST(:topics AS text[]), CAST(:keys AS bytea[]), CAST(:values AS bytea[]), CAST(:headers AS json)
    )
"""


class OutboxWriter:
    """Writes emitted events into the outbox; `wake` is set after each commit that wrote any."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()

    async def write(self, tx: ReadTx, events: Sequence[Event[EventData]]) -> None:
        """Store the events, in order.

        Raises:
            RecordTooLarge: no bus would take an event of this size, and it would hold up all behind it.
        """
        with sending([(event.data.topic.name, event.traceparent) for event in events]) as traceparents:
            records = [
                OutRecord(event.data.topic.name, event.subject.bytes, encode(event, traceparent=own))
                for event, own in zip(events, traceparents, strict=True)
            ]
            for record in records:
                check_size(record)
            await write_records(tx, records)

    def committed(self) -> None:
        """Wake the relay of this process."""
        self.wake.set()


async def write_records(tx: ReadTx, records: Sequence[OutRecord]) -> None:
    """Send records as they are, in the transaction of the effect.

    A row holds many: one each would cost several times as much to store and to delete again.
    """
    for start in range(0, len(records), RUN_RECORDS):
        run = records[start : start + RUN_RECORDS]
        await tx.execute(
            _INSERT,
            {
                "records": len(run),
                "topics": [record.topic for record in run],
                "keys": [record.key for record in run],
                "values": [record.value for record in run],
                "headers": _dump_all(run) if any(record.headers for record in run) else None,
            },
        )


def records_of(row: Any) -> Iterator[OutRecord]:
    """The records of a row (topics, keys, values, headers), in order."""
    headers = ((),) * len(row.topics) if row.headers is None else map(_load, row.headers)
    return map(OutRecord, row.topics, row.keys, row.values, headers)


def _dump_all(records: Sequence[OutRecord]) -> str:
    return orjson.dumps([_plain(record.headers) for record in records]).decode()


def dump_headers(headers: Headers) -> str:
    """Headers as JSON text (for a column of type json), values as latin-1, which keeps every byte."""
    return orjson.dumps(_plain(headers)).decode()


def _plain(headers: Headers) -> list[tuple[str, str]]:
    return [(name, value.decode("latin-1")) for name, value in headers]


def _load(value: Sequence[Sequence[str]]) -> Headers:
    return tuple((name, text.encode("latin-1")) for name, text in value)
