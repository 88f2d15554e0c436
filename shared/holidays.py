"""Public holidays as dated data: on which days nobody can be expected to work.

Vietnam's are those of the Labour Code (Law 45/2019/QH14, art. 112) and, from 2026 on, the Vietnam Cultural Day. Which
five days Tết has, which neighbour National Day has, and which Friday or Monday is worked off on a Saturday, the
government says each autumn for the year that comes: `ANNOUNCED` is the last year it did so when this table was
written. Later years hold what the Code and the moon say. Beyond the table no holiday is known, so that a deadline
counted with it comes too early and never too late.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal

Country = Literal["VN"]

ANNOUNCED = 2026
_SATURDAY = 5
_TET, _KINGS, _NATIONAL = "Tết Nguyên Đán", "Giỗ Tổ Hùng Vương", "Quốc khánh"
_NEW_YEAR, _REUNION, _LABOUR = "Tết Dương lịch", "Ngày Giải phóng miền Nam", "Quốc tế Lao động"
_CULTURE, _SWAPPED, _AFTER = "Ngày Văn hóa Việt Nam", "nghỉ hoán đổi", "nghỉ bù"

# First and last day (both included), month and day.
_Span = tuple[tuple[int, int], tuple[int, int], str]
_VIETNAM: Mapping[int, tuple[_Span, ...]] = {
    2025: (
        ((1, 1), (1, 1), _NEW_YEAR),
        ((1, 27), (1, 31), _TET),
        ((4, 7), (4, 7), _KINGS),
        ((4, 30), (4, 30), _REUNION),
        ((5, 1), (5, 1), _LABOUR),
        ((5, 2), (5, 2), _SWAPPED),
        ((9, 1), (9, 2), _NATIONAL),
    ),
    2026: (
        ((1, 1), (1, 1), _NEW_YEAR),
        ((2, 16), (2, 20), _TET),
        ((4, 26), (4, 26), _KINGS),
        ((4, 27), (4, 27), _AFTER),
        ((4, 30), (4, 30), _REUNION),
        ((5, 1), (5, 1), _LABOUR),
        ((8, 31), (8, 31), _SWAPPED),
        ((9, 1), (9, 2), _NATIONAL),
        ((11, 24), (11, 24), _CULTURE),
    ),
    2027: (
        ((1, 1), (1, 1), _NEW_YEAR),
        ((2, 4), (2, 10), _TET),
        ((4, 16), (4, 16), _KINGS),
        ((4, 30), (4, 30), _REUNION),
        ((5, 1), (5, 1), _LABOUR),
        ((5, 3), (5, 3), _AFTER),
        ((9, 2), (9, 3), _NATIONAL),
        ((11, 24), (11, 24), _CULTURE),
    ),
    2028: (
        ((1, 1), (1, 1), _NEW_YEAR),
        ((1, 3), (1, 3), _AFTER),
        ((1, 24), (1, 29), _TET),
        ((4, 4), (4, 4), _KINGS),
        ((4, 30), (4, 30), _REUNION),
        ((5, 1), (5, 1), _LABOUR),
        ((5, 2), (5, 2), _AFTER),
        ((9, 1), (9, 2), _NATIONAL),
        ((9, 4), (9, 4), _AFTER),
        ((11, 24), (11, 24), _CULTURE),
    ),
}
# Saturdays on which the days off above are made up for.
_WORKED = frozenset({date(2025, 4, 26), date(2026, 8, 22)})


def _days() -> dict[date, str]:
    found: dict[date, str] = {}
    for year, spans in _VIETNAM.items():
        for first, last, name in spans:
            day = date(year, *first)
            while day <= date(year, *last):
                found[day] = name
                day += timedelta(days=1)
    return found


HOLIDAYS: Mapping[Country, Mapping[date, str]] = {"VN": _days()}


def is_working_day(day: date, country: Country | None) -> bool:
    """Whether offices of a country work on a day; None: on every Monday to Friday."""
    if country is None:
        return day.weekday() < _SATURDAY
    return day in _WORKED or (day.weekday() < _SATURDAY and day not in HOLIDAYS[country])
