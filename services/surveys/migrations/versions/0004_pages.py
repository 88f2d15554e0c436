"""Links, intents of one-click scores, what scanners did, mail to send."""

from alembic import op

revision = "0004"
down_revision = "0003"

_CLICKS = """
    CREATE TABLE score_intents (
        id uuid PRIMARY KEY,
        invitation_id uuid NOT NULL REFERENCES invitations ON DELETE CASCADE,
        person uuid NOT NULL,
        at timestamptz NOT NULL,
        question_id text,
        score smallint,
        method text NOT NULL CHECK (method IN ('GET', 'HEAD')),
        address bytea NOT NULL,
        agent bytea NOT NULL,
        signals text[] NOT NULL,
        CHECK ((question_id IS NULL) = (score IS NULL))
    );
    COMMENT ON TABLE score_intents IS 'fetched links of mails, appended only; none of them is an answer';
    COMMENT ON COLUMN score_intents.score IS 'null: the link that nobody sees was fetched';
    COMMENT ON COLUMN score_intents.address IS 'a keyed hash; the key is not in the database';
    COMMENT ON COLUMN score_intents.agent IS 'a keyed hash; the key is not in the database';
    CREATE INDEX score_intents_invitation ON score_intents (invitation_id, at);
    CREATE INDEX score_intents_at ON score_intents (at);
    CREATE INDEX score_intents_person ON score_intents (person);

    CREATE TABLE intent_judgements (
        invitation_id uuid PRIMARY KEY REFERENCES invitations ON DELETE CASCADE,
        survey_id uuid NOT NULL,
        person uuid NOT NULL,
        verdict text NOT NULL CHECK (verdict IN ('clean', 'doubtful', 'machine')),
        reasons text[] NOT NULL,
        question_id text,
        score smallint,
        last_at timestamptz NOT NULL,
        clicks integer NOT NULL CHECK (clicks > 0),
        judged_at timestamptz NOT NULL,
        settled_at timestamptz
    );
    COMMENT ON TABLE intent_judgements IS 'what the clicks of an invitation came to, when they were last looked at';
    COMMENT ON COLUMN intent_judgements.settled_at IS 'when an answer was inferred, or it was found that none can be';
    CREATE INDEX intent_judgements_survey ON intent_judgements (survey_id, verdict);
    CREATE INDEX intent_judgements_open ON intent_judgements (survey_id, last_at)
        WHERE verdict = 'clean' AND settled_at IS NULL;
    CREATE INDEX intent_judgements_person ON intent_judgements (person);

    CREATE TABLE click_policies (
        survey_id uuid PRIMARY KEY,
        infer_after_seconds integer CHECK (infer_after_seconds > 0),
        changed_at timestamptz NOT NULL,
        changed_by text NOT NULL
    );
    COMMENT ON COLUMN click_policies.infer_after_seconds IS 'null: a click that nobody confirms stays a click';
"""

_WIDGET = """
    CREATE TABLE widget_dismissals (
        invitation_id uuid PRIMARY KEY REFERENCES invitations ON DELETE CASCADE,
        at timestamptz NOT NULL
    );
    COMMENT ON TABLE widget_dismissals IS 'invitations that somebody closed in a shop: they are not shown again';
"""

_MAILS = """
    CREATE TABLE mails (
        invitation_id uuid NOT NULL REFERENCES invitations ON DELETE CASCADE,
        number integer NOT NULL,
        person uuid NOT NULL,
        state text NOT NULL CHECK (state IN
            ('waiting', 'claimed', 'transmitting', 'accepted', 'unknown', 'rejected', 'suppressed', 'expired')),
        reason text,
        attempts integer NOT NULL DEFAULT 0,
        next_at timestamptz NOT NULL,
        claim uuid,
        expires_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (invitation_id, number),
        CHECK ((state IN ('claimed', 'transmitting')) = (claim IS NOT NULL))
    ) WITH (fillfactor = 80);
    COMMENT ON TABLE mails IS 'contacts that leave by mail; the address is asked for at the moment of sending';
    COMMENT ON COLUMN mails.next_at IS 'when to try; of a claimed or transmitting one, when its sender is given up';
    COMMENT ON COLUMN mails.state IS 'transmitting begins before DATA: found so after a crash it is unknown';
    CREATE INDEX mails_due ON mails (next_at) WHERE state IN ('waiting', 'claimed', 'transmitting');
    CREATE INDEX mails_person ON mails (person);

    CREATE TABLE mail_suppressions (
        person uuid NOT NULL,
        address bytea NOT NULL,
        reason text NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (person, address)
    );
    CREATE INDEX mail_suppressions_address ON mail_suppressions (address);
    COMMENT ON COLUMN mail_suppressions.address IS 'a keyed hash: another address of the same person is tried';
"""


def upgrade() -> None:
    """Everything hangs on raw person keys, so a merge and an unmerge move no row."""
    for script in (_CLICKS, _WIDGET, _MAILS):
        op.execute(script)
