"""A persona as one page of HTML to read, print and hang on the wall.

It loads nothing and runs nothing: the policy allows the page's own style and no more. Everything written by somebody
is escaped.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from uuid import UUID
from zoneinfo import ZoneInfo

from services.profiles.personas.domain.persona import Group, Language, Outlook, Persona, Shown, Sight, shown
from services.profiles.personas.schemas.figures import UNITS, major

_STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--soft:#4d5b6a;--paper:#fff;--wall:#eef1f4;--line:#c3ccd5;--heart:#b3224a}
@media (prefers-color-scheme:dark){:root{--ink:#e9eef3;--soft:#b3bfca;--paper:#1b222a;--wall:#11161b;--line:#3f4c59;
--heart:#ff8fab}}
*{box-sizing:border-box}
body{margin:0;padding:1.5rem;background:var(--wall);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{max-width:52rem;margin:auto;padding:2rem;background:var(--paper);border:1px solid var(--line);
border-top:.5rem solid var(--heart);border-radius:.5rem;overflow-wrap:anywhere}
header{display:flex;gap:1.5rem;align-items:center}
.picture{margin:0;font-size:4.5rem;line-height:1.15}
h1{margin:0;font-size:2.25rem;line-height:1.2}
h2{margin:1.5rem 0 .35rem;font-size:1rem;color:var(--heart)}
p{margin:0 0 .5rem}
ul{margin:0;padding-left:1.2rem}
.summary{margin:.25rem 0 0;font-size:1.2rem}
.state{display:inline-block;margin:.5rem 0 0;padding:0 .6rem;border:2px solid currentColor;border-radius:1rem;
font-weight:600}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:0 1.5rem}
.size{font-size:1.2rem}
.size strong{font-size:1.8rem}
.small,footer,figcaption{color:var(--soft);font-size:.875rem}
figure{margin:0 0 1rem;padding-left:1rem;border-left:.25rem solid var(--heart)}
blockquote{margin:0}
blockquote p{margin:0;font-size:1.1rem;font-style:italic}
cite{font-style:normal}
footer{margin-top:1.5rem;padding-top:.75rem;border-top:1px solid var(--line)}
dl{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;margin:0}
dl div{display:flex;gap:.35rem}
dt{font-weight:600}
dd{margin:0}
@page{size:A4;margin:12mm}
@media print{:root{color-scheme:light;--ink:#000;--soft:#333;--paper:#fff;--wall:#fff;--line:#999;--heart:#8c1638}
body{padding:0}main{max-width:none;padding:0;border:0}section,figure{break-inside:avoid}}
"""

_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "persona": "persona",
        "draft": "Draft",
        "retired": "Retired",
        "earlier": "Earlier version",
        "who": "Who they are",
        "needs": "What they need",
        "problems": "What gets in their way",
        "expectations": "What they expect of us",
        "quotes": "In their own words",
        "size": "How many they are",
        "customers": "customers",
        "share": "of everybody we know",
        "feelings": "How content they are",
        "answers": "answers in {days} days",
        "between": "95 % between {low} and {high}",
        "outlook": "Who leaves, and what they will bring",
        "lapsed": "without a purchase for {days} days",
        "clv": "expected of each within {days} days",
        "gone": "The segment of this persona is gone; nobody belongs to it.",
        "unbuilt": "Still counting: not everybody was asked yet.",
        "segment": "Segment",
        "as_of": "As of",
        "owner": "Owner",
        "version": "Version",
        "changed": "Changed",
    },
    "vi": {
        "persona": "chân dung khách hàng",
        "draft": "Bản nháp",
        "retired": "Không còn dùng",
        "earlier": "Phiên bản cũ",
        "who": "Họ là ai",
        "needs": "Họ cần gì",
        "problems": "Điều gì cản trở họ",
        "expectations": "Họ mong đợi gì ở chúng ta",
        "quotes": "Lời của chính họ",
        "size": "Họ có bao nhiêu người",
        "customers": "khách hàng",
        "share": "của tất cả khách hàng đã biết",
        "feelings": "Họ hài lòng đến đâu",
        "answers": "câu trả lời trong {days} ngày",
        "between": "95 % nằm giữa {low} và {high}",
        "outlook": "Ai rời đi, và họ sẽ mang lại bao nhiêu",
        "lapsed": "không mua hàng từ {days} ngày",
        "clv": "kỳ vọng ở mỗi khách trong {days} ngày",
        "gone": "Phân khúc của chân dung này không còn nữa; không ai thuộc về nó.",
        "unbuilt": "Đang đếm: chưa xét hết mọi khách hàng.",
        "segment": "Phân khúc",
        "as_of": "Tính đến",
        "owner": "Người chịu trách nhiệm",
        "version": "Phiên bản",
        "changed": "Sửa ngày",
    },
}


