"""The closed loop: cases, owners, clocks, steps, notes, and what was changed because of them."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Everything hangs on raw person keys. No number counts across cases, and texts stand apart from the history."""
    op.execute(
        """
        CREATE TABLE case_policies (
            version integer PRIMARY KEY,
            document jsonb NOT NULL,
            created_at timestamptz NOT NULL,
            created_by text NOT NULL
        );
        CREATE TABLE case_calendars (
            key text PRIMARY KEY,
            version integer NOT NULL,
            document jsonb NOT NULL,
            updated_at timestamptz NOT NULL,
            updated_by text NOT NULL
        );
        CREATE TABLE case_agents (
            key text PRIMARY KEY,
            version integer NOT NULL,
            unit text,
            is_active boolean NOT NULL,
            updated_at timestamptz NOT NULL,
            updated_by text NOT NULL
        );
        CREATE TABLE case_absences (
            agent text NOT NULL REFERENCES case_agents,
            first_day date NOT NULL,
            last_day date NOT NULL CHECK (last_day >= first_day),
            PRIMARY KEY (agent, first_day)
        );
        CREATE TABLE case_teams (
            key text PRIMARY KEY,
            version integer NOT NULL,
            unit text,
            lead text REFERENCES case_agents,
            calendar text REFERENCES case_calendars,
            is_active boolean NOT NULL,
            last_agent text,
            updated_at timestamptz NOT NULL,
            updated_by text NOT NULL
        );
        COMMENT ON COLUMN case_teams.last_agent IS 'whose turn it was last; whoever changes it has locked the team';
        CREATE UNIQUE INDEX case_teams_unit ON case_teams (unit) WHERE is_active;
        CREATE TABLE case_team_members (
            team text NOT NULL REFERENCES case_teams,
            agent text NOT NULL REFERENCES case_agents,
            PRIMARY KEY (team, agent)
        );
        CREATE INDEX case_team_members_agent ON case_team_members (agent);
        CREATE TABLE case_root_causes (
            key text PRIMARY KEY,
            labels jsonb NOT NULL,
            is_active boolean NOT NULL,
            updated_at timestamptz NOT NULL,
            updated_by text NOT NULL
        );
        CREATE TABLE cases (
            id uuid PRIMARY KEY,
            version integer NOT NULL,
            entries integer NOT NULL,
            person uuid,
            response_id uuid UNIQUE,
            revision integer NOT NULL,
            survey_id uuid,
            is_anonymous boolean NOT NULL,
            rule text NOT NULL,
            kind text,
            score integer,
            touchpoint text,
            stage text,
            staff_id text,
            wants_callback boolean NOT NULL,
            themes text[] NOT NULL,
            priority text NOT NULL CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
            status text NOT NULL CHECK (status IN ('open', 'in_progress', 'waiting_customer', 'resolved', 'closed')),
            owner text,
            team text,
            opened_at timestamptz NOT NULL,
            clock_from timestamptz NOT NULL,
            contacted_at timestamptz,
            contact_seconds integer,
            running_since timestamptz,
            ran jsonb NOT NULL,
            resolved_at timestamptz,
            closed_at timestamptz,
            outcome text,
            root_cause text REFERENCES case_root_causes,
            merged_into uuid REFERENCES cases,
            contact_due_at timestamptz NOT NULL,
            resolve_due_at timestamptz,
            due_at timestamptz NOT NULL,
            next_step_at timestamptz NOT NULL,
            is_forgotten boolean NOT NULL DEFAULT false,
            CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
            CHECK (status <> 'closed' OR (outcome IS NOT NULL AND root_cause IS NOT NULL AND resolved_at IS NOT NULL)),
            CHECK ((status IN ('open', 'in_progress')) = (running_since IS NOT NULL)),
            CHECK (merged_into <> id),
            CHECK (NOT is_anonymous OR person IS NULL)
        );
        COMMENT ON COLUMN cases.ran IS 'spans in which the resolution clock ran: [[since, until], ...]';
        COMMENT ON COLUMN cases.is_forgotten IS 'they asked to be: what was written is gone, and they are told nothing';
        COMMENT ON COLUMN cases.due_at IS 'the next of its clocks; the year 9999 where none runs';
        CREATE INDEX cases_person ON cases (person) WHERE person IS NOT NULL;
        CREATE INDEX cases_of_open_persons ON cases (person)
            WHERE person IS NOT NULL AND status <> 'closed' AND merged_into IS NULL;
        CREATE INDEX cases_inbox ON cases (due_at, id) WHERE merged_into IS NULL;
        CREATE INDEX cases_owner ON cases (owner, due_at, id) WHERE merged_into IS NULL;
        CREATE INDEX cases_opened ON cases (opened_at, id);
        CREATE INDEX cases_closed ON cases (closed_at, id) WHERE closed_at IS NOT NULL;
        CREATE INDEX cases_steps_due ON cases (next_step_at)
            WHERE status IN ('open', 'in_progress', 'waiting_customer') AND merged_into IS NULL;
        CREATE INDEX cases_merged ON cases (merged_into) WHERE merged_into IS NOT NULL;
        CREATE INDEX cases_root_cause ON cases (root_cause) WHERE root_cause IS NOT NULL;
        CREATE TABLE case_history (
            case_id uuid NOT NULL REFERENCES cases,
            number integer NOT NULL,
            version integer NOT NULL,
            at timestamptz NOT NULL,
            by text NOT NULL,
            kind text NOT NULL,
            data jsonb NOT NULL,
            PRIMARY KEY (case_id, number)
        );
        CREATE FUNCTION case_history_stays() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the history of a case only grows';
        END $$;
        CREATE TRIGGER case_history_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON case_history
            FOR EACH STATEMENT EXECUTE FUNCTION case_history_stays();
        CREATE TABLE case_notes (
            case_id uuid NOT NULL REFERENCES cases,
            number integer NOT NULL,
            at timestamptz NOT NULL,
            by text NOT NULL,
            kind text NOT NULL,
            text text,
            PRIMARY KEY (case_id, number)
        );
        COMMENT ON COLUMN case_notes.text IS 'null: forgotten, for whom it was about asked to be';
        CREATE INDEX case_notes_words ON case_notes USING gin (to_tsvector('simple', coalesce(text, '')));
        CREATE TABLE case_watchers (
            case_id uuid NOT NULL REFERENCES cases,
            agent text NOT NULL REFERENCES case_agents,
            PRIMARY KEY (case_id, agent)
        );
        CREATE TABLE case_steps (
            case_id uuid NOT NULL REFERENCES cases,
            step text NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (case_id, step)
        );
        CREATE TABLE case_recoveries (
            case_id uuid NOT NULL REFERENCES cases,
            response_id uuid NOT NULL,
            revision integer NOT NULL,
            score integer NOT NULL,
            is_recovered boolean NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (case_id, response_id)
        );
        CREATE INDEX case_recoveries_response ON case_recoveries (response_id);
        CREATE TABLE case_asked_again (
            case_id uuid PRIMARY KEY REFERENCES cases,
            at timestamptz NOT NULL,
            invitation_id uuid,
            refusal text,
            tries integer NOT NULL DEFAULT 1
        );
        CREATE TABLE case_improvements (
            id uuid PRIMARY KEY,
            version integer NOT NULL,
            texts jsonb NOT NULL,
            root_causes text[] NOT NULL,
            cases uuid[] NOT NULL,
            published_at timestamptz,
            created_at timestamptz NOT NULL,
            created_by text NOT NULL,
            updated_at timestamptz NOT NULL,
            updated_by text NOT NULL
        );
        CREATE TABLE case_improvements_told (
            improvement_id uuid NOT NULL REFERENCES case_improvements,
            person uuid NOT NULL,
            at timestamptz NOT NULL,
            by text NOT NULL,
            PRIMARY KEY (improvement_id, person)
        );
        CREATE INDEX case_improvements_told_person ON case_improvements_told (person);
        """
    )
