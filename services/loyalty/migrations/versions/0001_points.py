"""The programme, the ledger: transactions, wallets, lots, allocations, holds."""

from alembic import op

revision = "0001"
down_revision = None

_PROGRAM = """
    CREATE TABLE programs (
        key text PRIMARY KEY,
        labels jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL
    );
    COMMENT ON TABLE programs IS 'those beside the main one, which is always there';

    CREATE TABLE program_phases (
        program text NOT NULL,
        at timestamptz NOT NULL,
        state text NOT NULL CHECK (state IN ('active', 'paused', 'archived')),
        by text NOT NULL,
        PRIMARY KEY (program, at)
    );

    CREATE TABLE program_versions (
        program text NOT NULL DEFAULT 'main',
        version integer NOT NULL,
        status text NOT NULL CHECK (status IN ('draft', 'active', 'withdrawn')),
        effective_at timestamptz,
        terms jsonb NOT NULL,
        note text NOT NULL,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        changed_at timestamptz NOT NULL,
        changed_by text NOT NULL,
        PRIMARY KEY (program, version),
        CHECK (status <> 'active' OR effective_at IS NOT NULL)
    );
    CREATE UNIQUE INDEX program_versions_effective ON program_versions (program, effective_at) WHERE status = 'active';
"""

_WALLETS = """
    CREATE TABLE wallets (
        id uuid PRIMARY KEY,
        person_id uuid NOT NULL,
        name text NOT NULL,
        opened_at timestamptz NOT NULL,
        available bigint NOT NULL CHECK (available >= 0),
        pending bigint NOT NULL CHECK (pending >= 0),
        held bigint NOT NULL CHECK (held >= 0),
        debt bigint NOT NULL CHECK (debt >= 0),
        version bigint NOT NULL CHECK (version >= 0),
        hash bytea NOT NULL,
        UNIQUE (person_id, name),
        CHECK (debt = 0 OR available = 0)
    ) WITH (fillfactor = 80);
    COMMENT ON TABLE wallets IS 'the points of one raw person key; the ledger hangs on the id, so a key can be renamed';
    COMMENT ON COLUMN wallets.version IS 'that of its last transaction; hash: of all of them, one hashed into the next';
"""

_LEDGER = """
    CREATE TABLE transactions (
        id uuid PRIMARY KEY,
        wallet_id uuid NOT NULL REFERENCES wallets,
        version bigint NOT NULL CHECK (version > 0),
        kind text NOT NULL,
        account text,
        points bigint NOT NULL,
        available bigint NOT NULL,
        pending bigint NOT NULL,
        held bigint NOT NULL,
        debt bigint NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        operation text,
        source text,
        reason text NOT NULL,
        reference text,
        actor text,
        hash bytea NOT NULL,
        UNIQUE (wallet_id, version),
        CONSTRAINT postings_sum_to_zero CHECK (points + available + pending + held - debt = 0),
        CHECK ((account IS NULL) = (points = 0))
    );
    COMMENT ON TABLE transactions IS 'double entry: a change of the four balances of a wallet against one account of '
        'the programme, in one row, so that no posting can ever stand without its counterpart';
    CREATE INDEX transactions_operation ON transactions (operation) WHERE operation IS NOT NULL;

    CREATE VIEW postings AS
        SELECT t.id AS transaction_id, t.wallet_id, p.account, p.points
        FROM transactions AS t, LATERAL (VALUES
            ('available', t.available), ('pending', t.pending), ('held', t.held), ('debt', -t.debt),
            (t.account, t.points)
        ) AS p (account, points)
        WHERE p.points <> 0;

    CREATE TABLE lots (
        id uuid PRIMARY KEY,
        wallet_id uuid NOT NULL REFERENCES wallets,
        kind text NOT NULL,
        source text NOT NULL,
        reference text,
        points bigint NOT NULL CHECK (points > 0),
        remaining bigint NOT NULL,
        earned_at timestamptz NOT NULL,
        active_at timestamptz,
        is_active boolean NOT NULL,
        expires_on date,
        zone text,
        expires_at timestamptz,
        slides boolean NOT NULL,
        origin_id uuid,
        CHECK (remaining BETWEEN 0 AND points),
        CHECK ((expires_on IS NULL) = (zone IS NULL)),
        CHECK (expires_on IS NULL OR expires_at IS NOT NULL)
    ) WITH (fillfactor = 80);
    COMMENT ON COLUMN lots.active_at IS 'none: the points wait for a word';
    COMMENT ON COLUMN lots.expires_at IS 'the moment from which they do not count: the end of the local day expires_on';
    COMMENT ON COLUMN lots.slides IS 'whether activity in the wallet moves the end';
    COMMENT ON COLUMN lots.origin_id IS 'the lot of another wallet that these points were transferred from';
    CREATE INDEX lots_wallet_source ON lots (wallet_id, source);
    CREATE INDEX lots_open ON lots (wallet_id) WHERE remaining > 0;
    CREATE INDEX lots_to_activate ON lots (active_at) WHERE NOT is_active AND remaining > 0;
    CREATE INDEX lots_to_expire ON lots (expires_at) WHERE remaining > 0;

    CREATE TABLE allocations (
        transaction_id uuid NOT NULL REFERENCES transactions,
        lot_id uuid NOT NULL REFERENCES lots,
        of_id uuid NOT NULL REFERENCES transactions,
        points bigint NOT NULL CHECK (points <> 0),
        PRIMARY KEY (transaction_id, lot_id, of_id)
    );
    COMMENT ON TABLE allocations IS 'points drawn from a lot, or (negative) returned; of_id: the transaction that '
        'drew them, itself or an earlier one';
    CREATE INDEX allocations_lot ON allocations (lot_id);
    CREATE INDEX allocations_of ON allocations (of_id);

    CREATE TABLE sources (
        wallet_id uuid NOT NULL REFERENCES wallets,
        source text NOT NULL,
        points bigint NOT NULL CHECK (points >= 0),
        uncollected bigint NOT NULL CHECK (uncollected >= 0),
        PRIMARY KEY (wallet_id, source)
    ) WITH (fillfactor = 80);
    COMMENT ON TABLE sources IS 'what an order under a rule, or the like, has earned as things stand';
    COMMENT ON COLUMN sources.uncollected IS 'of what should have been taken back, what was not';

    CREATE FUNCTION ledger_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the ledger is never changed: post the inverse';
    END $$;
    CREATE TRIGGER transactions_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON transactions
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_stays();
    CREATE TRIGGER allocations_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON allocations
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_stays();
    CREATE TRIGGER lots_stay BEFORE DELETE OR TRUNCATE ON lots FOR EACH STATEMENT EXECUTE FUNCTION ledger_stays();
"""