def card(persona: Persona, sight: Sight, language: Language | None = None) -> str:
    """The page for a reader of a language; none: the persona's own."""
    seen = shown(persona.content, language)
    words = _WORDS[seen.language]
    lists = "".join(_list(seen, field, words[field]) for field in ("needs", "problems", "expectations"))
    columns = f'<div class="columns">{lists}</div>' if lists else ""
    return (
        f'<!doctype html><html lang="{seen.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(seen.text.name)} – {words['persona']}</title><style>{_STYLE}</style></head><body><main>"
        f"{_head(persona, seen, words)}{_who(seen, words)}"
        f"{columns}"
        f"{_quotes(persona, seen.language, words)}"
        f"{_size(sight.groups.get(persona.content.segment_id), sight, seen.language, words)}"
        f"{_feelings(persona.content.segment_id, sight, seen.language, words)}"
        f"{_outlook(sight.outlooks.get(persona.content.segment_id), seen.language, words)}"
        f"{_foot(persona, sight, seen.language, words)}</main></body></html>"
    )


def _head(persona: Persona, seen: Shown, words: Mapping[str, str]) -> str:
    picture = persona.content.picture
    # A reference is for those who have the picture; this page loads nothing.
    is_emoji = picture is not None and not picture.isascii()
    drawn = f'<p class="picture" aria-hidden="true">{escape(picture or "")}</p>' if is_emoji else ""
    states = [words[persona.content.status]] if persona.content.status != "active" else []
    if persona.version != persona.latest:
        states.append(words["earlier"])
    return (
        f"<header>{drawn}<div><h1{_lang(seen, 'name')}>{escape(seen.text.name)}</h1>"
        f'<p class="summary"{_lang(seen, "summary")}>{escape(seen.text.summary)}</p>'
        + "".join(f'<p class="state">{state}</p> ' for state in states)
        + "</div></header>"
    )


def _who(seen: Shown, words: Mapping[str, str]) -> str:
    paragraphs = [part.strip() for part in seen.text.who.split("\n") if part.strip()]
    if not paragraphs:
        return ""
    prose = "".join(f"<p>{escape(each)}</p>" for each in paragraphs)
    return f"<section><h2>{words['who']}</h2><div{_lang(seen, 'who')}>{prose}</div></section>"


def _list(seen: Shown, field: str, title: str) -> str:
    items: Sequence[str] = getattr(seen.text, field)
    if not items:
        return ""
    entries = "".join(f"<li>{escape(each)}</li>" for each in items)
    return f"<section><h2>{title}</h2><ul{_lang(seen, field)}>{entries}</ul></section>"


def _quotes(persona: Persona, language: Language, words: Mapping[str, str]) -> str:
    figures = "".join(
        f'<figure><blockquote lang="{quote.language}"><p>{escape(quote.text)}</p></blockquote>'
        f"<figcaption><cite>{escape(quote.source)}</cite>, {_day(quote.said_on, language)}</figcaption></figure>"
        for quote in persona.content.quotes
    )
    return f"<section><h2>{words['quotes']}</h2>{figures}</section>" if figures else ""


def _size(group: Group | None, sight: Sight, language: Language, words: Mapping[str, str]) -> str:
    if group is None:
        said = f"<p>{words['gone']}</p>"
    else:
        share = f", {_percent(group.members / sight.people, language)} {words['share']}" if sight.people else ""
        said = (
            f'<p class="size"><strong>{_number(group.members, language)}</strong> {words["customers"]}{share}</p>'
            + ("" if group.is_built else f"<p>{words['unbuilt']}</p>")
            + f'<p class="small">{words["segment"]}: {escape(group.name)}. '
            f"{words['as_of']}: {_day(sight.as_of, language)}</p>"
        )
    return f"<section><h2>{words['size']}</h2>{said}</section>"


