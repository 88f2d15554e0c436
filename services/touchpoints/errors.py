"""Refusals of the touchpoints service. Those of the door carry `code` and `message`, which tracking SDKs read.

BadRequest
├── NotJson              not_json
├── BadGzip              bad_gzip
├── UnknownEncoding      unknown_encoding
├── NoBatch              no_batch
├── TooManyEvents        too_many_events
└── EventRefused         the code of the one event's verdict
Forbidden
└── OriginNotAllowed     origin_not_allowed
Invalid
├── AllRefused           all_events_refused
└── BadCustomer          bad_customer
NotFound
└── UnknownWriteKey      unknown_write_key
Unavailable
├── LogUnavailable       log_unavailable
└── BodyTooSlow          body_too_slow
AppError
└── WrongMethod          method_not_allowed (405)
"""

from collections.abc import Sequence
from typing import Any

from shared.errors import AppError, BadRequest, Forbidden, Invalid, NotFound, TooLarge, Unavailable


class NotJson(BadRequest):
    """The whole body cannot be read, so no event in it can."""

    code, title = "not_json", "Not JSON"

    def __init__(self) -> None:
        super().__init__("The body is not JSON in UTF-8, or is nested too deep.")


class BadGzip(BadRequest):
    """The body says gzip and is none, or not a whole one."""

    code, title = "bad_gzip", "Bad gzip"

    def __init__(self) -> None:
        super().__init__("The body is not one whole gzip member.")


class UnknownEncoding(BadRequest):
    """Only gzip is understood."""

    code, title = "unknown_encoding", "Unknown encoding"

    def __init__(self) -> None:
        super().__init__("The Content-Encoding is not understood; send gzip or none.")


class NoBatch(BadRequest):
    """The body is no batch."""

    code, title = "no_batch", "No batch"

    def __init__(self, field: str) -> None:
        super().__init__(f"The body is no JSON object with a list of events under {field!r}.")


class TooManyEvents(BadRequest):
    """The batch is too long."""

    code, title = "too_many_events", "Too many events"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The batch has more than {limit} events; split it.", limit=limit)


class TooManyValues(TooLarge):
    """Small as it is, the body would fill the memory."""

    code, title = "too_many_values", "Too many values"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body has more than {limit} values; split the batch.", limit=limit)


class EventRefused(BadRequest):
    """The one event of a request was refused; it is in the quarantine, and sending it again will not help."""

    code, title = "event_refused", "Event refused"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        # The verdict's own code, so that an SDK's log says what is wrong.
        self.__dict__["code"] = code


class OriginNotAllowed(Forbidden):
    """The write key is not for pages of this origin."""

    code, title = "origin_not_allowed", "Origin not allowed"

    def __init__(self) -> None:
        super().__init__("The write key may not be used from pages of this origin.")


class AllRefused(Invalid):
    """Every event of a native request was refused; they are in the quarantine."""

    code, title = "all_events_refused", "All events refused"

    def __init__(self, rejected: Sequence[dict[str, Any]]) -> None:
        first = rejected[0]
        super().__init__(
            f"None of the events was accepted; the first because: {first['message']}",
            success=False,
            accepted=0,
            duplicates=0,
            rejected=list(rejected),
        )


class BadCustomer(Invalid):
    """The customer in the URL is none."""

    code, title = "bad_customer", "Bad customer reference"

    def __init__(self) -> None:
        super().__init__("A customer is a customer id (a UUID), user_id:<id> or anonymous_id:<id>.")


class UnknownWriteKey(NotFound):
    """No live write key is named in the URL."""

    code, title = "unknown_write_key", "Unknown write key"

    def __init__(self) -> None:
        super().__init__("There is no such write key.")


class LogUnavailable(Unavailable):
    """The log did not confirm: whether anything was stored is unknown, and sending the same again is safe."""

    code = "log_unavailable"

    def __init__(self) -> None:
        super().__init__("The event log does not answer; send the same again.", retry_after_seconds=2)


class Overloaded(Unavailable):
    """Too many large bodies are coming in at once."""

    code = "overloaded"

    def __init__(self) -> None:
        super().__init__("Too much is coming in at once; send it again.", retry_after_seconds=1)


class BodyTooSlow(Unavailable):
    """The body did not come in time."""

    code = "body_too_slow"

    def __init__(self) -> None:
        super().__init__("The body did not arrive in time; send it again.", retry_after_seconds=1)


class WrongMethod(AppError):
    """The address takes events by another method."""

    status, code, title = 405, "method_not_allowed", "Method not allowed"

    def __init__(self, allowed: str) -> None:
        super().__init__(f"Use {allowed}.")
        self.headers = {"Allow": f"{allowed}, OPTIONS"}
