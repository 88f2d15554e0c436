"""What people ask of their data, and what became of it."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Cases stay for ever, and name nobody; the names that an erasure looks for are kept until it is done."""
    op.execute(
        """
        CREATE TABLE rights_cases (
            id uuid PRIMARY KEY,
            kind text NOT NULL CHECK (kind IN
                ('access', 'rectification', 'restriction', 'objection', 'erasure', 'readmission')),
            jurisdiction text NOT NULL,
            customer_id uuid NOT NULL,
            keys uuid[] NOT NULL,
            purposes text[] NOT NULL DEFAULT '{}',
            asked_through text NOT NULL,
            verified_by text,
            recorded_by text NOT NULL,
            state text NOT NULL CHECK (state IN
                ('awaiting_proof', 'in_progress', 'awaiting_expiry', 'done', 'lifted', 'refused', 'closed')),
            reason text,
            received_at timestamptz NOT NULL,
            acknowledge_by timestamptz,
            acknowledged_at timestamptz,
            due_at timestamptz NOT NULL,
            extended_at timestamptz,
            rules text[] NOT NULL,
            slices int NOT NULL DEFAULT 0,
            ends jsonb,
            finished_at timestamptz,
            receipt text,
            signature bytea
        );
        COMMENT ON COLUMN rights_cases.keys IS 'the raw person keys there were, pseudonyms';
        COMMENT ON COLUMN rights_cases.acknowledged_at IS 'when the person was told that and how it is followed';
        COMMENT ON COLUMN rights_cases.rules IS 'ids of the dated rules that the deadlines follow';
        CREATE INDEX rights_cases_customer ON rights_cases USING gin (keys);
        CREATE INDEX rights_cases_received ON rights_cases (received_at DESC, id DESC);
        CREATE INDEX rights_cases_open ON rights_cases (due_at)
            WHERE state IN ('awaiting_proof', 'in_progress', 'awaiting_expiry');
        CREATE TABLE rights_progress (
            case_id uuid NOT NULL REFERENCES rights_cases (id),
            service text NOT NULL,
            step text NOT NULL CHECK (step IN ('at_once', 'done', 'cleaned')),
            slice int NOT NULL,
            at timestamptz NOT NULL,
            removed jsonb NOT NULL,
            kept jsonb NOT NULL,
            PRIMARY KEY (case_id, service, step, slice)
        );
        CREATE TABLE rights_names (
            case_id uuid PRIMARY KEY REFERENCES rights_cases (id),
            texts text[] NOT NULL
        );
        CREATE TABLE rights_bundles (
            case_id uuid NOT NULL REFERENCES rights_cases (id),
            service text NOT NULL,
            slice int NOT NULL,
            part int NOT NULL,
            parts int NOT NULL,
            document text NOT NULL,
            PRIMARY KEY (case_id, service, slice, part)
        );
        CREATE TABLE restrictions (
            customer_id uuid PRIMARY KEY,
            case_id uuid NOT NULL REFERENCES rights_cases (id),
            since timestamptz NOT NULL
        );
        COMMENT ON TABLE restrictions IS 'keys of people whose data are kept and not used';
        CREATE TABLE objections (
            customer_id uuid NOT NULL,
            purpose text NOT NULL,
            case_id uuid NOT NULL REFERENCES rights_cases (id),
            since timestamptz NOT NULL,
            PRIMARY KEY (customer_id, purpose)
        );
        CREATE TABLE consent_proofs (
            case_id uuid NOT NULL REFERENCES rights_cases (id),
            purpose text NOT NULL,
            channel text NOT NULL,
            granted boolean NOT NULL,
            event_time timestamptz NOT NULL,
            text_version text,
            digest bytea NOT NULL
        );
        COMMENT ON TABLE consent_proofs IS 'of words that were erased: a keyed hash proves one to who still has it';
        CREATE INDEX consent_proofs_case ON consent_proofs (case_id);
        """
    )
