"""The page on which staff answers in their customers' place. It works without a script; all texts are escaped."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from html import escape
from typing import Any

from services.surveys.definitions.domain.answer import Answers
from services.surveys.definitions.domain.definition import Definition, Question
from services.surveys.mirror.domain.asked import Item
from services.surveys.mirror.domain.wave import Wave
from services.surveys.mirror.schemas.words import WORDS
from services.surveys.pages.schemas.page import document
from services.surveys.pages.schemas.questions import Asked, question_html
from services.surveys.pages.schemas.words import language_of, words_for
from shared.events.catalogue.surveys import AnsweredScore

_NOTHING: Answers = {}


@dataclass(frozen=True, slots=True)
class MirrorForm:
    """What a page shows: all of `items` are to be answered. `role` None: whoever answers says their own.

    `answers`, `said_role` and `predicted` stand in it already; `wrong` names what is missing or not on its scale: the
    id of a question (`<question>/<row>` of a matrix), `role` or `predicted_nps`. `sheet` tells this form from others of
    a shared link.
    """

    wave: Wave
    definition: Definition
    items: tuple[Item, ...]
    role: str | None
    locale: str
    token: str
    answers: Mapping[str, Any] = field(default_factory=dict)
    said_role: str | None = None
    predicted: str = ""
    wrong: str | None = None
    sheet: str = ""


def mirror_page(form: MirrorForm) -> str:
    """The page with its form."""
    words, own = words_for(form.locale), WORDS[language_of(form.locale)]
    asked = Asked(form.definition, form.locale, words, "", _NOTHING, None)
    title = asked.say(form.definition.title)
    period = own["as_customers"].format(
        first=_day(form.wave.period_from, form.locale), last=_day(form.wave.period_to, form.locale)
    )
    alert = f'<div class="errors" role="alert"><p>{words["errors"]}</p></div>' if form.wrong else ""
    questions = "".join(_question(form, asked, question) for question in _asked(form))
    body = (
        f'<h1>{title}</h1><p class="note">{period}</p><p class="soft">{own["anonymous"]}</p>{alert}'
        f'<form id="f" method="post" action="{escape(form.token)}" autocomplete="off">'
        f'<input type="hidden" name="lang" value="{escape(form.locale)}">'
        f"{_sheet(form)}{_roles(form, own)}{questions}{_prediction(form, own)}"
        f'<p class="go"><button class="main">{words["send"]}</button></p></form>'
    )
    return document(title, body, form.locale)


def sent_page(locale: str) -> str:
    """Thanks: the answer was taken."""
    words, own = words_for(locale), WORDS[language_of(locale)]
    return document(words["thanks"], f'<h1>{words["thanks"]}</h1><p role="status">{own["sent"]}</p>', locale)


def used_page(locale: str) -> str:
    """The link is none, or was used; which of them is not known."""
    own = WORDS[language_of(locale)]
    return document(own["used"], f"<h1>{own['used']}</h1><p>{own['used_text']}</p>", locale)


def _asked(form: MirrorForm) -> list[Question]:
    wanted = {item.question_id for item in form.items}
    # All are to be answered, whoever is asked them only in some cases.
    return [replace(each, is_required=True) for each in form.definition.questions if each.id in wanted]


def _question(form: MirrorForm, asked: Asked, question: Question) -> str:
    is_wrong = form.wrong is not None and form.wrong.partition("/")[0] == question.id
    return question_html(asked, question, form.answers.get(question.id), asked.words["missing"] if is_wrong else None)


def _sheet(form: MirrorForm) -> str:
    # A link of one's own is used up with its answer.
    return "" if form.role is not None else f'<input type="hidden" name="sheet" value="{escape(form.sheet)}">'


def _roles(form: MirrorForm, own: Mapping[str, str]) -> str:
    if form.role is not None:
        return ""
    options = "".join(
        f'<label class="o" for="r-{role}"><input type="radio" id="r-{role}" name="role" value="{role}" required'
        f"{' checked' if role == form.said_role else ''}><span>{escape(own.get(role, role))}</span></label>"
        for role in form.wave.roles
    )
    return f'<fieldset role="radiogroup"><legend>{own["role"]}</legend><div class="list">{options}</div></fieldset>'


def _prediction(form: MirrorForm, own: Mapping[str, str]) -> str:
    if not form.wave.asks_prediction:
        return ""
    wrong = ' aria-invalid="true"' if form.wrong == "predicted_nps" else ""
    return (
        f'<div class="q"><label for="p">{own["predicted"]}</label>'
        f'<input type="number" id="p" name="predicted_nps" min="-100" max="100" step="1" required inputmode="numeric"'
        f' value="{escape(form.predicted)}"{wrong}></div>'
    )


def _day(day: date, locale: str) -> str:
    return f"{day:%d/%m/%Y}" if language_of(locale) == "vi" else f"{day:%d %b %Y}"


def scores_in(answers: Mapping[str, Any]) -> list[AnsweredScore]:
    """The scores of a form; what is no number is left out, and so missed."""
    found: list[AnsweredScore] = []
    for question_id, said in answers.items():
        if not said:
            continue
        cells = said.get("rows", {None: said})
        found += [
            AnsweredScore(question_id, cell["score"], row=row)
            for row, cell in cells.items()
            if isinstance(cell.get("score"), int)
        ]
    return found


def prediction_in(text: str) -> int | None:
    """A predicted NPS as it was typed; None for what is no whole number."""
    # A typographer's minus, as some keyboards write it.
    plain = text.strip().replace("−", "-")
    digits = plain.removeprefix("-")
    return int(plain) if digits.isascii() and digits.isdigit() and len(digits) <= 4 else None
