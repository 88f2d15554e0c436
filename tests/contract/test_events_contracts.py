"""The contracts: committed as generated, never broken for their readers, and true of what is sent."""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from typing_extensions import is_typeddict

from services.cli.contracts import FOLDER, generated
from services.registry import SERVICES
from shared.events.envelope import Catalogue, Event, EventData, encode
from shared.events.topics import DEAD_LETTERS, TOPICS
from shared.runtime.contracts import breaking_changes, event_schema

EVENTS = list(dict.fromkeys(event for service in SERVICES for event in service.publishes))
FILES = generated()

checker = FormatChecker()


@checker.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def schema_of(event_type: str) -> Draft202012Validator:
    """The committed schema of an event, as its readers have it."""
    schema = json.loads((FOLDER / "events" / f"{event_type}.schema.json").read_bytes())
    return Draft202012Validator(schema, format_checker=checker)


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_committed_file_is_what_is_generated(name: str):
    assert (FOLDER / name).read_bytes() == FILES[name], "run `make contracts`"


def test_nothing_else_is_committed():
    """A schema that no service publishes any more still has readers."""
    assert {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()} == set(FILES)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.event_type)
def test_every_event_says_what_it_is(event: type[EventData]):
    schema = event_schema(event)

    Draft202012Validator.check_schema(schema)
    assert schema["description"], "an event has a docstring"
    assert event.event_type.startswith(f"tam.{event.producer()}.")
    assert event.event_type.rpartition(".v")[2].isdigit()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Values that a field of an event may have."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return st.one_of([values_of(each) for each in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is dict:
        of = arguments[1]
        return st.dictionaries(st.text(), JSON if of is Any else values_of(of), max_size=3)
    if origin is list:
        return st.lists(values_of(arguments[0]), max_size=3)
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
        return st.tuples(*map(values_of, arguments))
    if is_typeddict(annotation):
        return st.fixed_dictionaries({}, optional={k: values_of(v) for k, v in get_type_hints(annotation).items()})
    if is_dataclass(annotation):
        return st.builds(annotation, **{each.name: values_of(each.type) for each in fields(annotation)})
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(),
        int: st.integers(-(2**53), 2**53),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
        date: st.dates(),
        UUID: st.uuids(),
        datetime: MOMENTS,
        NoneType: st.none(),
    }
    return simple[annotation]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.event_type)
@settings(max_examples=30)
@given(draw=st.data())
def test_whatever_is_sent_fits_its_schema_and_comes_back_the_same(event: type[EventData], draw: st.DataObject):
    fields = {name: values_of(field.annotation) for name, field in event.model_fields.items()}
    sent = Event(
        id=draw.draw(st.uuids()),
        subject=draw.draw(st.uuids()),
        time=draw.draw(MOMENTS),
        recorded=draw.draw(MOMENTS),
        data=event(**draw.draw(st.fixed_dictionaries(fields))),
        traceparent=draw.draw(st.none() | st.just("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")),
    )

    value = encode(sent)

    schema_of(event.event_type).validate(json.loads(value))
    assert Catalogue((event,)).decode(value) == sent


