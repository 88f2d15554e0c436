"""What was answered: responses, their revisions, tags and themes, the box of anonymous answers."""

from alembic import op

revision = "0003"
down_revision = "0002"

_RESPONSES = """
    CREATE TABLE responses (
        id uuid PRIMARY KEY,
        survey_id uuid NOT NULL,
        version integer NOT NULL,
        invitation_id uuid UNIQUE,
        reference text,
        person uuid,
        is_anonymous boolean NOT NULL,
        is_imported boolean NOT NULL DEFAULT false,
        state text NOT NULL CHECK (state IN ('started', 'partial', 'complete', 'withdrawn')),
        revision integer NOT NULL CHECK (revision >= 1),
        answers jsonb NOT NULL,
        score smallint,
        channel text NOT NULL,
        locale text NOT NULL,
        verification text NOT NULL CHECK (verification IN ('confirmed', 'inferred')),
        touchpoint text,
        stage text,
        staff_id text,
        weight double precision NOT NULL CHECK (weight > 0),
        answered_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        open_until timestamptz NOT NULL,
        language text,
        words tsvector,
        themes text[] NOT NULL DEFAULT '{}',
        themes_version integer NOT NULL,
        withdrawn_by text,
        withdrawn_reason text,
        UNIQUE (survey_id, reference),
        CHECK ((state = 'withdrawn') = (withdrawn_reason IS NOT NULL)),
        CHECK (NOT is_anonymous OR (invitation_id IS NULL AND person IS NULL AND reference IS NULL
            AND staff_id IS NULL AND answered_at = changed_at AND answered_at = open_until))
    ) WITH (fillfactor = 85);
    COMMENT ON COLUMN responses.reference IS 'by which whoever brought it knows it: a kiosk, a call centre, an import';
    COMMENT ON COLUMN responses.is_imported IS 'said long ago, and brought from another system: it opens no case';
    COMMENT ON COLUMN responses.score IS 'of the question that the survey is measured by';
    COMMENT ON COLUMN responses.answered_at IS 'when it was first said; of an anonymous one the day its box was opened';
    COMMENT ON COLUMN responses.open_until IS 'until when it may be changed; of an anonymous one never';
    COMMENT ON COLUMN responses.words IS 'what was written, folded: lower case, without diacritics';
    COMMENT ON COLUMN responses.themes_version IS 'of the rules that found the themes; 0: none looked yet';
    CREATE INDEX responses_by_time ON responses (answered_at DESC, id DESC);
    CREATE INDEX responses_by_survey ON responses (survey_id, answered_at DESC, id DESC);
    CREATE INDEX responses_person ON responses (person) WHERE person IS NOT NULL;
    CREATE INDEX responses_staff ON responses (staff_id, answered_at DESC, id DESC) WHERE staff_id IS NOT NULL;
    CREATE INDEX responses_words ON responses USING gin (words) WHERE words IS NOT NULL;
    CREATE INDEX responses_themes ON responses USING gin (themes) WHERE themes <> '{}';
    CREATE INDEX responses_unread ON responses (themes_version, id) WHERE words IS NOT NULL;
"""

_REVISIONS = """
    CREATE TABLE response_revisions (
        response_id uuid NOT NULL REFERENCES responses ON DELETE CASCADE,
        revision integer NOT NULL,
        state text NOT NULL,
        answers jsonb NOT NULL,
        verification text NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (response_id, revision)
    );
    COMMENT ON TABLE response_revisions IS 'what a response said before; what it says now stands in responses';
"""

_BOX = """
    CREATE TABLE ballots (
        id uuid PRIMARY KEY,
        survey_id uuid NOT NULL,
        version integer NOT NULL,
        sealed bytea NOT NULL
    );
    COMMENT ON TABLE ballots IS 'anonymous answers that wait for company, sealed under a key outside the database';
    CREATE INDEX ballots_survey ON ballots (survey_id, version);
    CREATE TABLE ballot_stubs (
        stub bytea PRIMARY KEY
    );
    COMMENT ON TABLE ballot_stubs IS 'that an invitation was used: a keyed hash, for there is nothing to be looked up';
"""

_TAGS = """
    CREATE TABLE response_tags (
        response_id uuid NOT NULL REFERENCES responses ON DELETE CASCADE,
        tag text NOT NULL,
        tagged_by text NOT NULL,
        tagged_at timestamptz NOT NULL,
        PRIMARY KEY (response_id, tag)
    );
    CREATE INDEX response_tags_tag ON response_tags (tag, response_id);
"""

_THEMES = """
    CREATE TABLE theme_rules (
        version integer PRIMARY KEY,
        rules jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        to_read bigint NOT NULL,
        read_again bigint NOT NULL DEFAULT 0,
        finished_at timestamptz
    );
    COMMENT ON COLUMN theme_rules.to_read IS 'responses with text that were there when the rules came';
"""


def upgrade() -> None:
    """Make the tables of responses."""
    for statement in (_RESPONSES, _REVISIONS, _BOX, _TAGS, _THEMES):
        op.execute(statement)
