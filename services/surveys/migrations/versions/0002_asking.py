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


def upgrade() -> None:
    """Everything hangs on raw person keys, so a merge and an unmerge move no row."""
    for script in (_INVITATIONS,):
        op.execute(script)
