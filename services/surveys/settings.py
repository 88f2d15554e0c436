"""Settings of surveys: the variables `TAM_SURVEYS_…`."""

from pydantic import Field, field_validator

from services.surveys.mail.settings import MailSettings
from services.surveys.pages.settings import PagesSettings
from shared.secret_keys import secrets_in


class SurveysSettings(PagesSettings, MailSettings):
    """What an installation sets; what a firm changes from day to day stands in its surveys and policies."""

    link_keys: str | None = Field(
        None,
        repr=False,
        description="Secrets that links to surveys are signed with: base64 of 32 bytes or more, separated by commas, "
        "the current one first; unset: one that is made in TAM_DATA_DIR, but not with Kafka. Lost, no link works.",
    )

    @field_validator("link_keys")
    @classmethod
    def _link_keys_are_long(cls, value: str | None) -> str | None:
        if value is not None:
            secrets_in(value)
        return value

    @property
    def link_secrets(self) -> tuple[bytes, ...]:
        """The secrets of links, the current one first; none if they are not set."""
        return () if self.link_keys is None else secrets_in(self.link_keys)
