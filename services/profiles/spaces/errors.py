"""What the Profile API refuses in its own words.

NotFound  ProfileNotFound
"""

from shared.errors import NotFound


class ProfileNotFound(NotFound):
    """Nobody goes by this."""

    code, title = "profiles.profile_not_found", "Profile not found"

    def __init__(self) -> None:
        super().__init__("Profile was not found.")
