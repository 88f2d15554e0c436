"""Traits: what can be kept, in which form, and which names may be told."""

import unicodedata
from typing import Any

import orjson

from services.profiles.domain.traits import Refusals, announced, readable

NFD = unicodedata.normalize("NFD", "Nguyễn Thị Hương")
NFC = unicodedata.normalize("NFC", NFD)


def kept(traits: dict[str, Any], *, max_bytes: int = 8_192) -> tuple[dict[str, Any], Refusals]:
    refused = Refusals([], [])
    found = dict(readable(traits, max_bytes=max_bytes, refused=refused))
    return {name: None if text is None else orjson.loads(text) for name, text in found.items()}, refused


def test_a_name_is_one_name_however_it_was_typed() -> None:
    assert NFD != NFC
    found, _ = kept({"name": NFD, NFD: {"họ " + NFD: [NFD]}})
    assert found == {"name": NFC, NFC: {unicodedata.normalize("NFC", "họ ") + NFC: [NFC]}}


def test_text_is_composed_without_touching_json_itself() -> None:
    """Composing JSON text as a whole would make ñ of an escaped newline and a tilde."""
    value = {"a": "\n\u0303", "b": '"\u0303', "c": "é"}
    assert kept({"t": value})[0]["t"] == {"a": "\n\u0303", "b": unicodedata.normalize("NFC", '"\u0303'), "c": "é"}


def test_nested_values_null_and_nul() -> None:
    found, refused = kept({"a": {"b": [1, 2.5, None, True]}, "gone": None, "nul": "x\x00y", "n\x00ame": ["\x00"]})
    assert found == {"a": {"b": [1, 2.5, None, True]}, "gone": None, "nul": "xy", "name": [""]}
    assert not refused


def test_what_cannot_be_kept_is_counted_by_position() -> None:
    found, refused = kept({"": 1, "ok": 2, "n" * 101: 3, "big": "x" * 8_192, "fits": "x" * 8_190, " ": 4})
    assert set(found) == {"ok", "fits"}
    assert refused == Refusals([0, 2, 5], [3])
    assert refused


def test_what_is_no_json_of_ours_is_refused() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    assert kept({"deep": deep, "long": 10**30, "fits": 2**63})[1].too_large == [0, 1]


def test_size_is_counted_in_bytes() -> None:
    assert kept({"name": "ễ" * 30}, max_bytes=64)[1].too_large == [0]
    assert not kept({"name": "e" * 60}, max_bytes=64)[1]


def test_names_that_are_data_are_not_announced() -> None:
    names = {"email", "sở thích", "plan_2", "a@b.vn", "0912345678", "+84 912 345 678", "order 2026-11-21"}
    assert announced(names) == ("email", "plan_2", "sở thích")
