"""Settings of mail: a part of `TAM_SURVEYS_…`. Without a server nothing is sent."""

from email.utils import parseaddr
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from shared.config import Settings, check_port


class MailSettings(Settings):
    """The server that takes mail, and the profiles service that knows addresses."""

    smtp_url: str | None = Field(
        None,
        repr=False,
        description="Server that takes invitations by mail: smtp://user:password@host:587 (STARTTLS where offered) or "
        "smtps://host:465. Unset: no mail is sent.",
    )
    mail_from: str | None = Field(
        None, description="Sender of invitations, such as Tâm <khao-sat@example.vn>; needed to send any."
    )
    mail_per_minute: int = Field(300, ge=1, le=100_000, description="Mails that are handed to the server in a minute.")
    mail_purpose: str = Field("surveys", min_length=1, max_length=40, description="Purpose asked of consent.")
    profiles_url: str | None = Field(
        None, description="Where the platform answers for addresses and consent, such as http://127.0.0.1:8000."
    )
    profiles_key: str | None = Field(
        None, repr=False, description="Secret key with profiles:read, by which addresses and consent are asked for."
    )

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
                raise ValueError("it begins with smtp:// or smtps:// and names a host")
            check_port(parts)
        return value

    @field_validator("mail_from")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and ("@" not in parseaddr(value)[1] or "\n" in value or "\r" in value):
            raise ValueError("it is an address such as khao-sat@example.vn, with or without a name")
        return value

    @field_validator("profiles_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme not in ("http", "https"):
            raise ValueError("it begins with http:// or https://")
        return value.rstrip("/") if value else value

    @property
    def sends_mail(self) -> bool:
        """Whether everything is there that sending needs."""
        return None not in (self.smtp_url, self.mail_from, self.profiles_url, self.profiles_key)
