"""What a migration may do to tables that people have rows in, while processes of the release before go on working.

Two reasons to refuse: it holds a lock for as long as a table is large (everybody waits), or the code of the release
before breaks on it (it reads a column that is gone). Each finding says what to do instead. Tables that the script makes
itself are empty, and free.
"""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

_NAME = r'(?:ONLY\s+)?"?(?P<table>\w+)"?'
_OWN = re.compile(r'CREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?"?(\w+)"?', re.IGNORECASE)
_ALTER = re.compile(rf"^ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?{_NAME}\s+(?P<actions>.*)$", re.IGNORECASE | re.DOTALL)
_VOLATILE = r"(gen_random_uuid|uuidv7|uuidv4|random|clock_timestamp|nextval|timeofday)\s*\("


class Rule(NamedTuple):
    """A statement, or an action of ALTER TABLE, that is refused, and what to write instead."""

    pattern: str
    instead: str


_STATEMENTS = (
    Rule(
        rf"^CREATE\s+(UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)(IF\s+NOT\s+EXISTS\s+)?\w*\s*ON\s+{_NAME}",
        "nobody can write while it is made: online = ('CREATE INDEX CONCURRENTLY IF NOT EXISTS …',)",
    ),
    Rule(rf"^UPDATE\s+{_NAME}", "it locks every row until the end: UPDATE … LIMIT in `online`, some rows at a time"),
    Rule(rf"^DELETE\s+FROM\s+{_NAME}", "it locks every row until the end: DELETE … LIMIT in `online`"),
    Rule(rf"^DROP\s+TABLE\s+(IF\s+EXISTS\s+)?{_NAME}", "the release before still reads it: unused_since = '<release>'"),
    Rule(r"^DROP\s+INDEX\s+(?!CONCURRENTLY)", "it waits in everybody's way: DROP INDEX CONCURRENTLY in `online`"),
    Rule(rf"^(TRUNCATE(\s+TABLE)?|CLUSTER|LOCK(\s+TABLE)?)\s+{_NAME}", "it keeps everybody out of the table"),
    Rule(r"^VACUUM\s+.*FULL", "it keeps everybody out of the table"),
    Rule(r"^REINDEX\s+(?!.*CONCURRENTLY)", "nobody can write meanwhile: REINDEX … CONCURRENTLY in `online`"),
    Rule(r"^REFRESH\s+MATERIALIZED\s+VIEW\s+(?!CONCURRENTLY)", "nobody can read it meanwhile: CONCURRENTLY"),
)
_ACTIONS = (
    Rule(
        r"^ADD\s+(COLUMN\s+)?(?!CONSTRAINT|PRIMARY|UNIQUE|CHECK|FOREIGN|EXCLUDE).*\bNOT\s+NULL\b(?!.*\bDEFAULT\b)",
        "rows that are there have no value, and the release before writes none: give it a DEFAULT",
    ),
    Rule(
        rf"^ADD\s+(COLUMN\s+)?(?!CONSTRAINT).*\bDEFAULT\s+{_VOLATILE}",
        "every row is written anew: add it empty, give new rows the default, fill the others in `online`",
    ),
    Rule(
        r"^ADD\s+(COLUMN\s+)?(?!CONSTRAINT).*(\bGENERATED\b.*\bSTORED\b|\bAS\s+IDENTITY\b|\b(BIG)?SERIAL\b)",
        "every row is written anew: add it empty, fill it in `online`",
    ),
    Rule(
        r"^ADD\s+(COLUMN\s+)?(?!CONSTRAINT|PRIMARY|UNIQUE|CHECK|FOREIGN).*\b(UNIQUE|PRIMARY\s+KEY|REFERENCES)\b",
        "the whole table is read under a lock: add the column, then the constraint",
    ),
    Rule(
        r"^ADD\s+(CONSTRAINT\s+\w+\s+)?(CHECK|FOREIGN\s+KEY)\b(?!.*\bNOT\s+VALID\b)",
        "the whole table is read under a lock: … NOT VALID, and VALIDATE CONSTRAINT in the next migration",
    ),
    Rule(
        r"^ADD\s+(CONSTRAINT\s+\w+\s+)?(PRIMARY\s+KEY|UNIQUE)\b(?!\s+USING\s+INDEX)",
        "the index is made under a lock: make it CONCURRENTLY in `online`, then ADD CONSTRAINT … USING INDEX",
    ),
    Rule(r"^ADD\s+(CONSTRAINT\s+\w+\s+)?EXCLUDE\b", "the index is made under a lock"),
    Rule(
        r"^ALTER\s+(COLUMN\s+)?\w+\s+(SET\s+DATA\s+)?TYPE\b",
        "every row is written anew, and the release before writes the old type: add another column",
    ),
    Rule(
        r"^ALTER\s+(COLUMN\s+)?\w+\s+SET\s+NOT\s+NULL",
        "the whole table is read under a lock: ADD CHECK (… IS NOT NULL) NOT VALID, then VALIDATE CONSTRAINT",
    ),
    Rule(r"^DROP\s+(COLUMN\s+|CONSTRAINT\s+)?", "the release before still needs it: unused_since = '<release>'"),
    Rule(r"^RENAME\b", "the release before knows it by the old name: add another, and fill both"),
    Rule(r"^SET\s+(UNLOGGED|LOGGED|TABLESPACE)\b", "every row is written anew"),
)
_DROPS = re.compile(r"^DROP\b", re.IGNORECASE)
_SQL = re.compile(
    r"(CREATE|ALTER|DROP|COMMENT|INSERT|UPDATE|DELETE|SELECT|WITH|DO|TRUNCATE|LOCK|CLUSTER|VACUUM|REINDEX|REFRESH|GRANT)\s",
    re.IGNORECASE,
)


