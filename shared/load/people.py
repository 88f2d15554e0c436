"""Customers: most are Vietnamese, some are elsewhere; each is the same person in every run with the same seed."""

from typing import NamedTuple

from shared.load.chance import stream

_FAMILY = (
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Huỳnh",
    "Hoàng",
    "Phan",
    "Vũ",
    "Võ",
    "Đặng",
    "Bùi",
    "Đỗ",
    "Hồ",
    "Ngô",
    "Dương",
)
_MIDDLE = ("Thị", "Văn", "Ngọc", "Minh", "Thanh", "Hữu", "Quốc", "Kim", "Xuân", "Đức")
_GIVEN = ("Lan", "Hương", "Tuấn", "Linh", "Dũng", "Hạnh", "Phúc", "Trang", "Sơn", "Thảo", "Đạt", "Yến", "Quỳnh", "Bảo")
_CITIES = ("Hà Nội", "TP. Hồ Chí Minh", "Đà Nẵng", "Cần Thơ", "Huế", "Hải Phòng", "Nha Trang", "Đà Lạt", "Vinh")
_ABROAD = (
    ("Siobhán O'Neill", "Dublin", "EUR", "en-IE", "Europe/Dublin"),
    ("Jürgen Groß", "Köln", "EUR", "de-DE", "Europe/Berlin"),
    ("佐藤 花子", "大阪", "JPY", "ja-JP", "Asia/Tokyo"),
    ("Mary Johnson", "Chicago", "USD", "en-US", "America/Chicago"),
    ("Zoë Martínez", "Bogotá", "USD", "es-CO", "America/Bogota"),
    ("Aarav Śarma", "Kathmandu", "USD", "ne-NP", "Asia/Kathmandu"),
)


class Person(NamedTuple):
    """Who buys; `currency` is what they pay in, `zone` an IANA time zone."""

    user_id: str
    name: str
    city: str
    currency: str
    locale: str
    zone: str
    email: str
    phone: str


def person(namespace: str, seed: int, number: int, *, abroad: float) -> Person:
    """The customer of this number; a share `abroad` of them is not Vietnamese."""
    chance = stream(seed, "person", number)
    user_id = f"{namespace}-{number}"
    if chance.random() < abroad:
        name, city, currency, locale, zone = chance.choice(_ABROAD)
        phone = f"+1202555{number % 10_000:04}"
    else:
        name = " ".join((chance.choice(_FAMILY), chance.choice(_MIDDLE), chance.choice(_GIVEN)))
        city, currency, locale, zone = chance.choice(_CITIES), "VND", "vi-VN", "Asia/Ho_Chi_Minh"
        phone = f"+849{number % 100_000_000:08}"
    return Person(user_id, name, city, currency, locale, zone, f"{user_id}@example.com", phone)
