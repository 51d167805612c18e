-- +goose Up

-- One row for each job whose members were written, inserted in the same
-- transaction: however often the stage runs, the members are written once.
CREATE TABLE job_ledger (
    job_id     text PRIMARY KEY,
    written_at timestamptz NOT NULL
);

-- What became of each row of a written job, with the values it overwrote.
CREATE TABLE job_outcomes (
    job_id    text NOT NULL REFERENCES job_ledger ON DELETE CASCADE,
    n         integer NOT NULL CHECK (n > 0), -- row of the uploaded sheet
    id_number text NOT NULL,
    result    text NOT NULL CHECK (result IN ('inserted', 'updated', 'unchanged', 'refused')),
    vd_code   text,
    changed   text[] NOT NULL DEFAULT '{}',
    before    jsonb,
    after     jsonb,
    error     text,
    PRIMARY KEY (job_id, n),
    CHECK ((result = 'refused') = (error IS NOT NULL)),
    CHECK ((result = 'updated') = (changed <> '{}'))
);

-- The newest state of every job, folded from its events: a projection that can
-- be dropped and made again from the stream. seq is the last one folded.
CREATE TABLE jobs (
    job_id        text PRIMARY KEY,
    seq           bigint NOT NULL,
    owner_id      text NOT NULL,
    owner_role    text NOT NULL,
    file_name     text NOT NULL,
    file_size     bigint NOT NULL,
    status        text NOT NULL CHECK (status IN ('pending', 'processing', 'paused', 'completed', 'failed', 'cancelled')),
    stage         text NOT NULL,
    progress      integer NOT NULL CHECK (progress BETWEEN 0 AND 100),
    stats         jsonb NOT NULL DEFAULT '{}',
    failed_stage  text,
    error_code    text,
    error_message text,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    completed_at  timestamptz,
    duration_ms   bigint
);

CREATE INDEX jobs_owner ON jobs (owner_id, created_at DESC);
CREATE INDEX jobs_created ON jobs (created_at DESC);
CREATE INDEX jobs_status ON jobs (status, created_at DESC);

-- +goose Down
DROP TABLE jobs;
DROP TABLE job_outcomes;
DROP TABLE job_ledger;
