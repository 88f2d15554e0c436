"""One call as a Segment SDK sends it, turned into the bytes of a `TouchpointReceived` envelope.

This is the hot path: one pass over the fields, one `orjson.dumps`, no model. A test decodes every result with
`shared.events.envelope.Catalogue`, so what is written here is what consumers understand.

Rules for what SDKs really send: ids given as numbers become text, blank ids and the leavings of broken scripts
("undefined", the nil UUID) are absent, traits may stand under `context.traits`, a page's category at the top.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, get_args

import orjson

from services.touchpoints.domain import keys, names
from services.touchpoints.domain.commerce import (
    MAX_ID,
    Statement,
    draft_of,
    identifier,
    lacks,
    states_facts,
    with_currency,
)
from services.touchpoints.domain.refusal import Refusal
from services.touchpoints.domain.times import event_time, sent_time, settle
from shared.events.catalogue.touchpoints import CallType, TouchpointReceived
from shared.ids import uuid7

MAX_EVENT_BYTES = 32 * 1024
MAX_MESSAGE_ID = 100
CALLS: frozenset[str] = frozenset(get_args(CallType))

# Scripts that lost the id send these; taking them for an id would make one person of many.
_NOBODY = frozenset(
    {
        *("null", "undefined", "none", "nil", "nan", "n/a", "[object object]", "unknown", "-1", "0"),
        *("anonymous", "guest", "khách lẻ", "khach le", "00000000-0000-0000-0000-000000000000"),
    }
)
_SOURCE = f"tam/{TouchpointReceived.producer()}"
_TYPE = TouchpointReceived.event_type


@dataclass(slots=True)
class Delivery:
    """What the events of one request share.

    `corrects_clocks` is off for imports of history; `context` is the batch's, under that of each event;
    `may_hold_nul` is off where the body is known to hold no escaped NUL, which saves a walk; `is_large` is on where
    an event may be so large that it must be measured before it is read.
    """

    source: str
    received: datetime
    sent: datetime | None = None
    corrects_clocks: bool = True
    currency: str | None = None
    traceparent: str | None = None
    context: Mapping[str, Any] | None = None
    may_hold_nul: bool = True
    is_large: bool = False
    event_ids: keys.IdMaker = field(init=False)

    def __post_init__(self) -> None:
        self.event_ids = keys.event_ids(self.source)


class Accepted(NamedTuple):
    """An event ready for the log: its key, its bytes, its derived id. `warning` says what it will not do."""

    key: bytes
    value: bytes
    event_id: str
    message_id: str
    call: str
    warning: str | None


def accept(event: Any, call: str | None, delivery: Delivery) -> Accepted:
    """Read one event; `call` is the route's, None where the event's own `type` says it.

    Raises:
        Refusal: with the code of the first rule the event breaks.
    """
    if type(event) is not dict:
        raise Refusal("not_an_object", "The event is not a JSON object.")
    if delivery.is_large:
        measure(event)
    if delivery.may_hold_nul and holds_nul(event):
        raise Refusal("nul_character", "The event holds a NUL character, which no text may.")
    get = event.get
    call = call or _call_of(get("type"))
    user_id, anonymous_id = person_id(get("userId"), "user_id"), person_id(get("anonymousId"), "anonymous_id")
    if user_id is None and anonymous_id is None:
        raise Refusal("no_user_anon_id", "The event has neither a userId nor an anonymousId.")
    message_id = message_id_of(get("messageId"))
    event_id = delivery.event_ids(message_id)
    context = get("context")
    if type(context) is not dict:
        context = _absent(context, "context")
    if delivery.context:
        context = {**delivery.context, **context}
    properties = get("properties")
    if type(properties) is not dict:
        properties = _absent(properties, "properties")
    traits = get("traits")
    if traits is None:
        traits = context.get("traits")
    if type(traits) is not dict:
        traits = _absent(traits, "traits")
    data: dict[str, Any] = {
        "source": delivery.source,
        "message_id": message_id,
        "call": call,
        "name": None,
        "user_id": user_id,
        "anonymous_id": anonymous_id,
        "properties": properties,
        "traits": traits,
        "context": context,
    }
    warning = _detail(call, get, data, event_id, delivery)
    return _sealed(event, data, event_id, warning, delivery)


def _sealed(event: Any, data: dict[str, Any], event_id: str, warning: str | None, delivery: Delivery) -> Accepted:
    """Settle the time and write the envelope."""
    get, received = event.get, delivery.received
    stated = get("originalTimestamp")
    if stated is None or stated == "":
        stated = get("timestamp")
    original = None if stated is None or stated == "" else event_time(stated)
    sent = sent_time(get("sentAt")) or delivery.sent
    moment, data["clock"] = settle(original, sent if delivery.corrects_clocks else None, received)
    data["original_time"] = original or received
    data["sent_at"] = sent
    user_id = data["user_id"]
    subject = keys.of_user(user_id) if user_id is not None else keys.of_anonymous(data["anonymous_id"])
    document = {
        "specversion": "1.0",
        "id": event_id,
        "source": _SOURCE,
        "type": _TYPE,
        "subject": subject.text,
        "time": moment,
        "tamrecorded": received,
        "datacontenttype": "application/json",
        "data": data,
    }
    if delivery.traceparent is not None:
        document["traceparent"] = delivery.traceparent
    value = _written(document)
    if len(value) > MAX_EVENT_BYTES:
        measure(event)
    return Accepted(subject.raw, value, event_id, data["message_id"], data["call"], warning)


def _detail(call: str, get: Any, data: dict[str, Any], event_id: str, delivery: Delivery) -> str | None:
    """Fill in what the kind of call has of its own; the warning, if any."""
    if call == "track":
        data["name"] = name = event_name(get("event"))
        return _commerce(name, data, event_id, delivery)
    if call in ("page", "screen"):
        data["name"] = identifier(get("name"), "name")
        if (category := get("category")) and type(category) is str:
            data["properties"] = {"category": category, **data["properties"]}
    elif call == "group":
        if (group_id := identifier(get("groupId"), "group_id")) is None:
            raise Refusal("no_group_id", "The group call has no groupId.")
        data["group_id"] = group_id
    elif call == "alias":
        if data["user_id"] is None:
            raise Refusal("no_user_id", "The alias call has no userId.")
        if (previous_id := person_id(get("previousId"), "previous_id") or data["anonymous_id"]) is None:
            raise Refusal("no_previous_id", "The alias call has no previousId.")
        data["previous_id"] = previous_id
    return None


def _commerce(name: str, data: dict[str, Any], event_id: str, delivery: Delivery) -> str | None:
    """Check the fact a commerce event states, by the rules the recorder will read it by."""
    canonical = names.canonical(name)
    if not states_facts(canonical):
        return None
    data["properties"] = properties = with_currency(data["properties"], delivery.currency)
    said = Statement(canonical, properties, event_id, delivery.source)
    return lacks(said) if draft_of(said) is None else None


def _call_of(kind: object) -> str:
    if type(kind) is str and (kind in CALLS or (kind := kind.lower()) in CALLS):
        return kind
    raise Refusal("unknown_type", f"The event's type is none of {', '.join(sorted(CALLS))}.")


def event_name(value: object) -> str:
    """The name of a `track` event.

    Raises:
        Refusal: `no_event`, `event_too_long` or `bad_event`.
    """
    name = identifier(value, "event")
    if name is None:
        raise Refusal("no_event", "The track call has no event name.")
    return name


def person_id(value: object, what: str) -> str | None:
    """An id of a person; None where it is blank or a known leaving of a broken script.

    Raises:
        Refusal: `<what>_too_long` or `bad_<what>`.
    """
    if type(value) is str and 0 < len(value) <= MAX_ID and value[0] > " " < value[-1]:
        return value if len(value) > 36 or value.lower() not in _NOBODY else None
    text = identifier(value, what)
    return None if text is None or text.lower() in _NOBODY else text


def message_id_of(value: object) -> str:
    """The event's own id; one of ours where it has none, which then cannot be recognised when it comes again.

    Raises:
        Refusal: `message_id_too_long` or `bad_message_id`.
    """
    if type(value) is not str or not value:
        value = identifier(value, "message_id")
        if value is None:
            return f"tam-{uuid7()}"
    if len(value) > MAX_MESSAGE_ID:
        raise Refusal("message_id_too_long", f"The messageId has more than {MAX_MESSAGE_ID} characters.")
    return value


def _absent(value: Any, what: str) -> dict[str, Any]:
    """What stands for an object that is not there; anything that is no object is refused."""
    if value is None or value == []:
        # PHP writes an empty object as [].
        return {}
    raise Refusal(f"bad_{what}", f"The {what} of the event: not a JSON object.")


def holds_nul(value: object) -> bool:
    """Whether any text in a JSON value, key or value, holds U+0000."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if type(each) is str:
            if "\x00" in each:
                return True
        elif type(each) is dict:
            waiting.extend(each)
            waiting.extend(each.values())
        elif type(each) is list:
            waiting.extend(each)
    return False


def measure(event: object) -> None:
    """Refuse an event over the limit, as compact JSON of all that was sent."""
    if len(_written(event)) > MAX_EVENT_BYTES:
        raise Refusal("event_too_large", f"The event has more than {MAX_EVENT_BYTES} bytes.")


def _written(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        raise Refusal("not_storable", "The event is nested too deep or holds a number beyond 64 bits.") from None
