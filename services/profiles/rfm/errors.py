"""What is refused of the scale of scores.

PreconditionFailed  ScaleMoved
"""

from shared.errors import PreconditionFailed


class ScaleMoved(PreconditionFailed):
    """Somebody else changed the scale."""

    code, title = "profiles.rfm_scale_moved", "Scale has changed"

    def __init__(self, version: int) -> None:
        super().__init__("The scale has changed since you read it; read it again.", version=version)
