"""Whatever comes, there is one verdict per event, and what is accepted can be read and recorded."""

import gzip
from typing import Any
from uuid import UUID

import orjson
from hypothesis import event as hypothesis_event
from hypothesis import given, settings
from hypothesis import strategies as st
from touchpoint_events import CATALOGUE, a_delivery

from services.touchpoints.domain import bodies, recording
from services.touchpoints.domain.calls import CALLS, Accepted, accept
from services.touchpoints.domain.names import CANONICAL
from services.touchpoints.domain.refusal import Refusal
from services.touchpoints.domain.rejections import reject
from services.touchpoints.ingest.schemas import accept_native
from shared.errors import AppError
from shared.events.catalogue.touchpoints import TouchpointRejected
from shared.events.envelope import Catalogue, encode

FIELDS = [
    *("type", "event", "userId", "anonymousId", "messageId", "previousId", "groupId", "name", "category"),
    *("properties", "traits", "context", "timestamp", "originalTimestamp", "sentAt", "integrations"),
    *("user_id", "anonymous_id", "message_id", "previous_id", "group_id", "time"),
]
PROPERTIES = [
    *("order_id", "checkout_id", "total", "revenue", "value", "currency", "coupon", "products", "items", "checkout"),
    *("refund_id", "refund_amount", "subscription_id", "mrr", "plan_id", "period_start", "period_end", "url", "email"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
LIKELY = st.one_of(
    JSON,
    st.sampled_from([*CALLS, *sorted(CANONICAL), "u1", "", "undefined", "USD", "VND", "19.99", "\x00"]),
    st.sampled_from(
        ["2026-11-21T19:00:00Z", "2026-11-21T19:00:00", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00Z"]
    ),
    st.dictionaries(st.sampled_from(PROPERTIES), JSON | st.sampled_from(["USD", 5, 5.5, "o1", [{"quantity": 1e300}]])),
)
EVENTS = JSON | st.dictionaries(st.sampled_from(FIELDS), LIKELY, max_size=9)
LIKELY_EVENTS = st.builds(
    lambda event, rest: {"type": "track", "userId": "u1", "event": event, "messageId": "m", **rest},
    st.sampled_from(sorted(CANONICAL)),
    st.dictionaries(st.sampled_from(FIELDS), LIKELY, max_size=4),
)
REJECTIONS = Catalogue((TouchpointRejected,))


def _one_verdict(event: Any, accepted: Accepted | Refusal) -> None:
    if isinstance(accepted, Refusal):
        rejected = reject(event, 0, accepted, a_delivery())
        read = REJECTIONS.decode(rejected.value)
        assert read is not None
        assert orjson.loads(orjson.dumps(rejected.verdict))["code"] == accepted.code
        assert "\x00" not in f"{read.data.raw}{read.data.message}{read.data.message_id}"
        return
    event_in = CATALOGUE.decode(accepted.value)
    assert event_in is not None
    assert event_in.id == UUID(accepted.event_id)
    assert event_in.subject.bytes == accepted.key
    touchpoint = recording.record(event_in)
    for fact in touchpoint.announced:
        assert b"\\u0000" not in encode(fact)
    assert b"\\u0000" not in orjson.dumps((touchpoint.properties, touchpoint.context))


@settings(max_examples=400)
@given(EVENTS | LIKELY_EVENTS, st.sampled_from([None, *sorted(CALLS)]), st.sampled_from([None, "USD"]))
def test_every_event_of_an_sdk_gets_one_verdict(event: Any, call: str | None, currency: str | None) -> None:
    try:
        accepted: Accepted | Refusal = accept(event, call, a_delivery(currency=currency))
    except Refusal as refusal:
        accepted = refusal

    hypothesis_event(f"sdk: {getattr(accepted, 'code', 'accepted')}")
    _one_verdict(event, accepted)


@settings(max_examples=300)
@given(EVENTS | LIKELY_EVENTS, st.sampled_from([None, "USD"]))
def test_every_typed_event_gets_one_verdict(event: Any, currency: str | None) -> None:
    try:
        accepted: Accepted | Refusal = accept_native(event, 0, a_delivery(currency=currency), message_base=None)
    except Refusal as refusal:
        accepted = refusal

    _one_verdict(event, accepted)


@settings(max_examples=300)
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_json_or_refused(body: bytes) -> None:
    code = ""
    try:
        bodies.parse(bodies.inflate(body) if bodies.is_gzip(body) else body)
    except AppError as refusal:
        code = refusal.code

    assert code in ("", "not_json", "bad_gzip", "body_too_large")


@given(st.binary(max_size=300), st.integers(0, 60), st.binary(min_size=1, max_size=4))
def test_damaged_gzip_is_refused_or_read(content: bytes, at: int, noise: bytes) -> None:
    packed = bytearray(gzip.compress(content))
    packed[at : at + len(noise)] = noise
    code = ""
    try:
        bodies.inflate(bytes(packed))
    except AppError as refusal:
        code = refusal.code

    assert code in ("", "bad_gzip", "body_too_large")


@given(JSON.filter(lambda value: not isinstance(value, float)))
def test_what_was_written_is_what_is_read(value: Any) -> None:
    try:
        written = orjson.dumps(value)
    except TypeError:
        return
    assert orjson.dumps(bodies.parse(written)) == written
