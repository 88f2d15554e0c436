"""The generated contracts: a JSON Schema per event, and AsyncAPI 3 from catalogue and manifests."""

from collections.abc import Sequence
from typing import Any

import orjson

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
    before, after = old["properties"]["data"], new["properties"]["data"]
    problems: list[str] = []
    for name, schema in before.get("properties", {}).items():
        if name not in after.get("properties", {}):
            problems.append(f"{name} was removed")
        elif _shape(schema) != _shape(after["properties"][name]):
            problems.append(f"{name} changed its type")
    required, formerly = set(after.get("required", ())), set(before.get("required", ()))
    problems += [f"{name} became required" for name in sorted(required - formerly)]
    problems += [f"{name} is no longer always there" for name in sorted(formerly - required)]
    return problems


def _shape(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ("title", "description", "default", "examples")}


def asyncapi(services: Sequence[Service], *, version: str) -> dict[str, Any]:
    """AsyncAPI 3: every topic, every event, who sends it and who hears it."""
    published = [event for service in services for event in service.publishes]
    channels: dict[str, Any] = {}
    for topic in TOPICS:
        events = [event for event in published if event.topic is topic]
        kept = "for ever" if topic.retention is None else f"{topic.retention.days} days"
        channels[topic.name] = {
            "address": topic.name,
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
            "description": "CloudEvents 1.0 (structured JSON), keyed by customer id.",
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


def _message(event: type[EventData]) -> dict[str, Any]:
    return {
        "name": event.event_type,
        "title": event.__name__,
        "summary": (event.__doc__ or "").strip().split("\n", 1)[0],
        "contentType": "application/cloudevents+json",
        "payload": {"$ref": f"./events/{event.event_type}.schema.json"},
    }


def render(document: dict[str, Any]) -> bytes:
    """A document as the bytes that are committed: indented, keys in the order they were made."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
