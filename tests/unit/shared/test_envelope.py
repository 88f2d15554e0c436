"""The envelope: what is written is read back, and a hostile record is poison, never a crash."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import Poison
from shared.events import envelope
from shared.events.catalogue import profiles, touchpoints
from shared.events.catalogue.profiles import CustomerMerged
from shared.events.catalogue.touchpoints import OrderPlaced, TouchpointReceived
from shared.events.envelope import Catalogue, Event, EventData, encode
from shared.events.topics import TOPICS
from shared.observability.tracing import request_span, sending

CATALOGUE = Catalogue((OrderPlaced, TouchpointReceived))
ALL = profiles.PUBLISHES + touchpoints.PUBLISHES
texts = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=30)
moments = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - the time zone is drawn apart
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=7)), timezone(-timedelta(hours=9, minutes=30))]),
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def an_order(**changes: object) -> Event[OrderPlaced]:
    data = {"order_id": "o-1", "total_minor": 1_999, "currency": "USD", "source": "web", **changes}
    moment = datetime(2026, 1, 31, 23, 30, tzinfo=timezone(timedelta(hours=7)))
    return Event(id=uuid4(), subject=uuid4(), time=moment, recorded=moment, data=OrderPlaced(**data))


def wire(**changes: object) -> bytes:
    return orjson.dumps({**orjson.loads(encode(an_order())), **changes})


@given(subject=st.uuids(), time=moments, recorded=moments, order_id=texts, total=st.integers(0, 10**15), coupon=texts)
def test_an_event_is_read_back_as_it_was_written(
    subject: UUID, time: datetime, recorded: datetime, order_id: str, total: int, coupon: str
):
    data = OrderPlaced(order_id=order_id, total_minor=total, currency="VND", source="web", coupon=coupon)
    event = Event(id=uuid4(), subject=subject, time=time, recorded=recorded, data=data)

    assert CATALOGUE.decode(encode(event)) == event


@given(properties=st.dictionaries(texts, json_values, max_size=4))
def test_what_a_shop_sent_is_kept_as_it_was(properties: dict[str, object]):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    data = TouchpointReceived(source="web", message_id="m", call="track", properties=properties, original_time=moment)
    event = Event(id=uuid4(), subject=uuid4(), time=moment, recorded=moment, data=data)

    assert CATALOGUE.decode(encode(event)) == event


def test_it_is_a_cloud_event():
    document = orjson.loads(encode(an_order()))

    assert document["specversion"] == "1.0"
    assert document["source"] == "tam/touchpoints"
    assert document["type"] == "tam.touchpoints.order_placed.v1"
    assert document["time"] == "2026-01-31T23:30:00+07:00"
    assert document["datacontenttype"] == "application/json"
    assert "traceparent" not in document


def test_the_trace_of_the_event_goes_before_that_of_the_request():
    trace, other = "00-" + "1" * 32 + "-" + "2" * 16 + "-01", "00-" + "3" * 32 + "-" + "4" * 16 + "-01"

    with request_span("POST", other), sending([("orders", trace), ("orders", None)]) as given:
        own, inherited = given
        assert own == trace
        assert inherited.split("-")[1] == other.split("-")[1]


def test_the_span_that_sends_an_event_goes_before_the_trace_it_came_in():
    trace, other = "00-" + "1" * 32 + "-" + "2" * 16 + "-01", "00-" + "3" * 32 + "-" + "4" * 16 + "-01"
    carried = an_order()._replace(traceparent=trace)

    assert CATALOGUE.decode(encode(carried)).traceparent == trace
    assert CATALOGUE.decode(encode(carried, traceparent=other)).traceparent == other
    assert CATALOGUE.decode(encode(an_order(), traceparent=other)).traceparent == other


def test_an_event_of_another_type_is_passed_over():
    assert CATALOGUE.decode(wire(type="tam.loyalty.points_earned.v1", data=None)) is None


def test_readers_of_the_same_record_need_not_understand_the_same_types():
    record = encode(an_order())
    first = CATALOGUE.decode(record)
    assert Catalogue((CustomerMerged,)).decode(record) is None
    assert Catalogue((OrderPlaced, CustomerMerged)).decode(record) is first
    assert Catalogue((CustomerMerged,)).decode(record) is None


def test_a_reader_with_a_class_of_its_own_gets_that_one():
    class Fewer(EventData, type=OrderPlaced.event_type, topic=OrderPlaced.topic):
        order_id: str

    record = encode(an_order())
    assert type(CATALOGUE.decode(record).data) is OrderPlaced
    assert type(Catalogue((Fewer,)).decode(record).data) is Fewer
    assert type(CATALOGUE.decode(record).data) is OrderPlaced


def test_what_was_decoded_is_not_kept_for_ever():
    for _ in range(envelope._MOST_DECODED + 10):
        CATALOGUE.decode(encode(an_order()))
    assert envelope._MOST_DECODED / 2 <= len(envelope._decoded) <= envelope._MOST_DECODED


def test_a_field_that_a_newer_producer_added_is_passed_over():
    order = orjson.loads(encode(an_order()))
    order["data"]["gift_wrap"] = True

    assert CATALOGUE.decode(orjson.dumps(order)).data.order_id == "o-1"


@pytest.mark.parametrize(
    "record",
    [
        None, b"", b"{", b"null", b"7", b"[]", b'"text"', b"{}", b"\xff\xfe", b"\x00" * 40, b"[" * 10_000,
        wire(id="42"), wire(id=None), wire(id=7), wire(subject="nobody"), wire(subject=None), wire(subject=[]),
        wire(type=None), wire(type={}), wire(type=[]), wire(time="yesterday"), wire(time=None), wire(time=1769876543),
        wire(time="2026-01-31T23:30:00"), wire(tamrecorded="2026-01-31"), wire(tamrecorded=None),
        wire(data=None), wire(data=[]), wire(data={}), wire(data="text"),
        wire(data={"order_id": 7, "total_minor": "many", "currency": "USD", "source": "web"}),
    ],
)  # fmt: skip
def test_a_hostile_record_is_poison(record: bytes | None):
    with pytest.raises(Poison):
        CATALOGUE.decode(record)


def test_the_reason_names_the_field_and_not_its_value():
    with pytest.raises(Poison) as refused:
        CATALOGUE.decode(
            wire(data={"order_id": {"name": "Nguyễn"}, "total_minor": 1, "currency": "USD", "source": "w"})
        )

    assert "order_id" in str(refused.value)
    assert "Nguyễn" not in str(refused.value)


@given(record=st.binary(max_size=200))
@example(record=b'{"type":""}')
def test_any_bytes_are_poison_or_of_a_type_that_nobody_knows(record: bytes):
    try:
        event = CATALOGUE.decode(record)
    except Poison:
        return
    assert event is None


@given(document=st.dictionaries(st.sampled_from(["id", "type", "subject", "time", "tamrecorded", "data"]), json_values))
def test_any_document_is_an_event_or_poison(document: dict[str, object]):
    document = {**orjson.loads(encode(an_order())), **document}
    try:
        event = CATALOGUE.decode(orjson.dumps(document))
    except Poison:
        return
    assert event is None or event.time.tzinfo is not None


@pytest.mark.parametrize("junk", [7, [], {}, None, True])
def test_a_strange_trace_does_not_hurt(junk: object):
    assert CATALOGUE.decode(wire(traceparent=junk)).traceparent is None


@pytest.mark.parametrize("event", ALL)
def test_every_event_has_a_name_of_its_producer_and_a_known_topic(event: type):
    word, producer, fact, version = event.event_type.split(".")

    assert (word, producer) == ("tam", event.__module__.rsplit(".", 1)[-1])
    assert fact == fact.lower()
    assert version[0] == "v"
    assert version[1:].isdigit()
    assert event.topic in TOPICS
    assert event.__doc__


def test_event_types_and_topics_are_unique():
    assert len({event.event_type for event in ALL}) == len(ALL)
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


def test_events_do_not_change():
    merged = CustomerMerged(from_id=uuid4(), into_id=uuid4(), version=1, reason="identify")

    with pytest.raises(ValueError, match="frozen"):
        merged.version = 2


def test_facts_that_are_made_unchecked_are_those_that_pydantic_makes():
    said = {"order_id": "o-1", "total_minor": 1_999, "currency": "USD", "source": "web"}
    made, checked = OrderPlaced.model_construct(**said), OrderPlaced(**said)

    assert made == checked
    assert made.model_fields_set == checked.model_fields_set == set(said)
    assert list(made.__dict__) == list(checked.__dict__)
    assert made.model_dump_json() == checked.model_dump_json()
    assert OrderPlaced.model_construct(**said, unknown=1) == checked


@pytest.mark.parametrize("data_class", ALL, ids=[each.event_type for each in ALL])
def test_what_is_made_of_nothing_is_what_pydantic_makes_of_nothing(data_class: type[EventData]):
    made, by_pydantic = data_class.model_construct(), super(EventData, data_class).model_construct()

    assert made.__dict__ == by_pydantic.__dict__
