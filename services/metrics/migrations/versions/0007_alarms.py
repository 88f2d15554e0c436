"""Alarms that were raised and cleared."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables of alarms, and the watches a firm has from the start.

    Days are numbers of days since 1970-01-01. What is in them depends on when it was known, so they are no part of the
    projection. An arm is one direction of a watch: `document` is its path as of the last evaluation, which is not done
    again as long as `digest`, that of all it is made of, stays the same.
    """
    op.execute(
        """
        CREATE TABLE alarm_watches (
            id uuid PRIMARY KEY,
            name text NOT NULL,
            metric text COLLATE "C" NOT NULL
                CHECK (metric IN ('lapse', 'nps', 'csat', 'ces', 'subscriber_churn', 'mrr_churn')),
            window_days int,
            survey_id uuid,
            dimension text COLLATE "C",
            value text COLLATE "C",
            currency text COLLATE "C",
            direction text COLLATE "C" NOT NULL CHECK (direction IN ('worse', 'better', 'both')),
            change double precision NOT NULL CHECK (change > 0),
            arl0_days int NOT NULL,
            base_weeks int NOT NULL,
            base_from int,
            owner text,
            version int NOT NULL,
            changed_at timestamptz NOT NULL,
            changed_by text,
            is_removed boolean NOT NULL DEFAULT false,
            CHECK ((metric = 'lapse') = (window_days IS NOT NULL)),
            CHECK ((dimension IS NULL) = (value IS NULL)),
            CHECK (currency IS NULL OR metric = 'mrr_churn')
        );
        CREATE UNIQUE INDEX alarm_watches_name ON alarm_watches (name) WHERE NOT is_removed;
        CREATE TABLE alarm_arms (
            watch_id uuid NOT NULL REFERENCES alarm_watches,
            direction text COLLATE "C" NOT NULL CHECK (direction IN ('worse', 'better')),
            digest bytea NOT NULL,
            state text COLLATE "C" NOT NULL CHECK (state IN ('quiet', 'raised', 'cannot_say')),
            as_of int,
            statistic double precision,
            threshold double precision,
            evaluated_at timestamptz NOT NULL,
            document jsonb NOT NULL,
            PRIMARY KEY (watch_id, direction)
        );
        CREATE TABLE alarms (
            id uuid PRIMARY KEY,
            watch_id uuid NOT NULL REFERENCES alarm_watches,
            watch_version int NOT NULL,
            direction text COLLATE "C" NOT NULL CHECK (direction IN ('worse', 'better')),
            state text COLLATE "C" NOT NULL CHECK (state IN ('raised', 'cleared', 'withdrawn')),
            cause text COLLATE "C",
            change_day int NOT NULL,
            change_first int NOT NULL,
            change_last int NOT NULL,
            raised_day int NOT NULL,
            cleared_day int,
            raised_at timestamptz NOT NULL,
            revision int NOT NULL,
            evidence jsonb NOT NULL,
            acknowledged_at timestamptz,
            acknowledged_by text,
            note text,
            CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL))
        );
        CREATE INDEX alarms_watch ON alarms (watch_id, direction, change_day);
        CREATE INDEX alarms_newest ON alarms (raised_day DESC, id DESC);
        CREATE INDEX alarms_raised ON alarms (watch_id) WHERE state = 'raised';
        CREATE TABLE alarm_revisions (
            alarm_id uuid NOT NULL REFERENCES alarms,
            revision int NOT NULL,
            at timestamptz NOT NULL,
            what text COLLATE "C" NOT NULL,
            state text COLLATE "C" NOT NULL,
            cause text COLLATE "C",
            change_day int NOT NULL,
            change_first int NOT NULL,
            change_last int NOT NULL,
            raised_day int NOT NULL,
            cleared_day int,
            by text,
            note text,
            PRIMARY KEY (alarm_id, revision)
        );
        INSERT INTO alarm_watches
            (id, name, metric, window_days, direction, change, arl0_days, base_weeks, version, changed_at)
        VALUES
            ('0a1a0000-0000-5000-8000-000000000001', 'Lapsed after 30 days', 'lapse', 30, 'both', 3, 365, 26, 1, now()),
            ('0a1a0000-0000-5000-8000-000000000002', 'Lapsed after 90 days', 'lapse', 90, 'both', 3, 365, 26, 1, now()),
            ('0a1a0000-0000-5000-8000-000000000003', 'NPS', 'nps', NULL, 'both', 10, 365, 26, 1, now()),
            ('0a1a0000-0000-5000-8000-000000000004', 'CSAT', 'csat', NULL, 'both', 5, 365, 26, 1, now()),
            ('0a1a0000-0000-5000-8000-000000000005', 'CES', 'ces', NULL, 'both', 0.3, 365, 26, 1, now());
        """
    )
