"""Every refusal the platform can give has a stable code, a sentence that helps, and data.

    AppError
    ├── BadRequest      400
    ├── Unauthorized    401
    ├── Forbidden       403
    ├── NotFound        404
    ├── Conflict        409
    ├── PreconditionFailed 412
    ├── TooLarge        413
    ├── Unsupported     415
    ├── Invalid         422
    ├── TooManyRequests 429
    └── Unavailable     503
    UserError               ends a command or a start with one line, no traceback
    └── ConfigError         a wrong setting, named
    Retry                   a consumer asks for the batch again later
    Poison                  a record that can never be handled

`code` is `<area>.<what>`; public attributes of an error are its data and appear in the answer.
"""

from typing import Any, ClassVar


class AppError(Exception):
    """A refusal: `status` for HTTP, `code` for machines, the message for people, data for both."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, **data: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.data: dict[str, Any] = data
        self.headers: dict[str, str] = {}


class BadRequest(AppError):
    status, code, title = 400, "bad_request", "Bad request"


class Unauthorized(AppError):
    status, code, title = 401, "unauthorized", "Unauthorized"

    def __init__(self, detail: str, **data: Any) -> None:
        super().__init__(detail, **data)
        self.headers = {"WWW-Authenticate": 'Bearer realm="tam"'}


class Forbidden(AppError):
    status, code, title = 403, "forbidden", "Forbidden"


class NotFound(AppError):
    status, code, title = 404, "not_found", "Not found"


class Conflict(AppError):
    status, code, title = 409, "conflict", "Conflict"


class PreconditionFailed(AppError):
    status, code, title = 412, "precondition_failed", "Precondition failed"


class TooLarge(AppError):
    status, code, title = 413, "too_large", "Content too large"


class Unsupported(AppError):
    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class Invalid(AppError):
    status, code, title = 422, "invalid", "Invalid"


class TooManyRequests(AppError):
    """Over a limit; `retry_after_seconds` says when to come back."""

    status, code, title = 429, "too_many_requests", "Too many requests"

    def __init__(self, detail: str, *, retry_after_seconds: int = 1, **data: Any) -> None:
        super().__init__(detail, retry_after_seconds=retry_after_seconds, **data)
        self.headers = {"Retry-After": str(retry_after_seconds)}


class Unavailable(AppError):
    """A part we need does not answer; nothing was stored, send the same again."""

    status, code, title = 503, "unavailable", "Service unavailable"

    def __init__(self, detail: str, *, retry_after_seconds: int = 2, **data: Any) -> None:
        super().__init__(detail, retry_after_seconds=retry_after_seconds, **data)
        self.headers = {"Retry-After": str(retry_after_seconds)}


class UserError(Exception):
    """Ends a command with one clear line and `exit_code`."""

    exit_code: ClassVar[int] = 1


class ConfigError(UserError):
    """A setting is wrong; the sentence names it."""

    exit_code = 2


class Retry(Exception):
    """Raised by a consumer for a passing fault: the whole batch is rolled back and tried again."""


class Poison(Exception):
    """Raised by a consumer for a record that can never be handled: it goes to the dead letters."""
