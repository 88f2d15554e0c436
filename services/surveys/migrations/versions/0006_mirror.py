"""Waves in which staff answers as they think that customers would."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make waves, the links that let staff in, and answers that nothing leads to.

    An answer has no time, no sequence and a random id; a link that was used is deleted, not marked: no column of one
    table meets one of the other. `links` counts the one-time links made for each role. Only answers to an open wave
    can come in, and none changes: a trigger says so too.
    """
    op.execute(
        """
        CREATE TABLE mirror_waves (
            id uuid PRIMARY KEY,
            survey_id uuid NOT NULL,
            version int NOT NULL,
            name text NOT NULL,
            touchpoint text,
            stage text,
            period_from date NOT NULL,
            period_to date NOT NULL,
            roles text[] NOT NULL,
            asks_prediction boolean NOT NULL,
            opened_at timestamptz NOT NULL,
            opened_by text NOT NULL,
            closes_at timestamptz NOT NULL,
            results_visible_from timestamptz NOT NULL,
            closed_at timestamptz,
            shared_digest bytea UNIQUE,
            links jsonb NOT NULL DEFAULT '{}',
            CHECK (period_from <= period_to),
            CHECK (opened_at < closes_at)
        );
        CREATE INDEX mirror_waves_open ON mirror_waves (closes_at) WHERE closed_at IS NULL;
        CREATE TABLE mirror_links (
            digest bytea PRIMARY KEY,
            wave_id uuid NOT NULL REFERENCES mirror_waves (id),
            role text NOT NULL
        );
        CREATE INDEX mirror_links_wave ON mirror_links (wave_id);
        CREATE TABLE mirror_answers (
            id uuid PRIMARY KEY,
            wave_id uuid NOT NULL REFERENCES mirror_waves (id),
            role text NOT NULL,
            scores jsonb NOT NULL,
            predicted_nps smallint CHECK (predicted_nps BETWEEN -100 AND 100),
            is_shared boolean NOT NULL
        );
        CREATE INDEX mirror_answers_wave ON mirror_answers (wave_id);
        CREATE FUNCTION refuse_mirror_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP <> 'INSERT' THEN
                RAISE EXCEPTION 'an answer to a mirror wave does not change';
            END IF;
            PERFORM FROM mirror_waves WHERE id = NEW.wave_id AND closed_at IS NULL;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'the mirror wave is closed';
            END IF;
            RETURN NEW;
        END
        $$;
        CREATE TRIGGER mirror_answers_stay BEFORE INSERT OR UPDATE OR DELETE ON mirror_answers
            FOR EACH ROW EXECUTE FUNCTION refuse_mirror_change();
        """
    )
