"""When two people write themselves alike: names without diacritics and order, mail addresses without decoration."""

import re
import unicodedata

_WORDS = re.compile(r"[^\W\d_]+")
# Mailboxes that take dots for nothing.
_DOTLESS = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}


def folded_name(name: str) -> str | None:
    """A name as it compares: Nguyễn Văn Đức, NGUYEN VAN DUC and Duc Nguyen Van are one. None: it says too little.

    Marks go, đ is d, words are in alphabetical order; a single word is the name of too many.
    """
    plain = unicodedata.normalize("NFD", name.replace("đ", "d").replace("Đ", "d"))
    words = _WORDS.findall("".join(each for each in plain if not unicodedata.combining(each)).casefold())
    return " ".join(sorted(words)) if len(words) > 1 else None


def plain_mail(address: str) -> str | None:
    """A mail address as it compares: lower case, nothing after a plus sign, no dots where they count for nothing.

    None: it is no address.
    """
    local, at, domain = address.strip().lower().rpartition("@")
    local, domain = local.partition("+")[0], domain.rstrip(".")
    if not (local and at and domain):
        return None
    if domain in _DOTLESS:
        local, domain = local.replace(".", ""), _DOTLESS[domain]
    return f"{local}@{domain}"
