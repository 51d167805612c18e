-- +goose Up

-- Where integrators want to hear of jobs: of all of their own, or of one.
CREATE TABLE webhooks (
    id              text PRIMARY KEY,
    owner_id        text NOT NULL,
    job_id          text,
    url             text NOT NULL,
    kinds           text[] NOT NULL CHECK (cardinality(kinds) > 0),
    -- Signs the deliveries, so it cannot be kept as a hash.
    secret          text NOT NULL,
    created_at      timestamptz NOT NULL,
    -- Failed attempts since the last one that succeeded, over all deliveries.
    failures        integer NOT NULL DEFAULT 0,
    disabled_at     timestamptz,
    disabled_reason text,
    CONSTRAINT webhooks_disabled CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);
CREATE INDEX webhooks_owner ON webhooks (owner_id);
CREATE INDEX webhooks_job ON webhooks (job_id) WHERE job_id IS NOT NULL;

-- What has to be told to whom. The event itself is in the stream, at seq.
CREATE TABLE webhook_deliveries (
    webhook_id    text NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    seq           bigint NOT NULL,
    job_id        text NOT NULL,
    kind          text NOT NULL,
    state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts      integer NOT NULL DEFAULT 0,
    -- When it is tried next; a worker that has taken it moves it on, so that it
    -- comes again if the worker dies.
    due_at        timestamptz NOT NULL DEFAULT now(),
    taken         boolean NOT NULL DEFAULT false,
    -- Of the last attempt: the HTTP status, or what went wrong instead.
    status        integer,
    error         text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (webhook_id, seq)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at) WHERE state = 'pending';

-- +goose Down
DROP TABLE webhook_deliveries;
DROP TABLE webhooks;
