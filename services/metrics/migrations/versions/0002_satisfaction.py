"""Answers as facts, and what they come to: scores by day, answers that a later one follows, and who was asked."""

from alembic import op

revision = "0002"
down_revision = "0001"

_SCORES = ", ".join(f"c{score} int NOT NULL" for score in range(11))


def upgrade() -> None:
    """Make the tables of satisfaction.

    Days are numbers of days since 1970-01-01; where `is_month`, they are first days of months. `c0` to `c10` count
    answers of a score. Weights are whole thousandths, so that sums of them are exact and can be taken back. A slot is
    an item (a question of a version of a survey) and a value of a dimension, by a number that follows from them: rows
    that are written by the thousand would else say all three again and again.
    """
    op.execute(
        f"""
        CREATE TABLE survey_versions (
            survey_id uuid NOT NULL,
            version int NOT NULL,
            purpose text NOT NULL,
            touchpoint text,
            stage text,
            is_anonymous boolean NOT NULL,
            questions jsonb NOT NULL,
            PRIMARY KEY (survey_id, version)
        );
        CREATE TABLE survey_answers (
            response_id uuid PRIMARY KEY,
            revision int NOT NULL,
            customer uuid NOT NULL,
            at timestamptz NOT NULL,
            survey_id uuid NOT NULL,
            version int NOT NULL,
            state text COLLATE "C" NOT NULL,
            is_inferred boolean NOT NULL,
            channel text COLLATE "C" NOT NULL,
            locale text COLLATE "C" NOT NULL,
            touchpoint text COLLATE "C" NOT NULL,
            stage text COLLATE "C" NOT NULL,
            staff text COLLATE "C" NOT NULL,
            weight int NOT NULL,
            questions text[] NOT NULL,
            scores int[] NOT NULL,
            CHECK (cardinality(questions) = cardinality(scores))
        ) WITH (fillfactor = 90);
        CREATE INDEX survey_answers_customer ON survey_answers (customer, survey_id);
        CREATE INDEX survey_answers_survey ON survey_answers (survey_id, at);
        CREATE TABLE survey_asks (
            invitation_id uuid PRIMARY KEY,
            customer uuid NOT NULL,
            survey_id uuid NOT NULL,
            channel text COLLATE "C" NOT NULL,
            touchpoint text COLLATE "C" NOT NULL,
            stage text COLLATE "C" NOT NULL,
            staff text COLLATE "C" NOT NULL,
            invited_at timestamptz,
            is_delivered boolean NOT NULL,
            is_expired boolean NOT NULL,
            revision int NOT NULL,
            state text COLLATE "C" NOT NULL
        ) WITH (fillfactor = 70);
        CREATE INDEX survey_asks_customer ON survey_asks (customer);
        CREATE TABLE survey_cases (
            case_id uuid PRIMARY KEY,
            version int NOT NULL,
            status text COLLATE "C" NOT NULL
        );
        CREATE INDEX survey_cases_open ON survey_cases (status) WHERE status <> 'closed';
        CREATE TABLE segment_members (
            customer uuid NOT NULL,
            segment_id uuid NOT NULL,
            PRIMARY KEY (customer, segment_id)
        );
        CREATE TABLE personas (
            key text COLLATE "C" PRIMARY KEY,
            version int NOT NULL,
            segment_id uuid NOT NULL,
            status text COLLATE "C" NOT NULL
        );
        CREATE TABLE score_slots (
            slot bigint PRIMARY KEY,
            item uuid NOT NULL,
            dimension text COLLATE "C" NOT NULL,
            value text COLLATE "C" NOT NULL
        );
        CREATE INDEX score_slots_item ON score_slots (item, dimension, value);
        CREATE TABLE score_days (
            slot bigint NOT NULL,
            is_month boolean NOT NULL,
            day int NOT NULL,
            kind smallint NOT NULL,
            weight int NOT NULL,
            {_SCORES},
            PRIMARY KEY (slot, is_month, day, kind, weight)
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE score_followed (
            slot bigint NOT NULL,
            is_month boolean NOT NULL,
            day int NOT NULL,
            next_day int NOT NULL,
            modes smallint NOT NULL,
            weight int NOT NULL,
            {_SCORES},
            PRIMARY KEY (slot, is_month, day, next_day, modes, weight)
        ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
        CREATE INDEX score_followed_next ON score_followed (slot, is_month, next_day);
        CREATE TABLE ask_days (
            survey_id uuid NOT NULL,
            dimension text COLLATE "C" NOT NULL,
            value text COLLATE "C" NOT NULL,
            is_month boolean NOT NULL,
            day int NOT NULL,
            invited int NOT NULL,
            delivered int NOT NULL,
            expired int NOT NULL,
            responded int NOT NULL,
            completed int NOT NULL,
            PRIMARY KEY (survey_id, dimension, is_month, day, value)
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE ces_formulas (
            survey_id uuid PRIMARY KEY,
            formula text NOT NULL
        );
        CREATE TABLE yardsticks (
            kind text COLLATE "C" NOT NULL CHECK (kind IN ('benchmark', 'target')),
            metric text COLLATE "C" NOT NULL,
            name text COLLATE "C" NOT NULL,
            value double precision NOT NULL,
            source text,
            owner text,
            dated date NOT NULL,
            PRIMARY KEY (kind, metric, name)
        );
        CREATE TABLE satisfaction_told (
            metric text COLLATE "C" NOT NULL,
            segment text COLLATE "C" NOT NULL,
            definition text NOT NULL,
            value int NOT NULL,
            n int NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (metric, segment)
        );
        """
    )
