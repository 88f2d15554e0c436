"""The mail of an invitation: plain text and HTML, one link for each score, readable by night, nothing loaded.

What somebody wrote is escaped in the HTML and kept on one line in headers. No picture counts who opened it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from html import escape

from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.domain.piping import piped
from services.surveys.pages.schemas.words import Language, language_of

_WORDS: Mapping[Language, Mapping[str, str]] = {
    "vi": {
        "answer": "Trả lời khảo sát",
        "reminder": "Nhắc lại",
        "choose": "Bấm vào một điểm, rồi gửi trên trang mở ra:",
        "page": "Hoặc mở trang khảo sát",
        "until": "Bạn có thể trả lời đến {day}.",
    },
    "en": {
        "answer": "Answer the survey",
        "reminder": "Reminder",
        "choose": "Click a score, and send it on the page that opens:",
        "page": "Or open the survey",
        "until": "You can answer until {day}.",
    },
}
_STYLE = (
    ":root{color-scheme:light dark;supported-color-schemes:light dark}"
    "@media (prefers-color-scheme:dark){body,.wall{background:#10151a!important}.card{background:#1b222a!important}"
    ".ink{color:#eef2f6!important}.soft{color:#b9c4cf!important}.s{background:#1b222a!important;color:#ff9db5!important;"
    "border-color:#ff9db5!important}.go{background:#ff9db5!important;color:#2b0713!important}}"
)
_FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif"


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says. `scores` are links by score, `trap` is a link that only machines follow; `until` is local."""

    definition: Definition
    locale: str
    page: str
    scores: Sequence[tuple[int, str]] = ()
    trap: str | None = None
    order: str | None = None
    until: datetime | None = None
    is_reminder: bool = False

    def say(self, text: Mapping[str, str]) -> str:
        """A text of the survey."""
        return piped(self.definition, text, self.locale, {}, order=self.order)

    @property
    def words(self) -> Mapping[str, str]:
        """Words of the mail itself."""
        return _WORDS[language_of(self.locale)]

    @property
    def question(self) -> str:
        """The question that the scores answer; empty: there are no scores."""
        asked = self.definition.metric_question
        return self.say(asked.text) if asked is not None and self.scores else ""

    @property
    def subject(self) -> str:
        """On one line, and not too long."""
        title = " ".join(self.say(self.definition.title).split())[:150]
        return f"{self.words['reminder']}: {title}" if self.is_reminder else title

    @property
    def last_day(self) -> str:
        """Until when it can be answered, in words; empty: nobody says."""
        return "" if self.until is None else self.words["until"].format(day=f"{self.until:%d/%m/%Y}")


def message(letter: Letter, *, sender: str, to: str, message_id: str, now: datetime) -> EmailMessage:
    """The message, whole.

    Raises:
        ValueError: no mail can be sent to this address.
    """
    name, address = parseaddr(sender)
    user, _, domain = to.rpartition("@")
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = letter.subject
    mail["From"] = Address(display_name=name, addr_spec=address)
    mail["To"] = Address(username=user, domain=domain)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message_id
    mail["Content-Language"] = letter.locale
    # Nobody's holiday notice is to come back.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(text_part(letter), cte="quoted-printable")
    mail.add_alternative(html_part(letter), subtype="html", cte="quoted-printable")
    return mail


def text_part(letter: Letter) -> str:
    """The mail as plain text."""
    parts = [letter.say(letter.definition.title), letter.say(letter.definition.intro)]
    if letter.scores:
        parts += [letter.question, letter.words["choose"]]
        parts.append("\n".join(f"{score}: {url}" for score, url in letter.scores))
        parts.append(f"{letter.words['page']}: {letter.page}")
    else:
        parts.append(f"{letter.words['answer']}: {letter.page}")
    parts.append(letter.last_day)
    return "\n\n".join(part for part in parts if part) + "\n"


def html_part(letter: Letter) -> str:
    """The mail as HTML that mail programs understand: one column, styles beside what they are for."""
    title, intro = escape(letter.say(letter.definition.title)), escape(letter.say(letter.definition.intro))
    body = f'<h1 class="ink" style="margin:0 0 8px;font-size:20px;color:#1b2430">{title}</h1>'
    if intro:
        body += f'<p class="ink" style="margin:0 0 16px;color:#1b2430">{intro}</p>'
    body += _scores(letter) if letter.scores else _button(letter.page, letter.words["answer"])
    if letter.last_day:
        body += f'<p class="soft" style="margin:16px 0 0;color:#4a5664;font-size:14px">{letter.last_day}</p>'
    return (
        f'<!doctype html><html lang="{letter.locale}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        '<meta name="supported-color-schemes" content="light dark">'
        f"<title>{title}</title><style>{_STYLE}</style></head>"
        f'<body style="margin:0;background:#eef1f4;{_FONT};font-size:16px;line-height:1.5">'
        '<table role="presentation" class="wall" width="100%" cellpadding="0" cellspacing="0" bgcolor="#eef1f4"><tr>'
        '<td align="center" style="padding:16px"><table role="presentation" class="card" width="100%" cellpadding="0" '
        'cellspacing="0" bgcolor="#ffffff" style="max-width:600px;border-top:6px solid #9c1f45"><tr>'
        f'<td style="padding:24px">{body}{_trap(letter)}</td></tr></table></td></tr></table></body></html>\n'
    )


def _scores(letter: Letter) -> str:
    question = letter.definition.metric_question
    labels = {} if question is None else question.labels
    links = "".join(
        f'<a class="s" href="{url}" style="display:inline-block;min-width:40px;margin:0 4px 8px 0;padding:8px 0;'
        "text-align:center;text-decoration:none;font-weight:bold;color:#9c1f45;background:#ffffff;"
        f'border:2px solid #9c1f45;border-radius:8px"{_titled(letter, labels.get(score))}>{score}</a>'
        for score, url in letter.scores
    )
    named = [(score, labels[score]) for score, _ in letter.scores if score in labels]
    ends = " · ".join(f"{score} – {escape(letter.say(text))}" for score, text in named)
    told = f'<p class="soft" style="margin:0 0 8px;color:#4a5664;font-size:14px">{ends}</p>' if ends else ""
    return (
        f'<p class="ink" style="margin:0 0 8px;color:#1b2430;font-weight:bold">{escape(letter.question)}</p>'
        f'<p class="soft" style="margin:0 0 8px;color:#4a5664;font-size:14px">{letter.words["choose"]}</p>'
        f'<p style="margin:0">{links}</p>{told}'
        f'<p style="margin:8px 0 0"><a class="ink" href="{letter.page}" style="color:#9c1f45">'
        f"{letter.words['page']}</a></p>"
    )


def _titled(letter: Letter, label: Mapping[str, str] | None) -> str:
    return "" if label is None else f' title="{escape(letter.say(label))}"'


def _button(url: str, text: str) -> str:
    return (
        f'<p style="margin:0"><a class="go" href="{url}" style="display:inline-block;padding:12px 24px;color:#ffffff;'
        f'background:#9c1f45;border-radius:8px;text-decoration:none;font-weight:bold">{text}</a></p>'
    )


def _trap(letter: Letter) -> str:
    """A link that nobody sees, and that scanners fetch like all others."""
    if letter.trap is None:
        return ""
    return f'<div style="display:none" aria-hidden="true"><a href="{letter.trap}" tabindex="-1">&nbsp;</a></div>'
