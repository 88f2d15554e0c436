"""What asking refuses.

NotFound   InvitationNotFound
"""

from shared.errors import NotFound


class InvitationNotFound(NotFound):
    """There is no such invitation."""

    code, title = "surveys.invitation_not_found", "Invitation not found"

    def __init__(self) -> None:
        super().__init__("There is no invitation with this id.")
