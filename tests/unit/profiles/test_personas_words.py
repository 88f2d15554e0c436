"""What a persona says: never of one person, in the language asked for, and what changed in it."""

from copy import deepcopy
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profiles.personas.domain.changes import Change, changes
from services.profiles.personas.domain.languages import preferred
from services.profiles.personas.domain.persona import Content, Group, Persona, Quote, Sight, Text, shown
from services.profiles.personas.domain.privacy import findings
from services.profiles.personas.schemas.card import card
from shared.ids import user_key

NOON = datetime(2026, 11, 21, 5, tzinfo=UTC)
SEGMENT = UUID(int=7)
EVIL = '<script>alert("1")</script> & \'"><img src=x>'


def content(**fields: Any) -> Content:
    said = {
        "status": "active",
        "segment_id": SEGMENT,
        "owner": "Trưởng nhóm CX",
        "picture": "👩‍🌾",
        "default_language": "vi",
        "texts": {"vi": Text(name="Chị Lan", summary="Mẹ bận rộn.", who="Ba con.", needs=("Giao nhanh",))},
        "quotes": (),
    }
    return Content.model_validate({**said, **fields})


def persona(**fields: Any) -> Persona:
    at = datetime(2026, 11, 21, 9, tzinfo=UTC)
    return Persona("lan", 1, 1, content(**fields), "", at, "key", at)


def sight(members: int = 1234, people: int = 10_000, **group: Any) -> Sight:
    found = Group(SEGMENT, group.get("name", "Mẹ ở Huế"), group.get("is_built", True), members)
    return Sight({SEGMENT: found}, people, date(2026, 11, 21), "Asia/Ho_Chi_Minh", NOON, {}, {})


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Gọi lan.nguyen@example.vn nhé", "email"),
        ("Hương＠shop.example.com", "email"),
        ("lan@\u200bexample.vn", "email"),
        ("0912345678", "phone"),
        ("gọi 0912 345 678", "phone"),
        ("sđt:0912.345.678", "phone"),
        ("SĐT0912345678", "phone"),
        ("(028) 3822 1234", "phone"),
        ("+84 912 345 678", "phone"),
        ("+44 20 7946 0958", "phone"),
        ("84912345678", "phone"),
        ("0084 912 345 678", "phone"),
        ("(415) 555-0100", "phone"),
        ("０９１２３４５６７８", "phone"),
        ("٠٩١٢٣٤٥٦٧٨", "phone"),
        ("CCCD 001099012345", "id_number"),
        (str(user_key("42")), "customer_id"),
        (f"answer {user_key('42').hex.upper()}", "customer_id"),
        ("user_id:42", "customer_id"),
    ],
)
def test_what_names_somebody_is_found(text: str, kind: str):
    assert findings({"texts": {"vi": {"needs": ["Giao nhanh", text]}}}) == [("/texts/vi/needs/1", kind)]


@pytest.mark.parametrize(
    "text",
    [
        "Chi 1.000.000.000 đ mỗi năm",
        "thu nhập 15.000.000 – 20.000.000 đ/tháng",
        "2026-11-22, 22/11/2026, 08:00-17:30",
        "mở cửa 08.00-11.30 13.30-17.00",
        "20 25 30 35 40 tuổi",
        "@lan, 3 con, 100% hàng Việt",
        "survey:nps-2026-10/answer-118",
        "survey:nps/01a2016c-f0f5-7724-ae1a-6eef95c6a426",
        "hotline 1900 1234",
        "0,5 km; tỷ lệ 1:3",
    ],
)
def test_amounts_days_and_answers_name_nobody(text: str):
    assert findings({"who": text}) == []


def test_a_gap_is_filled_from_the_own_language_and_said():
    said = content(
        texts={"vi": Text(name="Chị Lan", summary="Mẹ bận rộn.", needs=("Giao nhanh",)), "en": Text(name="Lan")}
    )

    seen = shown(said, "en")

    assert (seen.text.name, seen.text.summary, seen.text.needs) == ("Lan", "Mẹ bận rộn.", ("Giao nhanh",))
    assert seen.borrowed == ("summary", "needs")
    assert (seen.language_of("name"), seen.language_of("summary")) == ("en", "vi")
    assert shown(said).text.name == "Chị Lan"
    assert shown(said, "vi").borrowed == ()


def test_a_language_that_is_not_there_is_all_fallback():
    seen = shown(content(), "en")

    assert seen.text == content().texts["vi"]
    assert (seen.language, seen.borrowed) == ("en", ("name", "summary", "who", "needs"))


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, None),
        ("", None),
        ("vi", "vi"),
        ("en-GB,en;q=0.9,vi;q=0.8", "en"),
        ("fr;q=1, vi-VN;q=0.3, en;q=0.2", "vi"),
        ("en;q=0, vi;q=0.1", "vi"),
        ("*", None),
        ("fr", None),
        ("EN", "en"),
        ("en;q=nan, ;;,,vi ; q = 0.5", "vi"),
        ("x" * 10_000, None),
    ],
)
def test_the_language_a_reader_likes_best(header: str | None, language: str | None):
    assert preferred(header) == language


