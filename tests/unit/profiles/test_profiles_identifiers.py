"""What names a customer, and what never does."""

import unicodedata

import pytest

from services.profiles.domain.identifiers import Blocklist, email, is_e164, is_type, normalised, phone


@pytest.mark.parametrize(
    "value",
    [
        None, "", "0", "000", "-", "---", "00000000-0000-0000-0000-000000000000", "-1", " -1 ", "null", "NULL", "Null ",
        "undefined", "anonymous", "Anonymous", "unknown", "none", "None", "n/a", "N/A", "guest", "GUEST", "Khách Lẻ",
        unicodedata.normalize("NFD", "khách lẻ"), "[object Object]", "x" * 201, "a\x00b", "   ",
    ],
)  # fmt: skip
def test_placeholders_identify_nobody(value: str | None) -> None:
    assert not Blocklist().usable(value)


@pytest.mark.parametrize("value", ["1", "10", "0-1", "nullable", "guest42", "a", "Nguyễn", "x" * 200, "0912345678"])
def test_real_ids_do(value: str) -> None:
    assert Blocklist().usable(value)


def test_a_firm_adds_its_own_placeholders() -> None:
    blocklist = Blocklist(("Khách vãng lai POS", "kiosk"))
    assert not blocklist.usable("KIOSK")
    assert not blocklist.usable(unicodedata.normalize("NFD", "khách VÃNG lai pos"))
    assert blocklist.usable("kiosk-1")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0912345678", "+84912345678"),
        ("0912 345 678", "+84912345678"),
        ("(091) 234.56-78", "+84912345678"),
        ("+84912345678", "+84912345678"),
        ("+84 (0) 912 345 678", "+84912345678"),
        ("0084912345678", "+84912345678"),
        ("84912345678", "+84912345678"),
        ("028 3822 1234", "+842838221234"),
        ("+84 28 3822 1234", "+842838221234"),
        (912345678, "912345678"),
        ("+1 415 555 2671", "+14155552671"),
        ("0044 20 7946 0018", "+442079460018"),
        ("０９１２３４５６７８", "+84912345678"),
    ],
)
def test_phone_numbers_have_one_form(written: object, meant: str) -> None:
    assert phone(written, country="VN") == meant


@pytest.mark.parametrize("written", ["0112345678", "09123", "1900 1234", "02838221", "841234"])
def test_what_is_not_certain_stays_as_it_is_written(written: str) -> None:
    kept = phone(written, country="VN")
    assert kept == written.replace(" ", "")
    assert not is_e164(kept)


def test_a_national_number_stays_where_the_country_is_not_known() -> None:
    assert phone("0912 345 678", country="none") == "0912345678"
    assert phone("+84 912 345 678", country="none") == "+84912345678"


@pytest.mark.parametrize(
    "written", [None, True, "", "none", "abc", "12", "+", "0000000000", "1" * 18, [], "09x2345678"]
)
def test_what_is_no_number_is_none(written: object) -> None:
    assert phone(written, country="VN") is None


def test_addresses_have_one_form() -> None:
    assert email("  Huong.Nguyen@Example.VN ") == "huong.nguyen@example.vn"
    assert email(unicodedata.normalize("NFD", "HƯƠNG@ví-dụ.vn")) == unicodedata.normalize("NFC", "hương@ví-dụ.vn")


@pytest.mark.parametrize(
    "written",
    [None, 1, "", "null", "a@b", "@b.c", "a@", "a b@c.d", "a@b@c.d", "a@b..c", "a" * 251 + "@b.c", "a\x00@b.c"],
)
def test_what_is_no_address_is_none(written: object) -> None:
    assert email(written) is None


def test_types_of_external_ids() -> None:
    assert is_type("ios.idfa")
    assert is_type("crm-2")
    for wrong in ("", "CRM", "a b", "é", "a:b", "x" * 65, None, 1):
        assert not is_type(wrong)
    assert normalised("crm", "", country="VN") is None
    assert normalised("email", "A@B.vn", country="VN") == "a@b.vn"
