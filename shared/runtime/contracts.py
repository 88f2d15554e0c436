"""The generated contracts: a JSON Schema per event, and AsyncAPI 3 from catalogue and manifests."""

from collections.abc import Sequence
from typing import Any

import orjson

from shared.config import PlatformSettings
from shared.events.envelope import EventData
from shared.events.topics import TOPICS
from shared.runtime.service import Service


def event_schema(event: type[EventData]) -> dict[str, Any]:
    """The JSON Schema of one event: the CloudEvents envelope with this event's data."""
    data = event.model_json_schema(ref_template="#/$defs/{model}")
    definitions = data.pop("$defs", {})
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": event.event_type,
        "title": event.__name__,
        "description": (event.__doc__ or "").strip(),
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "time", "tamrecorded", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "format": "uuid"},
            "source": {"const": f"tam/{event.producer()}"},
            "type": {"const": event.event_type},
            "subject": {"type": "string", "format": "uuid", "description": "The customer id; the key of the record."},
            "time": {"type": "string", "format": "date-time", "description": "When it happened."},
            "tamrecorded": {"type": "string", "format": "date-time", "description": "When we learnt it."},
            "datacontenttype": {"const": "application/json"},
            "traceparent": {"type": "string"},
            "data": data,
        },
    }
    if definitions:
        schema["$defs"] = definitions
    return schema


def breaking_changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What a reader of `old` could no longer rely on in `new`: fields lost, retyped, or newly required."""
    found = _broken(_plain(old, old.get("$defs", {})), _plain(new, new.get("$defs", {})), "")
    return list(dict.fromkeys(found))


def _broken(before: Any, after: Any, where: str) -> list[str]:
    """Compare two schemas without references, field by field, into objects, lists and alternatives."""
    place = where.removeprefix("data.") or "it"
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [] if before == after else [f"{place} changed"]
    problems: list[str] = []
    for keyword in ("items", "additionalProperties"):
        if keyword in before or keyword in after:
            problems += _broken(before.get(keyword), after.get(keyword), where)
    ones, others = before.get("anyOf", []), after.get("anyOf", [])
    if len(ones) == len(others):
        problems += [each for one, other in zip(ones, others, strict=True) for each in _broken(one, other, where)]
    elif ones != others:
        problems.append(f"{place} changed its type")
    if "properties" in before:
        problems += _broken_fields(before, after, where)
    compared = ("properties", "required", "items", "additionalProperties", "anyOf")
    if {k: v for k, v in before.items() if k not in compared} != {k: v for k, v in after.items() if k not in compared}:
        problems.append(f"{place} changed its type")
    return problems


def _broken_fields(before: dict[str, Any], after: dict[str, Any], where: str) -> list[str]:
    problems: list[str] = []
    fields = after.get("properties", {})
    prefix = f"{where}." if where else ""
    for name, schema in before["properties"].items():
        path = f"{prefix}{name}"
        if name not in fields:
            problems.append(f"{path.removeprefix('data.')} was removed")
        else:
            problems += _broken(schema, fields[name], path)
    required, formerly = set(after.get("required", ())), set(before.get("required", ()))
    named = [f"{prefix}{name}".removeprefix("data.") for name in sorted(required - formerly)]
    problems += [f"{name} became required" for name in named]
    lost = [f"{prefix}{name}".removeprefix("data.") for name in sorted(formerly - required) if name in fields]
    problems += [f"{name} is no longer always there" for name in lost]
    return problems


_WORDS = ("title", "description", "default", "examples", "$defs", "$schema", "$id")


def _plain(schema: Any, definitions: dict[str, Any], *, is_schema: bool = True) -> Any:
    """A schema without words for people, and with what it refers to in place of the reference."""
    if isinstance(schema, list):
        return [_plain(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _plain(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    # The names under `properties` are the firm's words, not JSON Schema's.
    return {
        name: _plain(each, definitions, is_schema=name != "properties")
        for name, each in schema.items()
        if not (is_schema and name in _WORDS)
    }


def asyncapi(services: Sequence[Service], *, version: str) -> dict[str, Any]:
    """AsyncAPI 3: every topic, every event, who sends it and who hears it."""
    # What several services send, as answers to a request, is one event.
    published = list(dict.fromkeys(event for service in services for event in service.publishes))
    prefix = PlatformSettings.model_fields["topic_prefix"].default
    channels: dict[str, Any] = {}
    for topic in TOPICS:
        events = [event for event in published if event.topic is topic]
        kept = "for ever" if topic.retention is None else f"{topic.retention.days} days"
        channels[topic.name] = {
            "address": f"{prefix}{topic.name}",
            "description": f"{topic.description} Kept {kept}."
            + (" May hold personal data." if topic.personal else " Never holds personal data."),
            "messages": {event.__name__: {"$ref": f"#/components/messages/{event.__name__}"} for event in events},
        }
    operations: dict[str, Any] = {}
    for service in services:
        for event in service.publishes:
            operations[f"{service.name}.sends.{event.__name__}"] = _operation("send", event, service.name)
        for subscription in service.subscriptions:
            for event in subscription.events:
                name = f"{subscription.group}.receives.{event.__name__}"
                operations[name] = _operation("receive", event, subscription.group)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tâm events",
            "version": version,
            "description": "CloudEvents 1.0 (structured JSON), keyed by customer id. "
            "Addresses are those on Kafka with the default TAM_TOPIC_PREFIX.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": {event.__name__: _message(event) for event in published}},
    }


def _operation(action: str, event: type[EventData], who: str) -> dict[str, Any]:
    channel = f"#/channels/{event.topic.name}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "summary": f"{who} {action}s {event.event_type}",
        "messages": [{"$ref": f"{channel}/messages/{event.__name__}"}],
    }


_KEY = {"type": "string", "format": "binary", "description": "The 16 bytes of the customer id, which is the subject."}


def _message(event: type[EventData]) -> dict[str, Any]:
    return {
        "name": event.event_type,
        "title": event.__name__,
        "summary": (event.__doc__ or "").strip().split("\n", 1)[0],
        "contentType": "application/cloudevents+json",
        "payload": {"$ref": f"./events/{event.event_type}.schema.json"},
        "bindings": {"kafka": {"key": _KEY}},
    }


def render(document: dict[str, Any]) -> bytes:
    """A document as the bytes that are committed: indented, keys in the order they were made."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