def test_what_changed_is_named_by_its_place():
    before = {"owner": "CX", "texts": {"vi": {"needs": ["a", "b", "c"]}}, "picture": None}
    after = {"owner": "CX", "texts": {"vi": {"needs": ["x", "a", "c"]}, "en": {"needs": []}}, "picture": "🌱"}

    assert list(changes(before, after)) == [
        Change("changed", "/picture", None, "🌱"),
        Change("added", "/texts/en", None, {"needs": []}),
        Change("added", "/texts/vi/needs/0", None, "x"),
        Change("removed", "/texts/vi/needs/1", "b", None),
    ]


def patched(before: Any, found: list[Change]) -> Any:
    """`before` with the changes made to it: removals by their old places, then additions by their new ones."""
    root = {"": deepcopy(before)}
    removed = sorted((each for each in found if each.kind == "removed"), key=_place, reverse=True)
    rest = sorted((each for each in found if each.kind != "removed"), key=_place)
    for each in [*removed, *rest]:
        *path, last = ["", *each.pointer.split("/")[1:]]
        holder: Any = root
        for step in path:
            holder = holder[int(step)] if isinstance(holder, list) else holder[step]
        if isinstance(holder, list):
            holder[int(last) : int(last) + (each.kind == "removed")] = [] if each.kind == "removed" else [each.after]
        elif each.kind == "removed":
            del holder[last]
        else:
            holder[last] = each.after
    return root[""]


def _place(change: Change) -> list[tuple[int, str]]:
    return [(int(step) if step.isdigit() else -1, step) for step in change.pointer.split("/")]


items = st.lists(st.sampled_from("abcd"), max_size=5)
documents = st.dictionaries(st.sampled_from(["vi", "en", "owner"]), items | st.sampled_from("xy") | st.none())


@given(
    st.fixed_dictionaries({"texts": documents, "needs": items}),
    st.fixed_dictionaries({"texts": documents, "needs": items}),
)
def test_the_changes_lead_from_one_version_to_the_other(before: Any, after: Any):
    found = list(changes(before, after))

    assert patched(before, found) == after
    assert bool(found) == (before != after)


def test_nothing_that_somebody_wrote_is_markup():
    text = Text(name=EVIL, summary=EVIL, who=EVIL, needs=(EVIL,), problems=(EVIL,), expectations=(EVIL,))
    quote = Quote(text=EVIL, language="en", source=EVIL, said_on=date(2026, 1, 2))
    evil = persona(owner=EVIL, texts={"vi": text}, quotes=(quote,))

    page = card(evil, sight(name=EVIL))

    assert page.count("&lt;script&gt;") == 11
    assert "<script" not in page
    assert "<img" not in page
    assert '"1"' not in page


def test_the_card_speaks_the_readers_language_and_marks_what_does_not():
    both = {"vi": Text(name="Chị Lan", summary="Mẹ bận rộn."), "en": Text(name="Lan")}

    english, own = card(persona(texts=both), sight(), "en"), card(persona(texts=both), sight())

    assert '<html lang="en">' in english
    assert '<p class="summary" lang="vi">Mẹ bận rộn.</p>' in english
    assert "<h1>Lan</h1>" in english
    assert "<strong>1,234</strong> customers, 12.3% of everybody we know" in english
    assert '<html lang="vi">' in own
    assert "<strong>1.234</strong> khách hàng, 12,3% của tất cả" in own
    assert 'lang="en"' not in own


def test_the_card_says_the_day_where_the_firm_is():
    late = persona()._replace(changed_at=datetime(2026, 11, 21, 18, tzinfo=UTC))

    assert '<dd><time datetime="2026-11-22">22/11/2026</time></dd>' in card(late, sight())


class Outline(HTMLParser):
    """What a screen reader goes by: headings, and whether every element that is opened is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        if tag in ("h1", "h2", "h3"):
            self.headings.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_card_is_well_formed_and_has_one_title():
    quote = Quote(text="Nhanh!", language="vi", source="survey:1", said_on=date(2026, 1, 2))
    outline = Outline()

    outline.feed(card(persona(quotes=(quote,)), sight(), "en"))

    assert outline.open == []
    assert outline.headings == ["h1", *["h2"] * 4]


def test_the_card_says_what_is_not_so():
    retired = persona(status="retired", picture="personas/lan.png")

    page = card(retired, Sight({}, 0, date(2026, 11, 21), "UTC", NOON, {}, {}), "en")

    assert "Retired" in page
    assert "The segment of this persona is gone" in page
    assert "lan.png" not in page
    assert "Still counting" in card(persona(), sight(is_built=False), "en")
    assert "Earlier version" in card(persona()._replace(latest=2), sight(), "en")