class Script(NamedTuple):
    """What a migration says: the SQL of `op.execute`, of `online`, and the release since which nobody uses it."""

    own: tuple[str, ...]
    online: tuple[str, ...]
    unused_since: str | None


def script_of(source: str) -> Script:
    """Read a migration without running it: every text in it, whichever way it gets to `op.execute`."""
    module = ast.parse(source)
    named = {
        node.targets[0].id: node.value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    since = named.get("unused_since")
    told = since.value if isinstance(since, ast.Constant) and isinstance(since.value, str) else None
    online = tuple(_texts(named["online"])) if "online" in named else ()
    apart = set(online)
    own = tuple(text for text in _texts(module) if text not in apart and _SQL.match(_bare(text)))
    return Script(own, online, told)


def _texts(node: ast.AST) -> Iterator[str]:
    """The texts in it; what an f-string fills in is a name."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(each.value) if isinstance(each, ast.Constant) else "filled_in" for each in node.values)
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from _texts(child)


def _bare(text: str) -> str:
    return re.sub(r"--[^\n]*", "", text).strip()


def findings(source: str, *, out: frozenset[str] = frozenset()) -> list[str]:
    """What is wrong with a migration; `out` are the releases that people have."""
    script = script_of(source)
    may_drop = script.unused_since in out
    statements = [each for text in script.own for each in _statements(text)]
    own = {found.lower() for each in statements for found in _OWN.findall(each)}
    is_checked = any("VALIDATE CONSTRAINT" in each.upper() for each in statements)
    found = []
    for statement in statements:
        for rule, table in _broken(statement):
            if table in own or (may_drop and _DROPS.search(rule.pattern.removeprefix("^"))):
                continue
            if is_checked and "SET\\s+NOT\\s+NULL" in rule.pattern:
                continue
            found.append(f"{_short(statement)}: {rule.instead}")
    return found + [wrong for statement in script.online if (wrong := _wrong_online(statement)) is not None]


def _broken(statement: str) -> Iterator[tuple[Rule, str]]:
    for rule in _STATEMENTS:
        if match := re.search(rule.pattern, statement, re.IGNORECASE | re.DOTALL):
            yield rule, (match.groupdict().get("table") or "").lower()
    if altered := _ALTER.match(statement):
        for action in _split(altered["actions"], ","):
            yield from (
                (rule, altered["table"].lower())
                for rule in _ACTIONS
                if re.search(rule.pattern, action, re.IGNORECASE | re.DOTALL)
            )


def _wrong_online(statement: str) -> str | None:
    text = " ".join(statement.split())
    if re.match(r"(CREATE (UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS|DROP INDEX CONCURRENTLY IF EXISTS) ", text, re.I):
        return None
    if re.match(r"REINDEX .*CONCURRENTLY", text, re.I):
        return None
    if re.match(r"(UPDATE|DELETE) ", text, re.I):
        return None if re.search(r"\bLIMIT \d+", text, re.I) else f"{_short(statement)}: some rows at a time, LIMIT n"
    return f"{_short(statement)}: only indexes CONCURRENTLY IF NOT EXISTS, and UPDATEs of some rows, run online"


def _statements(text: str) -> list[str]:
    """The statements of a text, without comments; what stands in quotes, functions among it, is left whole."""
    return [" ".join(each.split()) for each in _split(_bare(text), ";") if each.strip()]


def _split(text: str, by: str) -> list[str]:
    """Parts between separators that stand in no brackets and no quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for place, sign in enumerate(text):
        if quote:
            quote = "" if text.startswith(quote, place) and place > start else quote
        elif sign == "'" or text.startswith("$$", place):
            quote = "'" if sign == "'" else "$$"
        elif sign in "()":
            depth += 1 if sign == "(" else -1
        elif sign == by and depth == 0:
            parts.append(text[start:place].strip())
            start = place + 1
    return [*parts, text[start:].strip()]


def _short(statement: str) -> str:
    text = " ".join(statement.split())
    return text if len(text) <= 90 else f"{text[:89]}…"
