"""Settings of the nightly verification."""

from pydantic import Field

from shared.config import Settings


class VerificationSettings(Settings):
    """When the books are compared with what was told of them."""

    verify_nightly: bool = Field(
        True, description="Whether the books are rebuilt every night from what was told of them, and compared."
    )
    verify_hour: int = Field(3, ge=0, le=23, description="From which hour on, in the firm's zone.")