def changed(**changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A contract before and after a change; None takes a field away."""
    data = {
        "type": "object",
        "required": ["order_id", "total_minor"],
        "properties": {
            "order_id": {"title": "Order Id", "type": "string"},
            "total_minor": {"type": "integer"},
            "coupon": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "line": {"$ref": "#/$defs/Line"},
        },
    }
    line = {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}}}
    before = {"properties": {"data": data}, "$defs": {"Line": line}}
    after = json.loads(json.dumps(before))
    target = after["$defs"]["Line"] if changes.pop("in_line", False) else after["properties"]["data"]
    required = changes.pop("required", target["required"])
    for name, schema in changes.items():
        if schema is None:
            del target["properties"][name]
            required = [each for each in required if each != name]
        else:
            target["properties"][name] = schema
    target["required"] = required
    return before, after


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"note": {"type": "string"}},
        {"order_id": {"type": "string", "title": "Another title", "description": "More words."}},
        {"colour": {"type": "string"}, "in_line": True},
        {"coupon": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": "none"}},
    ],
    ids=["nothing", "an optional field", "words", "an optional field inside", "a default"],
)
def test_a_v1_may_gain(change: dict[str, Any]):
    assert breaking_changes(*changed(**change)) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"coupon": None}, "coupon was removed"),
        ({"order_id": None}, "order_id was removed"),
        ({"total_minor": {"type": "string"}}, "total_minor changed its type"),
        ({"order_id": {"type": "string", "maxLength": 5}}, "order_id changed its type"),
        ({"coupon": {"type": "string"}}, "coupon changed its type"),
        ({"coupon": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}, "coupon changed its type"),
        ({"note": {"type": "string"}, "required": ["order_id", "total_minor", "note"]}, "note became required"),
        ({"required": ["order_id"]}, "total_minor is no longer always there"),
        ({"sku": {"type": "integer"}, "in_line": True}, "line.sku changed its type"),
        ({"sku": None, "in_line": True}, "line.sku was removed"),
        ({"coupon": {"anyOf": [{"type": "string"}, {"type": "null"}], "items": {}}}, "coupon changed"),
    ],
)
def test_a_v1_may_never_lose(change: dict[str, Any], says: str):
    assert breaking_changes(*changed(**change)) == [says]


def test_the_rule_holds_for_real_events():
    schema = event_schema(EVENTS[0])
    without = json.loads(json.dumps(schema))
    lost = sorted(without["properties"]["data"]["properties"])[0]
    del without["properties"]["data"]["properties"][lost]

    assert breaking_changes(schema, schema) == []
    assert f"{lost} was removed" in breaking_changes(schema, without)


def asyncapi() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(FILES["asyncapi.json"])
    return document


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def test_every_reference_of_the_asyncapi_document_leads_somewhere():
    document = asyncapi()
    for reference in references(document):
        place, _, pointer = reference.partition("#")
        if place:
            assert (FOLDER / place).exists(), reference
            continue
        node: Any = document
        for part in pointer.strip("/").split("/"):
            node = node[part]


def test_the_asyncapi_document_knows_every_topic_event_and_reader():
    document = asyncapi()
    receivers = {
        (subscription.group, event.event_type)
        for service in SERVICES
        for subscription in service.subscriptions
        for event in subscription.events
    }
    by_name = {name: message["name"] for name, message in document["components"]["messages"].items()}
    found = set()
    for name, operation in document["operations"].items():
        message = by_name[operation["messages"][0]["$ref"].rpartition("/")[2]]
        assert operation["action"] == ("receive" if ".receives." in name else "send")
        if operation["action"] == "receive":
            found.add((name.partition(".receives.")[0], message))

    assert document["asyncapi"].startswith("3.")
    assert set(document["channels"]) == {topic.name for topic in TOPICS}
    assert sorted(by_name.values()) == sorted(event.event_type for event in EVENTS)
    assert found == receivers
    # A channel without a message is a topic that nobody explains.
    silent = {name for name, channel in document["channels"].items() if not channel["messages"]}
    assert silent == {DEAD_LETTERS.name}


def test_every_event_has_one_name():
    """Messages are known by their class in AsyncAPI: two of one name would hide each other."""
    names = [event.__name__ for event in EVENTS]

    assert len(names) == len(set(names))


def test_only_the_raw_topics_may_hold_personal_data():
    assert {topic.name for topic in TOPICS if topic.personal} == {"ingest", "ingest_rejected", "rights", "dlq"}
    assert all(topic.retention is not None for topic in TOPICS if topic.personal)


def test_the_folder_is_part_of_the_package():
    assert Path("shared/contracts").parts == FOLDER.parts[-2:]
