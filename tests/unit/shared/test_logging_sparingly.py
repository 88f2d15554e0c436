"""A broker that is away must not fill the disk with the driver's complaints."""

import logging

from shared.observability.logging import Sparingly


def record(name: str, text: str, *args: object, at: float) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.ERROR, __file__, 1, text, args, None)
    made.created = at
    return made


def test_the_same_complaint_is_written_once_in_a_while_and_counted():
    sparingly = Sparingly(10)
    written = []
    for second in range(25):
        each = record("aiokafka.client", "Unable to connect to %s", f"node {second} at 100%", at=float(second))
        if sparingly.filter(each):
            written.append(each.getMessage())

    assert written == [
        "Unable to connect to node 0 at 100%",
        "Unable to connect to node 10 at 100% (9 alike left out)",
        "Unable to connect to node 20 at 100% (9 alike left out)",
    ]


def test_different_complaints_and_other_loggers_are_not_held_back():
    sparingly = Sparingly(10)

    assert sparingly.filter(record("aiokafka", "one", at=0.0))
    assert sparingly.filter(record("aiokafka", "two", at=0.0))
    assert not sparingly.filter(record("aiokafka", "one", at=1.0))
    for _ in range(3):
        assert sparingly.filter(record("shared.delivery.relay", "relay_waits", at=1.0))
