"""Why an event is refused: one bad event never takes its batch along."""


class Refusal(Exception):
    """The verdict on one event: `code` for machines, `message` for people. It never quotes personal values."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
