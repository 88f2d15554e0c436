"""What pages refuse; people see it as a page, programs as a problem.

TooLarge       TooMuchSent
BadRequest     BadForm
Invalid        NoSuchCustomer
"""

from shared.errors import AppError, BadRequest, Invalid, TooLarge


class TooMuchSent(TooLarge):
    """More than any survey asks for."""

    code, title = "surveys.too_much_sent", "Too much"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"An answer has at most {limit_bytes} bytes.", limit_bytes=limit_bytes)


class BadForm(BadRequest):
    """What was sent is no form, or not in UTF-8."""

    code, title = "surveys.bad_form", "Bad form"

    def __init__(self) -> None:
        super().__init__("What was sent is no form in UTF-8.")


class NoPublicUrl(Invalid):
    """Nobody said where customers reach the platform."""

    code, title = "surveys.no_public_url", "No public URL"

    def __init__(self) -> None:
        super().__init__("Links need to know where customers reach the platform: set TAM_SURVEYS_PUBLIC_URL.")


class BadWidgetCall(BadRequest):
    """The widget said something that it never says."""

    code, title = "surveys.bad_widget_call", "Bad widget call"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)


class WidgetOrigin(AppError):
    """The write key is not for pages of this origin."""

    status, code, title = 403, "origin_not_allowed", "Origin not allowed"

    def __init__(self) -> None:
        super().__init__("The write key may not be used from pages of this origin.")


class WrongMethod(AppError):
    """The address exists, but not for this method."""

    status, code, title = 405, "method_not_allowed", "Method not allowed"

    def __init__(self, *allowed: str) -> None:
        super().__init__("The address exists, but not for this method.")
        self.headers = {"Allow": ", ".join(allowed)}
