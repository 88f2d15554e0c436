"""Referral programmes, codes, referrals, what their milestones gave, and what must be looked at again."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Everything hangs on raw person keys; the terms that held when a friend came are kept with the referral."""
    op.execute(
        """
        CREATE TABLE referral_programs (
            id uuid PRIMARY KEY,
            name text NOT NULL UNIQUE,
            terms jsonb NOT NULL,
            is_paused boolean NOT NULL DEFAULT false,
            starts_at timestamptz,
            ends_at timestamptz CHECK (ends_at > starts_at),
            created_at timestamptz NOT NULL,
            created_by text NOT NULL,
            updated_at timestamptz NOT NULL,
            updated_by text NOT NULL
        );
        CREATE TABLE referral_codes (
            code text PRIMARY KEY,
            program_id uuid NOT NULL REFERENCES referral_programs,
            person_id uuid NOT NULL,
            created_at timestamptz NOT NULL,
            UNIQUE (person_id, program_id)
        );
        COMMENT ON TABLE referral_codes IS 'made to be shared: whoever has one can only name its advocate';
        CREATE TABLE referral_signals (
            person_id uuid NOT NULL,
            kind text NOT NULL CHECK (kind IN ('household', 'address', 'payment', 'device', 'ip', 'name', 'email')),
            digest bytea NOT NULL,
            seen_at timestamptz NOT NULL,
            PRIMARY KEY (person_id, kind, digest)
        );
        CREATE INDEX referral_signals_digest ON referral_signals (digest, seen_at);
        CREATE TABLE referrals (
            id uuid PRIMARY KEY,
            program_id uuid NOT NULL REFERENCES referral_programs,
            terms jsonb NOT NULL,
            advocate_id uuid NOT NULL,
            friend_id uuid NOT NULL,
            code text NOT NULL,
            state text NOT NULL CHECK (state IN ('active', 'review', 'blocked', 'rejected')),
            reasons text[] NOT NULL,
            hindrance text CHECK (hindrance IN ('self', 'already_referred', 'cycle')),
            registered_at timestamptz NOT NULL,
            decided_at timestamptz,
            decided_by text,
            decision text,
            delay_days integer NOT NULL DEFAULT 0 CHECK (delay_days >= 0),
            UNIQUE (friend_id, advocate_id, program_id),
            CHECK (advocate_id <> friend_id OR state = 'blocked')
        );
        COMMENT ON COLUMN referrals.hindrance IS 'what a merge brought about, as long as it stands';
        CREATE UNIQUE INDEX referrals_one_referrer ON referrals (friend_id) WHERE state IN ('active', 'review');
        CREATE INDEX referrals_advocate ON referrals (advocate_id, registered_at DESC);
        CREATE INDEX referrals_listed ON referrals (registered_at, id);
        CREATE INDEX referrals_review ON referrals (registered_at, id) WHERE state = 'review';
        CREATE INDEX referrals_cycles ON referrals (id) WHERE hindrance = 'cycle';
        CREATE TABLE referral_milestones (
            referral_id uuid NOT NULL REFERENCES referrals,
            milestone text NOT NULL,
            state text NOT NULL CHECK (state IN ('review', 'held', 'paid', 'taken_back', 'lost')),
            qualified_at timestamptz,
            order_id text,
            due_at timestamptz,
            completed_at timestamptz,
            is_told boolean NOT NULL DEFAULT false,
            problem text,
            PRIMARY KEY (referral_id, milestone),
            CHECK (state NOT IN ('held', 'paid') OR due_at IS NOT NULL),
            CHECK (state NOT IN ('paid', 'taken_back') OR completed_at IS NOT NULL)
        );
        COMMENT ON COLUMN referral_milestones.completed_at IS 'when it was paid first: told of once, whatever comes';
        CREATE INDEX referral_milestones_due ON referral_milestones (due_at) WHERE state = 'held';
        CREATE INDEX referral_milestones_untold ON referral_milestones (referral_id) WHERE NOT is_told;
        CREATE TABLE referral_touchpoints (
            id uuid PRIMARY KEY,
            person_id uuid NOT NULL,
            name text NOT NULL,
            at timestamptz NOT NULL
        );
        COMMENT ON TABLE referral_touchpoints IS 'those that a milestone asked for when they came';
        CREATE INDEX referral_touchpoints_person ON referral_touchpoints (person_id);
        CREATE TABLE referral_queue (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            referral_id uuid NOT NULL
        );
        """
    )
