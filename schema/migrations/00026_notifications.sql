-- +goose Up

-- Who wants to be told by e-mail of what. A person has a row only while something is
-- switched on: without it their address is kept nowhere.
CREATE TABLE notifications (
    user_id text PRIMARY KEY,
    -- Names the person in links that need no sign-in, and secret signs these.
    id text NOT NULL UNIQUE,
    secret bytea NOT NULL,
    -- As the person's last token said: where they are told, and what they may see.
    email text NOT NULL,
    role text NOT NULL,
    area jsonb NOT NULL,
    -- Since when the person wants to be told of their own jobs, and of jobs that wait for
    -- their approval; NULL is off. What was before is not told.
    jobs_since timestamptz,
    waiting_since timestamptz,
    seen_at timestamptz NOT NULL,
    CHECK (jobs_since IS NOT NULL OR waiting_since IS NOT NULL)
);
CREATE INDEX notifications_waiting ON notifications (user_id) WHERE waiting_since IS NOT NULL;

-- One e-mail for each person and event.
CREATE TABLE mails (
    user_id text NOT NULL REFERENCES notifications ON DELETE CASCADE,
    seq bigint NOT NULL,
    job_id text NOT NULL,
    kind text NOT NULL,
    topic text NOT NULL CHECK (topic IN ('jobs', 'waiting')),
    event_at timestamptz NOT NULL,
    -- sending is written before the server gets the text. Whoever finds it later cannot
    -- know whether the server took it: unknown, which is not sent again.
    state text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'sending', 'sent', 'dropped', 'failed', 'unknown')),
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    -- Of the server's last answer; NULL without one. Its text may name the person.
    code integer,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, seq)
);
CREATE INDEX mails_due ON mails (due_at) WHERE state IN ('pending', 'sending');
CREATE INDEX mails_ended ON mails (updated_at) WHERE state NOT IN ('pending', 'sending');

-- +goose Down
DROP TABLE mails;
DROP TABLE notifications;
