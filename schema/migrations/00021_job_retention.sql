-- +goose Up

-- What is still kept of each job, by which the sweep finds what is due: an index that
-- follows from the events and can be dropped and made again. seq is the last event seen.
CREATE TABLE job_retention (
    job_id        text PRIMARY KEY,
    seq           bigint NOT NULL,
    ended_at      timestamptz, -- NULL while the job is under way
    has_upload    boolean NOT NULL,
    has_artifacts boolean NOT NULL,
    has_reports   boolean NOT NULL,
    expired       boolean NOT NULL, -- its events say that its time is over
    unclean       boolean NOT NULL, -- something was erased and may not be removed yet
    newer         boolean NOT NULL, -- it has an event that this program did not know
    objects       bigint[] NOT NULL, -- hashes of the names of its artifacts
    shared        text[] NOT NULL    -- names of artifacts that belong to other jobs
);

CREATE INDEX job_retention_ended ON job_retention (ended_at);
CREATE INDEX job_retention_upload ON job_retention (ended_at) WHERE has_upload;
CREATE INDEX job_retention_artifacts ON job_retention (ended_at) WHERE has_artifacts;
CREATE INDEX job_retention_reports ON job_retention (ended_at) WHERE has_reports;
CREATE INDEX job_retention_unclean ON job_retention (job_id) WHERE unclean;
CREATE INDEX job_retention_newer ON job_retention (job_id) WHERE newer;
CREATE INDEX job_retention_shared ON job_retention (job_id) WHERE shared <> '{}';

-- How far the index has read the events, of which stream, and when the sweep next has to
-- look through all objects for abandoned ones.
CREATE TABLE job_retention_state (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq        bigint NOT NULL,
    made_at    timestamptz NOT NULL,
    look_after timestamptz NOT NULL
);
INSERT INTO job_retention_state (seq, made_at, look_after) VALUES (0, '-infinity', '-infinity');

-- Who is erased or exported has rows here in few of many jobs.
CREATE INDEX job_outcomes_person ON job_outcomes (id_number);

-- +goose Down
DROP INDEX job_outcomes_person;
DROP TABLE job_retention_state;
DROP TABLE job_retention;
