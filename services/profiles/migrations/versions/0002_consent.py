"""What customers allow: every word they said on it, the texts they were shown, and what was announced last."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Words hang on the raw person key they were said under, and are never changed."""
    op.execute(
        """
        CREATE TABLE consent_words (
            id uuid PRIMARY KEY,
            customer_id uuid NOT NULL,
            purpose text NOT NULL,
            channel text NOT NULL,
            granted boolean NOT NULL,
            event_time timestamptz NOT NULL,
            recorded_at timestamptz NOT NULL,
            source text NOT NULL,
            recorded_by text NOT NULL,
            text_version text,
            frequency_max integer CHECK (frequency_max > 0),
            frequency_per text CHECK (frequency_per IN ('day', 'week', 'month')),
            expires_at timestamptz CHECK (expires_at > event_time),
            proof jsonb,
            CHECK ((frequency_max IS NULL) = (frequency_per IS NULL)),
            CHECK (granted OR (frequency_max IS NULL AND expires_at IS NULL))
        );
        COMMENT ON COLUMN consent_words.granted IS 'false: withdrawn';
        COMMENT ON COLUMN consent_words.source IS 'where it was said; recorded_by: who told us';
        -- The order of words: of two at one moment the withdrawal comes later, and wins.
        CREATE INDEX consent_words_latest ON consent_words
            (customer_id, purpose, channel, event_time DESC, granted, id DESC);
        CREATE INDEX consent_words_history ON consent_words (customer_id, event_time DESC, id DESC);
        CREATE FUNCTION consent_words_stay() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'what was said on consent, and the text shown, are never changed: add new ones';
        END $$;
        CREATE TRIGGER consent_words_stay BEFORE UPDATE ON consent_words
            FOR EACH ROW EXECUTE FUNCTION consent_words_stay();
        CREATE TABLE consent_texts (
            version text PRIMARY KEY,
            locale text NOT NULL,
            body text NOT NULL,
            published_at timestamptz NOT NULL,
            published_by text NOT NULL
        );
        CREATE INDEX consent_texts_published ON consent_texts (published_at DESC, version DESC);
        CREATE TRIGGER consent_texts_stay BEFORE UPDATE ON consent_texts
            FOR EACH ROW EXECUTE FUNCTION consent_words_stay();
        CREATE TABLE consent_announced (
            customer_id uuid NOT NULL,
            purpose text NOT NULL,
            channel text NOT NULL,
            state text NOT NULL CHECK (state IN ('granted', 'withdrawn', 'none')),
            text_version text,
            frequency_max integer,
            frequency_per text,
            expires_at timestamptz,
            version bigint NOT NULL,
            PRIMARY KEY (customer_id, purpose, channel)
        );
        COMMENT ON TABLE consent_announced IS 'what followers were told of each person last';
        """
    )