def _feelings(segment_id: UUID, sight: Sight, language: Language, words: Mapping[str, str]) -> str:
    """The figures of satisfaction, each with how sure it is and how many answers it is made of."""
    lines = ""
    for metric, unit in UNITS.items():
        feeling = sight.feelings.get((segment_id, metric))
        if feeling is None:
            continue
        value, low, high = (
            _hundredths(each, language) + (" %" if unit == "percent" else "")
            for each in (feeling.value_hundredths, feeling.low_hundredths, feeling.high_hundredths)
        )
        lines += (
            f'<p class="size">{metric.upper()} <strong>{value}</strong></p>'
            f'<p class="small">{words["between"].format(low=low, high=high)}. {_number(feeling.n, language)} '
            f"{words['answers'].format(days=feeling.days)}. {words['as_of']}: {_day(feeling.as_of, language)}</p>"
        )
    return f"<section><h2>{words['feelings']}</h2>{lines}</section>" if lines else ""


def _outlook(outlook: Outlook | None, language: Language, words: Mapping[str, str]) -> str:
    """Who has lapsed, and what one of them is expected to bring, each with how sure it is."""
    if outlook is None:
        return ""

    def line(told: str, about: str, low: str, high: str, n: int) -> str:
        return (
            f'<p class="size"><strong>{told}</strong> {about}</p>'
            f'<p class="small">{words["between"].format(low=low, high=high)}. {_number(n, language)} '
            f"{words['customers']}. {words['as_of']}: {_day(outlook.as_of, language)}</p>"
        )

    lapsed = (outlook.lapsed_hundredths, outlook.lapsed_low_hundredths, outlook.lapsed_high_hundredths)
    share, low, high = (f"{_hundredths(each, language)} %" for each in lapsed)
    lines = line(share, words["lapsed"].format(days=outlook.lapse_days), low, high, outlook.customers)
    if outlook.valued and outlook.currency is not None:
        amounts = (outlook.clv_minor, outlook.clv_low_minor, outlook.clv_high_minor)
        value, low, high = (_money(each, outlook.currency, language) for each in amounts)
        lines += line(value, words["clv"].format(days=outlook.horizon_days), low, high, outlook.valued)
    return f"<section><h2>{words['outlook']}</h2>{lines}</section>"


def _money(minor: int, currency: str, language: Language) -> str:
    whole, _, part = major(minor, currency).partition(".")
    written = _number(int(whole), language) + (("," if language == "vi" else ".") + part if part else "")
    return f"{written} {escape(currency)}"


def _foot(persona: Persona, sight: Sight, language: Language, words: Mapping[str, str]) -> str:
    changed = persona.changed_at.astimezone(ZoneInfo(sight.time_zone)).date()
    entries = (
        ("owner", escape(persona.content.owner)),
        ("version", str(persona.version)),
        ("changed", _day(changed, language)),
    )
    return (
        "<footer><dl>"
        + "".join(f"<div><dt>{words[name]}:</dt><dd>{value}</dd></div>" for name, value in entries)
        + "</dl></footer>"
    )


def _lang(seen: Shown, field: str) -> str:
    """Says the language of what is not in the page's own, so that it is read out right."""
    language = seen.language_of(field)
    return "" if language == seen.language else f' lang="{language}"'


def _number(value: int, language: Language) -> str:
    return f"{value:,}".replace(",", "." if language == "vi" else ",")


def _hundredths(value: int, language: Language) -> str:
    return f"{value / 100:.1f}".replace(".", "," if language == "vi" else ".").replace("-", "−")


def _percent(value: float, language: Language) -> str:
    return f"{value:.1%}".replace(".", "," if language == "vi" else ".")


def _day(day: date, language: Language) -> str:
    written = f"{day:%d/%m/%Y}" if language == "vi" else f"{day:%d %B %Y}".lstrip("0")
    return f'<time datetime="{day.isoformat()}">{written}</time>'
