"""API keys."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table of keys: of each only the digest of its secret is kept."""
    op.execute(
        """
        CREATE TABLE api_keys (
            id text PRIMARY KEY,
            kind text NOT NULL CHECK (kind IN ('secret', 'write')),
            name text NOT NULL,
            source text,
            scopes text[] NOT NULL DEFAULT '{}',
            allowed_origins text[] NOT NULL DEFAULT '{}',
            hash bytea NOT NULL CHECK (octet_length(hash) = 32),
            created_at timestamptz NOT NULL DEFAULT now(),
            last_used_at timestamptz,
            expires_at timestamptz,
            revoked_at timestamptz,
            replaced_by text REFERENCES api_keys (id),
            CHECK (kind = 'secret' OR (source IS NOT NULL AND scopes = '{}'))
        );
        """
    )
