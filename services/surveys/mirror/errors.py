"""What the mirror refuses.

NotFound   WaveNotFound, BadMirrorLink
Conflict   WaveClosed
Invalid    BadWave, BadMirrorAnswer
"""

from uuid import UUID

from shared.errors import Conflict, Invalid, NotFound


class WaveNotFound(NotFound):
    """There is no such wave."""

    code, title = "surveys.mirror_wave_not_found", "Wave not found"

    def __init__(self, wave_id: UUID) -> None:
        super().__init__("There is no mirror wave with this id.", wave_id=str(wave_id))


class BadMirrorLink(NotFound):
    """The link is none, or was used. Which of them is not said: what was used is not kept."""

    code, title = "surveys.bad_mirror_link", "Bad link"

    def __init__(self) -> None:
        super().__init__("The link is not known, or was used already: it takes one answer.")


class WaveClosed(Conflict):
    """The wave takes no answers and no links any more."""

    code, title = "surveys.mirror_wave_closed", "Wave closed"

    def __init__(self, wave_id: UUID) -> None:
        super().__init__("The wave is closed; its answers stay as they are.", wave_id=str(wave_id))


class BadWave(Invalid):
    """A wave cannot be made like this; `what` names the field."""

    code, title = "surveys.bad_mirror_wave", "Bad wave"

    def __init__(self, what: str, detail: str) -> None:
        super().__init__(detail, what=what)


class BadMirrorAnswer(Invalid):
    """The answer does not fit the wave; `what` names the question."""

    code, title = "surveys.bad_mirror_answer", "Bad answer"

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"The answer to this question {why}.", what=what)
