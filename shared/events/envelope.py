"""The envelope: CloudEvents 1.0, structured JSON.

`subject` is the customer id and the key of the record; `time` is when it happened, `tamrecorded` when we learnt it.
Event data are frozen classes, declared in `shared/events/catalogue/<producer>.py`.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import Poison
from shared.events.topics import Topic
from shared.ids import read_uuid

CONTENT_TYPE = b"application/cloudevents+json"


class EventData(BaseModel):
    """The facts of one event version. Fields may be added with a default; none is ever removed or retyped."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_type: ClassVar[str]
    event_source: ClassVar[str]
    topic: ClassVar[Topic]

    def __init_subclass__(cls, *, type: str, topic: Topic, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.event_type = type
        cls.event_source = f"tam/{cls.producer()}"
        cls.topic = topic

    @classmethod
    def model_construct(  # type: ignore[override] # the plugin of pydantic calls the arguments otherwise
        cls, _fields_set: set[str] | None = None, **values: Any
    ) -> Self:
        """The facts as they are, unchecked. Pydantic's own takes five times as long, and a batch tells thousands."""
        fields, required = _fields_of(cls)
        if not required <= values.keys() <= fields.keys():
            return super().model_construct(_fields_set, **values)
        made = cls.__new__(cls)
        object.__setattr__(made, "__dict__", {**fields, **values})
        object.__setattr__(made, "__pydantic_fields_set__", set(values) if _fields_set is None else _fields_set)
        object.__setattr__(made, "__pydantic_extra__", None)
        object.__setattr__(made, "__pydantic_private__", None)
        return made

    @classmethod
    def producer(cls) -> str:
        """The service that owns this event: the second word of `tam.<producer>.<fact>.v<n>`."""
        return cls.event_type.split(".")[1]


@lru_cache(maxsize=1_024)
def _fields_of(cls: type[EventData]) -> tuple[dict[str, Any], frozenset[str]]:
    """The fields in their order with their defaults, and those that have none, or none that may be shared."""
    fields = {name: field.default for name, field in cls.model_fields.items()}
    shared = (str, int, bool, tuple, type(None))
    return fields, frozenset(name for name, default in fields.items() if not isinstance(default, shared))


D_co = TypeVar("D_co", bound=EventData, covariant=True)


class Event(NamedTuple, Generic[D_co]):
    """One event: who it is about, when it happened, when we learnt it, and its facts."""

    id: UUID
    subject: UUID
    time: datetime
    recorded: datetime
    data: D_co
    traceparent: str | None = None


def encode(event: Event[EventData], *, traceparent: str | None = None) -> bytes:
    """The event as structured CloudEvents JSON (UTF-8). A `traceparent` goes before the one that the event carries."""
    data = event.data
    document = {
        "specversion": "1.0",
        "id": event.id,
        "source": data.event_source,
        "type": data.event_type,
        "subject": event.subject,
        "time": event.time,
        "tamrecorded": event.recorded,
        "datacontenttype": "application/json",
        # As `model_dump` would, without a copy.
        "data": data.__dict__,
    }
    if trace := traceparent or event.traceparent:
        document["traceparent"] = trace
    return orjson.dumps(document, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, BaseModel):
        return value.__dict__
    raise TypeError(f"{type(value).__name__} does not belong into an event")


def those_of(events: Iterable[Event[Any]], kinds: Collection[type[EventData]]) -> list[Event[Any]]:
    """Those whose data are of one of these classes, which is asked by type: pydantic is slow to say what nothing is an
    instance of, and an event has many hearers."""
    return [event for event in events if type(event.data) in kinds]


class Catalogue:
    """The event classes a reader understands, by type; other types on the same topic are passed over."""

    def __init__(self, classes: tuple[type[EventData], ...]) -> None:
        self._by_type = {each.event_type: each for each in classes}

    def decode(self, value: bytes | None) -> Event[EventData] | None:
        """The event in a record, or None if its type is not one of ours.

        Raises:
            Poison: the record is no CloudEvent, or its data do not fit their class. The message holds no values.
        """
        known = _decoded.get(value)
        if known is not None and self._by_type.get(known.data.event_type) in (None, type(known.data)):
            return known if known.data.event_type in self._by_type else None
        try:
            document = orjson.loads(value or b"")
            data_class = self._by_type.get(document["type"])
            if data_class is None:
                _text(document["type"])
                return None
            event = Event(
                read_uuid(document["id"]),
                read_uuid(document["subject"]),
                _instant(document["time"]),
                _instant(document["tamrecorded"]),
                # What `model_validate` comes to, without its rounds.
                data_class.__pydantic_validator__.validate_python(document["data"]),
                _text_or_none(document.get("traceparent")),
            )
        except ValidationError as error:
            places = ", ".join(".".join(map(str, e["loc"])) + ": " + e["type"] for e in error.errors())
            raise Poison(f"the data do not fit their class ({places})") from None
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise Poison(f"the record is not a CloudEvent of ours ({type(error).__name__})") from None
        if not data_class.topic.personal:
            _decoded.keep(value, event)
        return event


class _Decoded:
    """What was decoded last, and not much longer: two halves, of which the older one goes when the newer is full."""

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self._new: dict[bytes | None, Event[EventData]] = {}
        self._old: dict[bytes | None, Event[EventData]] = {}

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def get(self, value: bytes | None) -> Event[EventData] | None:
        """The event of a record."""
        return self._new.get(value) or self._old.get(value)

    def keep(self, value: bytes | None, event: Event[EventData]) -> None:
        """Keep the event of a record for a while."""
        if len(self._new) >= self._half:
            self._old, self._new = self._new, {}
        self._new[value] = event


# Several consumers of a process read the same records, one soon after the other. What shops sent raw is heard by one of
# them alone.
_MOST_DECODED = 16_384
_decoded = _Decoded(_MOST_DECODED)


def _instant(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a time without offset")
    return moment


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
