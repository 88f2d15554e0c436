"""Surveys, their versions, the places of their quotas, the question bank."""

from alembic import op

revision = "0001"
down_revision = None

_SURVEYS = """
    CREATE TABLE surveys (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        draft jsonb,
        revision integer NOT NULL CHECK (revision > 0),
        version integer NOT NULL CHECK (version >= 0),
        closes_at timestamptz,
        quota bigint CHECK (quota > 0),
        closed_at timestamptz,
        closed_by text,
        library_key text,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        changed_at timestamptz NOT NULL,
        changed_by text NOT NULL,
        CHECK (version > 0 OR draft IS NOT NULL),
        CHECK ((closed_at IS NULL) = (closed_by IS NULL))
    ) WITH (fillfactor = 80);
    COMMENT ON COLUMN surveys.draft IS 'what was changed and not yet published; none: nothing was';
    COMMENT ON COLUMN surveys.revision IS 'counts every change that staff makes: what If-Match is of';
    COMMENT ON COLUMN surveys.version IS 'the one that is asked; 0: none. closes_at and quota are of it';
    CREATE INDEX surveys_open ON surveys (id) WHERE version > 0 AND closed_at IS NULL;

    CREATE TABLE survey_versions (
        survey_id uuid NOT NULL REFERENCES surveys,
        version integer NOT NULL CHECK (version > 0),
        document jsonb NOT NULL,
        note text NOT NULL,
        published_at timestamptz NOT NULL,
        published_by text NOT NULL,
        PRIMARY KEY (survey_id, version)
    );
    CREATE FUNCTION versions_stay() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'what was published never changes: publish another version';
    END $$;
    CREATE TRIGGER survey_versions_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON survey_versions
        FOR EACH STATEMENT EXECUTE FUNCTION versions_stay();
"""

_PLACES = """
    CREATE TABLE survey_completes (
        survey_id uuid NOT NULL REFERENCES surveys,
        slot smallint NOT NULL,
        answers bigint NOT NULL CHECK (answers >= 0),
        PRIMARY KEY (survey_id, slot)
    ) WITH (fillfactor = 50);
    COMMENT ON TABLE survey_completes IS 'complete answers, in slots that are added up, so that answers to a survey '
        'without a quota seldom wait for one another';
"""

_BANK = """
    CREATE TABLE bank_questions (
        id uuid PRIMARY KEY,
        name text NOT NULL UNIQUE,
        version integer NOT NULL CHECK (version > 0),
        is_retired boolean NOT NULL DEFAULT false,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        changed_at timestamptz NOT NULL,
        changed_by text NOT NULL
    );

    CREATE TABLE bank_versions (
        question_id uuid NOT NULL REFERENCES bank_questions,
        version integer NOT NULL CHECK (version > 0),
        content jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        PRIMARY KEY (question_id, version)
    );
    CREATE TRIGGER bank_versions_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_versions
        FOR EACH STATEMENT EXECUTE FUNCTION versions_stay();

    CREATE TABLE bank_uses (
        question_id uuid NOT NULL,
        version integer NOT NULL,
        survey_id uuid NOT NULL,
        survey_version integer NOT NULL,
        PRIMARY KEY (question_id, version, survey_id, survey_version),
        FOREIGN KEY (question_id, version) REFERENCES bank_versions,
        FOREIGN KEY (survey_id, survey_version) REFERENCES survey_versions
    );
    COMMENT ON TABLE bank_uses IS 'which version of a question of the bank stands in which version of a survey';
"""


def upgrade() -> None:
    """A version is a document that is stored once; what is live of a survey stands beside it."""
    for script in (_SURVEYS, _PLACES, _BANK):
        op.execute(script)
