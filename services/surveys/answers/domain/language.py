"""Vietnamese or English? Small rules, for what customers write: short, and often without diacritics.

A Vietnamese word is one syllable, and there are few shapes of those: that is told without diacritics, where detectors
of a hundred languages fail (`tests/unit/surveys/test_answers_language.py` has the rates). What is neither is not named.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from services.surveys.answers.domain.said import folded_word

# Letters that no other language of a shop's customers has.
_ONLY_VIETNAMESE = re.compile("[ăđơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]")
_ONSET = "ngh|ng|nh|gh|gi|kh|ph|th|tr|ch|qu|[bcdghklmnprstvx]"
_RHYME = (
    "a(ch?|nh?|ng|[imoptuy])?|e(ch|nh?|ng|[cmoptu])?|i(ch|nh?|[mptu]|a|e(ng?|[cmptu]))?|"
    "o(ng?|[cimpt]|a(ch?|nh?|ng|[iopmty])?|e([nmto])?|o(ng|c))?|"
    "u(ng?|[cimptu]|a(ng?|[ty])?|e(ch|nh|t)?|o(ng?|[cimptu])?|y(a|ch|nh|[tu]|e[nt])?)?|"
    "y(nh|t|e(ng?|[mtu]))?"
)
_SYLLABLE = re.compile(f"({_ONSET})?({_RHYME})")
_LATIN_WORD = re.compile(r"[^\W\d_]+")
# They stand in texts of either language.
_LOANS = frozenset(
    _LATIN_WORD.findall(
        "shop ship shipper app size ok oke okay sale voucher web website online email m l s xl sms vip k ko dc sp"
    )
)
_ENGLISH = frozenset(
    _LATIN_WORD.findall(
        """
        a about after again all always am an and another any anybody anyone anything are arrived as ask at
        awesome awful away back bad be because been before best better big bit bought box broken but buy buying
        by call called came can cannot care change cheap checkout clean colour color come contact cost could
        courier customer customers damaged day days deal delay delayed deliver delivered delivery did didn
        different difficult disappointed do does doesn don down easy else even ever every everything excellent
        exchange expected expensive experience fantastic far fast fee few fine first follow for forever found
        friend friendly friends from fully gave get give go good got great had happened happy hard has have he
        help helped helpful her here high him his horrible hotline hours how i if in is issue it item its job
        just keep keeps kept know last late later like liked long longer look lost lot love loves low made make
        many me money more most much my need needs never new next nice no nobody none not nothing now of off old
        on once one only order ordered orders other our out over packaging packed parcel pay paid people perfect
        phone pick picture please polite poor price prices problem product products promotion promised quality
        quick quickly quite rather received recommend refund reply response return returned returning right rude
        same satisfied say send sent service several she shipping should slow slowly so some someone something
        soon special staff still store stuff support sure terrible than thank thanks that the their them then
        there these they thing think third this those three time times to told too took two understand until up
        us use very waiting wait want was waste wasn way we week weeks well went were what when where which
        while who why will with without wonderful work works worse worst worth would wrong yes yet you your
        """
    )
)


class _Shape(NamedTuple):
    is_english: bool
    is_syllable: bool


# People use few words, over and over.
@lru_cache(maxsize=32_768)
def _shape(word: str) -> _Shape:
    """What a composed word in lower case may be. With a diacritic none is English, whatever it would be without."""
    return _Shape(word in _ENGLISH, _SYLLABLE.fullmatch(folded_word(word)) is not None)


def language_of(text: str) -> str | None:
    """`vi` or `en`; None: neither can be told."""
    composed = unicodedata.normalize("NFC", text).casefold()
    words = [word for word in _LATIN_WORD.findall(composed) if word not in _LOANS]
    if not words:
        return None
    shapes = [_shape(word) for word in words]
    english, syllables = sum(each.is_english for each in shapes), sum(each.is_syllable for each in shapes)
    if _ONLY_VIETNAMESE.search(composed):
        return "vi" if 2 * syllables >= len(words) else None
    # Words of both, such as `the` and `no`, speak for English where others do.
    apart = sum(each.is_syllable and not each.is_english for each in shapes)
    if 5 * syllables >= 4 * len(words) and apart > english:
        return "vi"
    return "en" if 5 * english >= 2 * len(words) else None
