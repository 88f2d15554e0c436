"""A refused event keeps what was sent and why, once."""

from typing import Any

import orjson
import pytest
from touchpoint_events import RECEIVED, a_delivery

from services.touchpoints.domain.refusal import Refusal
from services.touchpoints.domain.rejections import MAX_RAW_BYTES, as_text, reject
from shared.events.catalogue.touchpoints import TouchpointRejected
from shared.events.envelope import Catalogue

REFUSAL = Refusal("no_event", "The track call has no event name.")


def test_a_rejection_is_a_record_and_a_verdict() -> None:
    rejected = reject({"messageId": "m1", "x": "á"}, 3, REFUSAL, a_delivery())

    read = Catalogue((TouchpointRejected,)).decode(rejected.value)
    assert read is not None
    assert read.data == TouchpointRejected(
        source="web", message_id="m1", code="no_event", message=REFUSAL.message, raw='{"messageId":"m1","x":"á"}'
    )
    assert (read.recorded, read.subject.bytes) == (RECEIVED, rejected.key)
    assert rejected.verdict == {"index": 3, "messageId": "m1", "code": "no_event", "message": REFUSAL.message}


def test_the_same_event_refused_again_is_the_same_rejection() -> None:
    first, again = (reject({"a": 1}, index, REFUSAL, a_delivery()) for index in (0, 7))
    other = reject({"a": 2}, 0, REFUSAL, a_delivery())

    assert first.key == again.key != other.key


@pytest.mark.parametrize("message_id", [5, None, "m" * 101, "m\x00", ["m"]])
def test_an_unusable_message_id_is_not_shown(message_id: Any) -> None:
    assert reject({"messageId": message_id}, 0, REFUSAL, a_delivery()).verdict["messageId"] is None


@pytest.mark.parametrize("event", [None, 5, "x", [], float("nan"), {"a": "\x00"}])
def test_anything_can_be_rejected(event: Any) -> None:
    read = Catalogue((TouchpointRejected,)).decode(reject(event, 0, REFUSAL, a_delivery()).value)

    assert read is not None
    assert "\x00" not in read.data.raw


def test_a_large_event_is_cut_and_a_deep_one_is_written_as_far_as_it_goes() -> None:
    deep: list[Any] = []
    for _ in range(400):
        deep = [deep]

    assert len(as_text({"á": "ü" * 40_000}).encode()) in (MAX_RAW_BYTES, MAX_RAW_BYTES - 1)
    assert as_text(deep).startswith("[[[[")
    for _ in range(100_000):
        deep = [deep]
    assert as_text(deep) == ""
    assert orjson.loads(as_text({"big": 2**70})) == {"big": float(2**70)}
