"""A subscription: which events a service hears, and what it does with them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.db.engine import WriteTx
from shared.events.envelope import Event, EventData
from shared.events.topics import Topic

# Given the built service, the open transaction and the new events of one partition, in order.
Handler = Callable[[Any, WriteTx, Sequence[Event[Any]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Events of one partition come in batches; inbox, effect, emitted events and offset commit together.

    `group` names the consumer for ever (`metrics.orders`): its offsets and its inbox hang on it.
    `is_idempotent` says that the handler makes the same of an event however often and however late it comes again,
    what it emits included: then it needs no inbox, and is spared its cost.
    """

    group: str
    events: tuple[type[EventData], ...]
    handler: Handler
    max_batch: int = 2_000
    is_idempotent: bool = False

    @property
    def topics(self) -> tuple[Topic, ...]:
        """The topics its events travel on."""
        return tuple(dict.fromkeys(event.topic for event in self.events))
