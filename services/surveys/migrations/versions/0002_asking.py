"""Whom to ask, when: candidates, decisions, the contact budget, invitations."""

from alembic import op

revision = "0002"
down_revision = "0001"

_INVITATIONS = """
    CREATE TABLE invitations (
        id uuid PRIMARY KEY,
        survey_id uuid NOT NULL,
        version integer NOT NULL,
        person uuid NOT NULL,
        channel text NOT NULL CHECK (channel IN ('email', 'link', 'widget', 'api')),
        locale text NOT NULL,
        weight double precision NOT NULL CHECK (weight >= 1),
        wave integer NOT NULL,
        touchpoint text,
        stage text,
        staff_id text,
        order_id text,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        delivered_at timestamptz,
        answered_at timestamptz,
        is_anonymous boolean NOT NULL,
        expired_at timestamptz,
        CHECK (expires_at > created_at),
        CHECK (answered_at IS NULL OR NOT is_anonymous)
    ) WITH (fillfactor = 80);
    COMMENT ON COLUMN invitations.person IS 'the raw key that was asked; a person is the union over the keys of a root';
    CREATE INDEX invitations_person ON invitations (person, created_at);
    CREATE INDEX invitations_survey ON invitations (survey_id, created_at, id);
    CREATE INDEX invitations_open ON invitations (expires_at) WHERE expired_at IS NULL AND answered_at IS NULL;

    CREATE TABLE contacts (
        invitation_id uuid NOT NULL REFERENCES invitations ON DELETE CASCADE,
        number integer NOT NULL CHECK (number >= 0),
        person uuid NOT NULL,
        survey_id uuid NOT NULL,
        kind text NOT NULL,
        channel text NOT NULL,
        at timestamptz NOT NULL,
        is_counted boolean NOT NULL,
        PRIMARY KEY (invitation_id, number)
    );
    COMMENT ON TABLE contacts IS 'each time somebody was asked: number 0 is the invitation, the others are reminders';
    COMMENT ON COLUMN contacts.is_counted IS 'whether it counts against the contact budget';
    CREATE INDEX contacts_person ON contacts (person, at);
    CREATE INDEX contacts_at ON contacts (at);
"""

_POLICIES = """
    CREATE TABLE asking_policies (
        survey_id uuid NOT NULL,
        version integer NOT NULL CHECK (version > 0),
        is_current boolean NOT NULL,
        document jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        PRIMARY KEY (survey_id, version)
    );
    CREATE UNIQUE INDEX asking_policies_current ON asking_policies (survey_id) WHERE is_current;

    CREATE TABLE contact_rules (
        version integer PRIMARY KEY CHECK (version > 0),
        document jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL
    );
"""

_CANDIDATES = """
    CREATE TABLE candidates (
        id uuid PRIMARY KEY,
        survey_id uuid NOT NULL,
        person uuid NOT NULL,
        cause text NOT NULL CHECK (cause IN ('trigger', 'rolling', 'wave', 'manual', 'reminder')),
        cause_id text NOT NULL,
        wave integer NOT NULL,
        happened_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        stale_at timestamptz NOT NULL,
        source_id uuid,
        order_id text,
        touchpoint text,
        stage text,
        staff_id text,
        locale text,
        zone text,
        channel text,
        skips_sampling boolean NOT NULL,
        number integer NOT NULL CHECK (number >= 0),
        invitation_id uuid,
        reason text,
        detail text,
        decided_at timestamptz,
        policy_version integer,
        CONSTRAINT decided_with_a_reason CHECK (
            (reason IS NULL) = (decided_at IS NULL) AND (reason IS NULL) = (policy_version IS NULL)
        ),
        CONSTRAINT asked_is_invited CHECK (reason IS DISTINCT FROM 'asked' OR invitation_id IS NOT NULL),
        CHECK ((number > 0) = (cause = 'reminder'))
    ) WITH (fillfactor = 80);
    COMMENT ON TABLE candidates IS 'who was proposed to be asked, and the one decision about it';
    CREATE INDEX candidates_due ON candidates (due_at) WHERE reason IS NULL;
    CREATE INDEX candidates_person ON candidates (person, survey_id);
    CREATE INDEX candidates_survey ON candidates (survey_id, decided_at, id);
    CREATE INDEX candidates_reason ON candidates (survey_id, reason, decided_at, id);

    CREATE FUNCTION decisions_stay() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a decision is made once';
    END $$;
    CREATE TRIGGER candidates_stay BEFORE UPDATE OF reason, decided_at ON candidates
        FOR EACH ROW WHEN (OLD.reason IS NOT NULL) EXECUTE FUNCTION decisions_stay();

    CREATE TABLE asking_cancels (
        survey_id uuid NOT NULL,
        event_id uuid NOT NULL,
        person uuid NOT NULL,
        order_id text,
        at timestamptz NOT NULL,
        UNIQUE NULLS NOT DISTINCT (survey_id, event_id, order_id)
    );
    COMMENT ON TABLE asking_cancels IS 'facts that take candidates back: those of an order, or (none) of a person';
    CREATE INDEX asking_cancels_order ON asking_cancels (order_id, survey_id) WHERE order_id IS NOT NULL;
    CREATE INDEX asking_cancels_person ON asking_cancels (person, survey_id);
    CREATE INDEX asking_cancels_at ON asking_cancels (at);

    CREATE TABLE asking_sweeps (
        survey_id uuid NOT NULL,
        schedule_id text NOT NULL,
        number integer NOT NULL,
        place uuid,
        is_done boolean NOT NULL,
        PRIMARY KEY (survey_id, schedule_id)
    );
    COMMENT ON TABLE asking_sweeps IS 'how far the last round of a schedule has come: all keys up to place';
"""

_PEOPLE = """
    CREATE TABLE consents (
        person uuid NOT NULL,
        purpose text NOT NULL,
        channel text NOT NULL,
        version bigint NOT NULL,
        is_granted boolean NOT NULL,
        frequency_max integer,
        frequency_per text,
        expires_at timestamptz,
        PRIMARY KEY (person, purpose, channel)
    );
    CREATE INDEX consents_granted ON consents (purpose, channel, person) WHERE is_granted;

    CREATE TABLE segment_moves (
        customer uuid NOT NULL,
        segment_id uuid NOT NULL,
        at timestamptz NOT NULL,
        event_id uuid NOT NULL,
        is_entered boolean NOT NULL,
        PRIMARY KEY (customer, segment_id, at, event_id)
    );
    CREATE INDEX segment_moves_segment ON segment_moves (segment_id, customer);
"""


def upgrade() -> None:
    """Everything hangs on raw person keys, so a merge and an unmerge move no row."""
    for script in (_INVITATIONS, _POLICIES, _CANDIDATES, _PEOPLE):
        op.execute(script)