_HOLDS = """
    CREATE TABLE holds (
        id uuid PRIMARY KEY,
        person_id uuid NOT NULL,
        wallet text NOT NULL,
        points bigint NOT NULL CHECK (points > 0),
        captured bigint NOT NULL DEFAULT 0 CHECK (captured BETWEEN 0 AND points),
        state text NOT NULL CHECK (state IN ('open', 'captured', 'released', 'expired')),
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        ended_at timestamptz,
        version integer NOT NULL DEFAULT 1 CHECK (version > 0),
        CHECK ((state = 'open') = (ended_at IS NULL)),
        CHECK (captured = 0 OR state = 'captured')
    ) WITH (fillfactor = 80);
    CREATE INDEX holds_open ON holds (expires_at) WHERE state = 'open';
    CREATE INDEX holds_person ON holds (person_id) WHERE state = 'open';
"""

_REQUESTS = """
    CREATE TABLE adjustments (
        id uuid PRIMARY KEY,
        person_id uuid NOT NULL,
        wallet text NOT NULL,
        points bigint NOT NULL CHECK (points <> 0),
        reason text NOT NULL,
        note text,
        reference text,
        expires_at timestamptz,
        state text NOT NULL CHECK (state IN ('waiting', 'posted', 'refused')),
        asked_at timestamptz NOT NULL,
        asked_by text NOT NULL,
        decided_at timestamptz,
        decided_by text,
        CHECK ((state = 'waiting') = (decided_by IS NULL))
    );
    CREATE INDEX adjustments_waiting ON adjustments (id) WHERE state = 'waiting';
    CREATE INDEX adjustments_person ON adjustments (person_id);
    COMMENT ON COLUMN adjustments.note IS 'words of people, perhaps personal: they stand in no ledger and no event';

    CREATE TABLE transfers (
        id uuid PRIMARY KEY,
        sender_id uuid NOT NULL,
        recipient_id uuid NOT NULL,
        wallet text NOT NULL,
        points bigint NOT NULL CHECK (points > 0),
        fee bigint NOT NULL CHECK (fee >= 0 AND fee <= points),
        day date NOT NULL,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL
    );
    CREATE INDEX transfers_sender ON transfers (sender_id, wallet, day);
    CREATE INDEX transfers_recipient ON transfers (recipient_id);

    CREATE TABLE expiry_notices (
        wallet_id uuid NOT NULL REFERENCES wallets,
        expires_at timestamptz NOT NULL,
        days integer NOT NULL,
        PRIMARY KEY (wallet_id, expires_at, days)
    );
    COMMENT ON TABLE expiry_notices IS 'of which ends members were told, and how many days before';

    CREATE TABLE invariant_findings (
        name text PRIMARY KEY,
        violations bigint,
        examples jsonb NOT NULL,
        checked_at timestamptz NOT NULL,
        seconds double precision NOT NULL
    );

    CREATE TABLE points_standing (
        wallet text NOT NULL,
        standing text NOT NULL CHECK (standing IN ('available', 'pending', 'held', 'debt')),
        points bigint NOT NULL CHECK (points >= 0),
        counted_at timestamptz NOT NULL,
        PRIMARY KEY (wallet, standing)
    );
    COMMENT ON TABLE points_standing IS 'what all members have together, as it was counted last';
"""


def upgrade() -> None:
    """Everything hangs on raw person keys, so a merge and an unmerge move no row."""
    for script in (_PROGRAM, _WALLETS, _LEDGER, _HOLDS, _REQUESTS):
        op.execute(script)
