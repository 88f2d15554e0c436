"""A refused event as a record for the quarantine: what was sent, cut to 32 KB, and why it was refused."""

import hashlib
import json
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.touchpoints.domain.calls import MAX_MESSAGE_ID, Delivery
from services.touchpoints.domain.refusal import Refusal
from shared.events.catalogue.touchpoints import TouchpointRejected
from shared.events.envelope import Event, encode
from shared.ids import derived_id

MAX_RAW_BYTES = 32 * 1024


class Rejected(NamedTuple):
    """A refused event: its record for the quarantine, and its verdict for the answer."""

    key: bytes
    value: bytes
    verdict: dict[str, Any]


def reject(event: object, index: int, refusal: Refusal, delivery: Delivery, *, message_id: object = None) -> Rejected:
    """Write down a refusal. The same event refused again has the same id, so the quarantine holds it once."""
    raw = as_text(event)
    stated = event.get("messageId") if type(event) is dict else message_id
    shown = stated if type(stated) is str and len(stated) <= MAX_MESSAGE_ID and "\x00" not in stated else None
    identity = rejection_id(delivery.source, refusal.code, raw)
    data = TouchpointRejected(
        source=delivery.source, message_id=shown, code=refusal.code, message=refusal.message, raw=raw
    )
    record = Event(
        id=identity,
        subject=identity,
        time=delivery.received,
        recorded=delivery.received,
        data=data,
        traceparent=delivery.traceparent,
    )
    verdict = {"index": index, "messageId": shown, "code": refusal.code, "message": refusal.message}
    return Rejected(identity.bytes, encode(record), verdict)


def rejection_id(source: str, code: str, raw: str) -> UUID:
    """One id for one thing refused for one reason."""
    return derived_id("rejected", source, code, hashlib.sha256(raw.encode()).hexdigest())


def as_text(event: object) -> str:
    """The event as JSON text of at most 32 KB; empty if it is nested too deep to be written."""
    try:
        raw = orjson.dumps(event)
    except TypeError:
        try:
            raw = json.dumps(event).encode()
        except (RecursionError, ValueError):
            return ""
    return raw[:MAX_RAW_BYTES].decode(errors="ignore")
