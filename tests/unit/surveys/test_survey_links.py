"""A link says an invitation and perhaps a score, nobody else can make one, and it has one spelling."""

import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.surveys.links.domain import MAX_QUESTION_BYTES, MAX_SCORE, Link, LinkKeys
from services.surveys.links.errors import BadLink, LinkKeyMissing
from services.surveys.links.service import Links, key_file
from services.surveys.settings import SurveysSettings
from shared.config import PlatformSettings, load
from shared.errors import ConfigError

OLD, NEW = b"o" * 32, b"n" * 32
INVITATION = UUID("018f4a7e-0000-7000-8000-0000000000a1")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(
    st.uuids(),
    st.none() | st.integers(0, MAX_SCORE),
    st.none() | st.from_regex(r"[a-z][a-z0-9_]{0,30}", fullmatch=True),
)
def test_a_link_reads_as_it_was_signed(invitation: UUID, score: int | None, question: str | None):
    links = Links([NEW])

    assert links.read(links.sign(invitation, score=score, question_id=question)) == Link(invitation, score, question)


def test_every_other_text_is_refused_alike():
    links = Links([NEW])
    token = links.sign(INVITATION, score=9, question_id="nps")
    others = {token[:at] + letter + token[at + 1 :] for at in range(len(token)) for letter in ALPHABET} - {token}
    others |= {token[:-1], token + "A", token + "=", token.upper(), "", "x", "é" * 50, "A" * 5000, f" {token}"}

    said = set()
    for other in others:
        with pytest.raises(BadLink) as refused:
            links.read(other)
        said.add((refused.value.detail, refused.value.code, str(refused.value.data)))

    assert len(said) == 1


def test_a_link_of_somebody_else_is_refused():
    with pytest.raises(BadLink):
        Links([NEW]).read(Links([OLD]).sign(INVITATION))


def test_scores_cannot_be_taken_from_one_link_to_another():
    links = Links([NEW])
    plain, nine = (base64.urlsafe_b64decode(each + "==") for each in (links.sign(INVITATION), _nine(links)))

    with pytest.raises(BadLink):
        links.read(base64.urlsafe_b64encode(nine[:-16] + plain[-16:]).rstrip(b"=").decode())


def _nine(links: Links) -> str:
    return links.sign(INVITATION, score=9)


def test_old_links_live_on_under_a_new_key_and_die_with_theirs():
    old = Links([OLD]).sign(INVITATION)

    assert Links([NEW, OLD]).read(old) == Link(INVITATION)
    assert Links([NEW]).read(Links([NEW, OLD]).sign(INVITATION)) == Link(INVITATION)
    with pytest.raises(BadLink):
        Links([NEW]).read(old)


@pytest.mark.parametrize(
    "link",
    [Link(INVITATION, score=MAX_SCORE + 1), Link(INVITATION, score=-1), Link(INVITATION, 1, "q" * 81)],
    ids=["too_high", "negative", "long_question"],
)
def test_what_no_link_can_hold_is_refused_at_once(link: Link):
    assert len(link.question_id or "") > MAX_QUESTION_BYTES or link.score not in range(MAX_SCORE + 1)
    with pytest.raises(ValueError, match="no link holds"):
        LinkKeys([NEW]).sign(link)


def test_a_link_of_eleven_is_short_enough_for_a_mail():
    assert len(Links([NEW]).sign(INVITATION, score=10, question_id="recommend")) < 64


def test_two_processes_share_the_key_that_the_first_one_made(tmp_path):
    file = tmp_path / "data" / "survey-link-key"

    assert Links((), file).read(Links((), file).sign(INVITATION)) == Link(INVITATION)
    assert file.stat().st_mode & 0o077 == 0


def test_a_key_of_one_machine_is_not_made_where_there_are_several(tmp_path):
    scaled = PlatformSettings(data_dir=tmp_path, kafka_bootstrap_servers="127.0.0.1:9")

    with pytest.raises(LinkKeyMissing):
        Links((), key_file(scaled)).sign(INVITATION)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_key_is_named(tmp_path):
    (tmp_path / "survey-link-key").write_text("c2hvcnQ=\n")

    with pytest.raises(ConfigError, match="survey-link-key"):
        Links((), tmp_path / "survey-link-key").sign(INVITATION)


def test_settings_hold_several_keys_and_refuse_short_ones():
    texts = [base64.b64encode(each).decode() for each in (NEW, OLD)]
    environ = {"TAM_SURVEYS_LINK_KEYS": ", ".join(texts)}

    assert load(SurveysSettings, prefix="TAM_SURVEYS_", environ=environ).link_secrets == (NEW, OLD)
    with pytest.raises(ConfigError, match="TAM_SURVEYS_LINK_KEYS"):
        load(SurveysSettings, prefix="TAM_SURVEYS_", environ={"TAM_SURVEYS_LINK_KEYS": "c2hvcnQ="})
    assert texts[0] not in repr(load(SurveysSettings, prefix="TAM_SURVEYS_", environ=environ))
