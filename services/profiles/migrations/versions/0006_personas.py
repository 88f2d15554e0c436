"""Personas: what holds, and everything that was said in each version."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """`personas` points at the version that holds; a version is never changed."""
    op.execute(
        """
        CREATE TABLE personas (
            key text COLLATE "C" PRIMARY KEY,
            version int NOT NULL CHECK (version > 0),
            status text NOT NULL CHECK (status IN ('draft', 'active', 'retired')),
            segment_id uuid NOT NULL,
            created_at timestamptz NOT NULL
        );
        COMMENT ON COLUMN personas.segment_id IS 'may be of a segment that was deleted since: then nobody belongs';
        CREATE INDEX personas_segment ON personas (segment_id) WHERE status = 'active';
        CREATE TABLE persona_versions (
            key text COLLATE "C" NOT NULL REFERENCES personas (key),
            version int NOT NULL,
            content jsonb NOT NULL,
            note text NOT NULL,
            changed_at timestamptz NOT NULL,
            changed_by text NOT NULL,
            PRIMARY KEY (key, version)
        );
        CREATE TABLE segment_feelings (
            segment_id uuid NOT NULL,
            metric text NOT NULL,
            definition text NOT NULL,
            value_hundredths bigint NOT NULL,
            low_hundredths bigint NOT NULL,
            high_hundredths bigint NOT NULL,
            n bigint NOT NULL,
            days int NOT NULL,
            as_of date NOT NULL,
            told_at timestamptz NOT NULL,
            PRIMARY KEY (segment_id, metric)
        );
        COMMENT ON TABLE segment_feelings IS 'how content the people of a segment are, as metrics told last';
        CREATE TABLE segment_outlooks (
            segment_id uuid PRIMARY KEY,
            customers bigint NOT NULL,
            lapsed_hundredths int NOT NULL,
            lapsed_low_hundredths int NOT NULL,
            lapsed_high_hundredths int NOT NULL,
            lapse_days int NOT NULL,
            valued bigint NOT NULL,
            currency text,
            churn_risk_hundredths int NOT NULL,
            clv_minor bigint NOT NULL,
            clv_low_minor bigint NOT NULL,
            clv_high_minor bigint NOT NULL,
            horizon_days int NOT NULL,
            as_of date NOT NULL,
            told_at timestamptz NOT NULL
        );
        COMMENT ON TABLE segment_outlooks IS
            'who of a segment has lapsed, and what the others will bring, as metrics told last';
        CREATE FUNCTION persona_versions_stay() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'a version of a persona is never changed: add a new one';
        END $$;
        CREATE TRIGGER persona_versions_stay BEFORE UPDATE ON persona_versions
            FOR EACH ROW EXECUTE FUNCTION persona_versions_stay();
        """
    )
