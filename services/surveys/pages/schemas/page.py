"""The hosted page: the form of a step, thanks, and what is said where nothing can be answered.

It works without a script and loads nothing. Everything that somebody wrote is escaped.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.domain.piping import piped
from services.surveys.pages.domain.steps import Step, lenient
from services.surveys.pages.schemas.forms import fields_of
from services.surveys.pages.schemas.look import SCRIPT, STYLE
from services.surveys.pages.schemas.questions import Asked, question_html
from services.surveys.pages.schemas.words import NAMES, WORDS, Language, language_of, words_for


@dataclass(frozen=True, slots=True)
class FormPage:
    """A step to be answered.

    `answers` is what stands in it; `carried` are answers that the page has to bring back, for they are stored nowhere.
    `errors` are codes by question id. `score` was chosen by one click and is not sent yet; `is_touching`: a person's
    touch sends it. `notice` is a word that stands above. Without a `token` it is a preview, which sends nothing.
    """

    definition: Definition
    locale: str
    step: Step
    token: str | None = None
    nonce: str = ""
    seed: str = ""
    order: str | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)
    carried: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    notice: str | None = None
    score: int | None = None
    is_touching: bool = False
    is_trap_seen: bool = False


def form_page(page: FormPage) -> str:
    """The page of a step."""
    words = words_for(page.locale)
    said = lenient(page.definition, page.answers)
    asked = Asked(page.definition, page.locale, words, page.seed, said, page.order)
    title = asked.say(page.definition.title)
    body = (
        f"<h1>{title}</h1>{_intro(asked, page)}{_progress(page.step, words)}{_alert(page, asked)}{_note(page, words)}"
        f"{_form(page, asked)}{_languages(page, words)}"
    )
    return document(title, body, page.locale, script=SCRIPT if page.is_touching and page.token else None)


def _intro(asked: Asked, page: FormPage) -> str:
    text = asked.say(page.definition.intro)
    return f"<p>{text}</p>" if text and page.step.first == 1 else ""


def _progress(step: Step, words: Mapping[str, str]) -> str:
    last = step.first + len(step.questions) - 1
    said = words["progress" if last == step.first else "progress_many"].format(
        first=step.first, last=last, total=step.total
    )
    return (
        f'<p class="progress soft"><span id="p">{said}</span>'
        f'<progress aria-labelledby="p" max="{step.total}" value="{step.first - 1}"></progress></p>'
    )


def _alert(page: FormPage, asked: Asked) -> str:
    """What is wrong, read out at once, each with a way to where it is."""
    if not page.errors and page.notice not in ("stale", "trapped"):
        return ""
    if not page.errors:
        return f'<div class="errors" role="alert"><p>{asked.words[page.notice or ""]}</p></div>'
    entries = "".join(
        f'<li><a href="#{_first_field(page, question.id)}">{asked.say(question.text)}</a>: '
        f"{_reason(page.errors[question.id], asked.words)}</li>"
        for question in page.step.questions
        if question.id in page.errors
    )
    return (
        f'<div class="errors" role="alert" tabindex="-1" autofocus><p>{asked.words["errors"]}</p>'
        f"<ul>{entries}</ul></div>"
    )


def _first_field(page: FormPage, key: str) -> str:
    question = page.definition.question(key)
    if question is None or question.kind == "matrix":
        return f"q-{key}"
    if question.kind == "text":
        return f"t-{key}"
    options = question.shown_options(page.seed)
    return f"i-{key}-{options[0].id if options else question.lowest}"


def _reason(code: str, words: Mapping[str, str]) -> str:
    return words.get(code, words["wrong"])


def _note(page: FormPage, words: Mapping[str, str]) -> str:
    if page.token is None:
        return f'<p class="note">{words["preview"]}</p>'
    if page.score is not None and not page.errors:
        return f'<p class="note">{words["preselected"].format(score=page.score)}</p>'
    return ""


def _form(page: FormPage, asked: Asked) -> str:
    words, step = asked.words, page.step
    questions = "".join(
        question_html(
            asked,
            question,
            page.answers.get(question.id),
            _reason(page.errors[question.id], words) if question.id in page.errors else None,
        )
        for question in step.questions
    )
    send = words["send" if step.is_last else "next"]
    back = (
        f'<button class="plain" name="back" value="{step.before}">{words["back"]}</button>'
        if step.before is not None
        else ""
    )
    if page.token is None:
        return f'<form id="f">{questions}</form><p class="go"><span class="button main">{send}</span></p>'
    return (
        f'<form id="f" method="post" action="{page.token}" autocomplete="off">{_hidden(_kept(page))}{questions}'
        f"{_trap(words, is_seen=page.is_trap_seen)}"
        f'<p class="go"><button class="main">{send}</button>{back}</p></form>'
    )


def _kept(page: FormPage) -> Iterable[tuple[str, str]]:
    yield "nonce", page.nonce
    yield "lang", page.locale
    for question in page.step.questions:
        yield "shown", question.id
    here = {question.id for question in page.step.questions}
    for question in page.definition.questions:
        if question.id not in here:
            yield from fields_of(question, page.carried.get(question.id))


def _hidden(fields: Iterable[tuple[str, str]]) -> str:
    return "".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields)


def _trap(words: Mapping[str, str], *, is_seen: bool) -> str:
    look, aside = ("trap seen", "") if is_seen else ("trap", ' aria-hidden="true"')
    out = "" if is_seen else ' tabindex="-1"'
    return (
        f'<div class="{look}"{aside}><label for="w">{words["trap"]}</label>'
        f'<input type="text" id="w" name="website" value="" autocomplete="off"{out}></div>'
    )


def _languages(page: FormPage, words: Mapping[str, str]) -> str:
    """The other languages: buttons of the form, so that nothing is lost that stands in it."""
    others = [locale for locale in page.definition.locales if locale != page.locale]
    if not others or page.token is None:
        return ""
    buttons = "".join(
        f'<button class="plain" form="f" name="to" value="{locale}" lang="{locale}">{escape(_name(locale))}</button>'
        for locale in others
    )
    return f'<footer><nav class="go" aria-label="{words["languages"]}">{buttons}</nav></footer>'


def _name(locale: str) -> str:
    return NAMES.get(locale, NAMES.get(locale.partition("-")[0], locale))


@dataclass(frozen=True, slots=True)
class ThanksPage:
    """Everything was answered; until `editable_until` it can be changed by the link `token`."""

    definition: Definition
    locale: str
    token: str
    editable_until: datetime | None
    answers: Mapping[str, Any] = field(default_factory=dict)
    order: str | None = None


def thanks_page(page: ThanksPage, zone: ZoneInfo) -> str:
    """Thanks, and while it can be changed the way back."""
    definition, locale, editable_until, token = page.definition, page.locale, page.editable_until, page.token
    words = words_for(locale)
    answers = lenient(definition, page.answers)
    said = escape(piped(definition, definition.thanks, locale, answers, order=page.order))
    change = ""
    if editable_until is not None:
        local = editable_until.astimezone(zone)
        written = f"{local:%H:%M %d/%m/%Y}" if language_of(locale) == "vi" else f"{local:%H:%M, %d %b %Y}"
        time = f'<time datetime="{local.isoformat()}">{written}</time>'
        change = (
            f'<p class="soft">{words["until"].format(time=time)}</p>'
            f'<p class="go"><a class="button" href="{token}?edit=1&amp;lang={locale}">{words["change"]}</a></p>'
        )
    body = f'<h1>{words["thanks"]}</h1><p role="status">{said}</p>{change}'
    return document(words["thanks"], body, locale)


def plain_page(kind: str, locale: str) -> str:
    """A page with one thing to say, in the language of a survey that is known."""
    words = words_for(locale)
    return document(words[kind], f"<h1>{words[kind]}</h1><p>{words[f'{kind}_text']}</p>", locale)


def common_page(kind: str, first: Language) -> str:
    """A page that knows nothing of any survey: in both languages."""
    order: Sequence[Language] = (first, "en" if first == "vi" else "vi")
    body = "".join(
        f'<section lang="{each}"><{tag}>{WORDS[each][kind]}</{tag}><p>{WORDS[each][f"{kind}_text"]}</p></section>'
        for each, tag in zip(order, ("h1", "h2"), strict=True)
    )
    return document(WORDS[first][kind], body, first)


def document(title: str, body: str, locale: str, *, script: str | None = None) -> str:
    """A whole page; `title` and `body` are HTML already."""
    run = f"<script>{script}</script>" if script else ""
    return (
        f'<!doctype html><html lang="{escape(locale)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex"><meta name="referrer" content="no-referrer">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>{body}</main>{run}</body></html>"
    )
