"""Which language somebody wrote in: rates on what was labelled by hand, half of it written after the rules."""

import unicodedata
from pathlib import Path

import pytest

from services.surveys.answers.domain.language import language_of
from services.surveys.answers.domain.said import folded, words

FOLDER = Path(__file__).parent / "fixtures"


def labelled(name: str) -> list[tuple[str, str]]:
    lines = (FOLDER / name).read_text().splitlines()
    return [(line.split("\t")[0], line.split("\t")[1]) for line in lines]


def rate(rows: list[tuple[str, str]]) -> float:
    return sum(language_of(text) == language for language, text in rows) / len(rows)


@pytest.mark.parametrize("name", ["feedback.tsv", "feedback_unseen.tsv"])
def test_vietnamese_and_english_are_told_and_nothing_else_is_taken_for_them(name: str) -> None:
    rows = labelled(name)
    vietnamese = [row for row in rows if row[0] == "vi"]

    assert rate(vietnamese) >= 0.95
    assert rate([("vi", folded(text)) for _, text in vietnamese]) >= 0.9
    assert rate([("vi", unicodedata.normalize("NFD", text)) for _, text in vietnamese]) >= 0.95
    assert rate([row for row in rows if row[0] == "en"]) >= 0.9
    assert [text for language, text in rows if language not in ("vi", "en") and language_of(text)] == []


@pytest.mark.parametrize("text", ["", "10/10", "👍👍", "???", "ok", "ok shop", "1 2 3"])
def test_what_says_nothing_has_no_language(text: str) -> None:
    assert language_of(text) is None


def test_words_are_folded_and_each_stands_once() -> None:
    assert words("Giao hàng CHẬM, giao Đồ ăn chậm!") == ("giao", "hang", "cham", "do", "an")
    assert len(words(" ".join(f"w{number}" for number in range(5_000)))) == 1_000
    assert words("a" * 500) == ("a" * 60,)
