"""What the widget says, read strictly: it runs in pages of others."""

from typing import Annotated, Any

from pydantic import Field

from shared.http.schemas import ExternalId, Strict

_Key = Annotated[str, Field(min_length=1, max_length=200)]
_Token = Annotated[str, Field(min_length=1, max_length=300)]
_Language = Annotated[str | None, Field(max_length=35)]


class OpenCall(Strict):
    """Who is there? Of both ids the user's counts."""

    writeKey: _Key  # noqa: N815 - as the SDKs of the tracking protocol call it
    userId: ExternalId | None = None  # noqa: N815
    anonymousId: ExternalId | None = None  # noqa: N815
    lang: _Language = None


class TokenCall(Strict):
    """Something happened to what was opened."""

    writeKey: _Key  # noqa: N815
    token: _Token


class AnswerCall(TokenCall):
    """Answers to the questions that are shown, and to those before."""

    nonce: Annotated[str, Field(max_length=100)]
    lang: _Language = None
    shown: list[Annotated[str, Field(max_length=40)]] = Field(max_length=200)
    answers: dict[str, Any] = Field(max_length=300)
