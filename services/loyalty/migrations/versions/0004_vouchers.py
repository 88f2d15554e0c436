"""Voucher campaigns, codes, who holds them, failed tries."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """No code stands here in clear, but those that everybody may know (`codes.public_code`)."""
    _campaigns()
    _codes()
    _jobs()
    _imports()
    _throttle()


def _campaigns() -> None:
    op.execute(
        """
        CREATE TABLE campaigns (
            id uuid PRIMARY KEY,
            name text COLLATE "C" NOT NULL UNIQUE,
            codes text NOT NULL CHECK (codes IN ('unique', 'shared', 'automatic')),
            state text NOT NULL CHECK (state IN ('draft', 'active', 'paused', 'ended')),
            version integer NOT NULL CHECK (version >= 1),
            currency text NOT NULL,
            starts_at timestamptz,
            ends_at timestamptz,
            max_uses bigint CHECK (max_uses >= 1),
            redeemed bigint NOT NULL DEFAULT 0 CHECK (redeemed >= 0),
            reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
            budget_minor bigint CHECK (budget_minor >= 1),
            spent_minor bigint NOT NULL DEFAULT 0 CHECK (spent_minor >= 0),
            reserved_minor bigint NOT NULL DEFAULT 0 CHECK (reserved_minor >= 0),
            created_at timestamptz NOT NULL,
            CONSTRAINT campaigns_uses CHECK (redeemed + reserved <= max_uses),
            CONSTRAINT campaigns_budget CHECK (spent_minor + reserved_minor <= budget_minor),
            CONSTRAINT campaigns_schedule CHECK (starts_at < ends_at)
        ) WITH (fillfactor = 50);
        COMMENT ON COLUMN campaigns.ends_at IS 'the first moment when it is over: start of the day after ends_on';
        COMMENT ON COLUMN campaigns.redeemed IS 'uses that stand; reserved: uses that a live reservation holds';
        COMMENT ON COLUMN campaigns.spent_minor IS 'discounts that stand; reserved_minor: that a reservation holds';
        CREATE INDEX campaigns_automatic ON campaigns (id) WHERE codes = 'automatic' AND state = 'active';
        CREATE TABLE campaign_versions (
            campaign_id uuid NOT NULL REFERENCES campaigns,
            version integer NOT NULL,
            name text NOT NULL,
            description text NOT NULL,
            zone text NOT NULL,
            starts_on date,
            ends_on date,
            max_uses bigint,
            budget_minor bigint,
            terms jsonb NOT NULL,
            coding jsonb NOT NULL,
            created_at timestamptz NOT NULL,
            created_by text NOT NULL,
            PRIMARY KEY (campaign_id, version)
        );
        COMMENT ON COLUMN campaign_versions.zone IS 'of starts_on, ends_on (both included) and of hours in the rule';
        COMMENT ON COLUMN campaign_versions.coding IS 'how codes are made and assigned: prefix, length, days they hold';
        """
    )


def _codes() -> None:
    op.execute(
        """
        CREATE TABLE peppers (
            kid text PRIMARY KEY,
            first_used_at timestamptz NOT NULL
        );
        COMMENT ON TABLE peppers IS 'ids of the secrets that codes are hashed under; the secrets are not here';
        CREATE TABLE codes (
            id uuid PRIMARY KEY,
            campaign_id uuid NOT NULL,
            fingerprint bytea NOT NULL,
            kid text NOT NULL,
            last4 text NOT NULL,
            state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'frozen', 'voided')),
            max_uses integer CHECK (max_uses >= 1),
            redeemed integer NOT NULL DEFAULT 0 CHECK (redeemed >= 0),
            reserved integer NOT NULL DEFAULT 0 CHECK (reserved >= 0),
            value_minor bigint CHECK (value_minor >= 0),
            spent_minor bigint NOT NULL DEFAULT 0 CHECK (spent_minor >= 0),
            held_minor bigint NOT NULL DEFAULT 0 CHECK (held_minor >= 0),
            holder uuid,
            expires_at timestamptz,
            job_id uuid,
            created_at timestamptz NOT NULL,
            public_code text,
            sealed bytea,
            pool text CHECK (pool IN ('made', 'given')),
            version integer NOT NULL DEFAULT 0,
            CONSTRAINT codes_fingerprint UNIQUE (fingerprint),
            CONSTRAINT codes_uses CHECK (redeemed + reserved <= max_uses),
            CONSTRAINT codes_value CHECK (spent_minor + held_minor <= value_minor)
        ) WITH (fillfactor = 90);
        COMMENT ON COLUMN codes.fingerprint IS 'HMAC-SHA256 of the canonical code under the pepper kid, 128 bits';
        COMMENT ON COLUMN codes.version IS 'counts changes of its state, its value or its end, and being assigned';
        COMMENT ON COLUMN codes.holder IS 'raw person key it was assigned to';
        COMMENT ON COLUMN codes.public_code IS 'of a shared code, which everybody may know';
        COMMENT ON COLUMN codes.sealed IS 'the code under a key outside the database, while its holder may ask for it';
        COMMENT ON COLUMN codes.pool IS 'kept ready to be assigned: made ahead, or given by somebody; NULL: not so';
        CREATE INDEX codes_free ON codes (campaign_id, id) WHERE pool IS NOT NULL AND holder IS NULL;
        CREATE INDEX codes_made_ahead ON codes (campaign_id) WHERE pool = 'made';
        CREATE INDEX codes_of_campaign ON codes (campaign_id, id);
        CREATE INDEX codes_of_holder ON codes (holder, id) WHERE holder IS NOT NULL;
        CREATE TABLE code_loads (
            id uuid PRIMARY KEY,
            code_id uuid NOT NULL REFERENCES codes,
            amount_minor bigint NOT NULL CHECK (amount_minor > 0),
            loaded_at timestamptz NOT NULL,
            loaded_by text NOT NULL,
            reference text
        );
        COMMENT ON TABLE code_loads IS 'money put on gift cards after they were made';
        CREATE INDEX code_loads_of_code ON code_loads (code_id);
        CREATE TABLE code_shapes (
            prefix text NOT NULL,
            length integer NOT NULL,
            is_checked boolean NOT NULL,
            PRIMARY KEY (prefix, length, is_checked)
        );
        COMMENT ON TABLE code_shapes IS 'what codes look like that there are: others need not be looked for';
        CREATE TABLE assignments (
            id uuid PRIMARY KEY,
            campaign_id uuid NOT NULL,
            person uuid NOT NULL,
            key text COLLATE "C" NOT NULL,
            code_id uuid NOT NULL UNIQUE,
            assigned_at timestamptz NOT NULL,
            assigned_by text NOT NULL,
            CONSTRAINT assignments_key UNIQUE (campaign_id, key)
        );
        COMMENT ON COLUMN assignments.person IS 'raw person key';
        COMMENT ON COLUMN assignments.key IS 'names what it was assigned for: the same key never assigns twice';
        CREATE INDEX assignments_of_person ON assignments (person, campaign_id);
        """
    )


def _jobs() -> None:
    op.execute(
        """
        CREATE TABLE code_jobs (
            id uuid PRIMARY KEY,
            campaign_id uuid NOT NULL,
            wanted bigint NOT NULL CHECK (wanted >= 1),
            made bigint NOT NULL DEFAULT 0 CHECK (made >= 0 AND made <= wanted),
            value_minor bigint,
            expires_at timestamptz,
            state text NOT NULL CHECK (state IN ('waiting', 'done', 'cancelled')),
            prefix text NOT NULL,
            length integer NOT NULL,
            pattern text,
            charset text NOT NULL,
            has_check boolean NOT NULL,
            max_uses integer,
            kid text NOT NULL,
            sealed_key bytea,
            codes_until timestamptz NOT NULL,
            downloads integer NOT NULL DEFAULT 0,
            created_at timestamptz NOT NULL,
            created_by text NOT NULL,
            finished_at timestamptz
        );
        COMMENT ON COLUMN code_jobs.sealed_key IS 'the key of its batches, under a key outside the database; '
            'gone when the codes were taken or codes_until has passed, and nothing reads the batches any more';
        CREATE INDEX code_jobs_of_campaign ON code_jobs (campaign_id, id);
        CREATE INDEX code_jobs_waiting ON code_jobs (id) WHERE state = 'waiting';
        CREATE INDEX code_jobs_sealed ON code_jobs (codes_until) WHERE sealed_key IS NOT NULL;
        CREATE TABLE code_batches (
            job_id uuid NOT NULL REFERENCES code_jobs,
            number integer NOT NULL,
            sealed bytea NOT NULL,
            PRIMARY KEY (job_id, number)
        );
        """
    )


def _imports() -> None:
    op.execute(
        """
        CREATE TABLE code_imports (
            id uuid PRIMARY KEY,
            campaign_id uuid NOT NULL,
            key text COLLATE "C" UNIQUE,
            asked bytea NOT NULL,
            is_dry_run boolean NOT NULL,
            to_assign boolean NOT NULL,
            state text NOT NULL CHECK (state IN ('running', 'interrupted', 'failed', 'done', 'abandoned')),
            problem text,
            rows bigint NOT NULL CHECK (rows = imported + refused),
            imported bigint NOT NULL CHECK (imported >= 0),
            refused bigint NOT NULL CHECK (refused >= 0),
            reasons jsonb NOT NULL,
            digest bytea NOT NULL,
            created_at timestamptz NOT NULL,
            created_by text NOT NULL,
            changed_at timestamptz NOT NULL,
            finished_at timestamptz,
            CHECK ((state = 'running') = (finished_at IS NULL)),
            CHECK (problem IS NULL OR state IN ('interrupted', 'failed', 'abandoned'))
        );
        COMMENT ON TABLE code_imports IS 'files of codes: how far each is read; no part of any file is kept';
        COMMENT ON COLUMN code_imports.digest IS 'of all rows that were read, keyed: they are compared when sent again';
        CREATE INDEX code_imports_of_campaign ON code_imports (campaign_id, id);
        CREATE INDEX code_imports_running ON code_imports (changed_at) WHERE state = 'running';
        CREATE TABLE code_import_refusals (
            import_id uuid NOT NULL REFERENCES code_imports,
            line bigint NOT NULL,
            reason text NOT NULL,
            PRIMARY KEY (import_id, line)
        );
        CREATE TABLE code_import_seen (
            import_id uuid NOT NULL REFERENCES code_imports,
            fingerprint bytea NOT NULL,
            PRIMARY KEY (import_id, fingerprint)
        );
        COMMENT ON TABLE code_import_seen IS 'keyed hashes that a dry run came across, until it ends';
        """
    )


def _throttle() -> None:
    op.execute(
        """
        CREATE TABLE throttle_buckets (
            bucket text PRIMARY KEY,
            tokens double precision NOT NULL,
            filled_at timestamptz NOT NULL
        ) WITH (fillfactor = 70);
        COMMENT ON TABLE throttle_buckets IS 'tokens left for failures; bucket is a keyed hash of who fails';
        """
    )
