-- +goose Up

-- Who may be in which job that has ended, by keyed hashes: an index by which an erasure
-- finds the jobs to look at. It can be dropped; a job without a row is looked at.
-- key_check tells the hashes of one key from those of another.
CREATE TABLE job_people (
    job_id    text PRIMARY KEY,
    ended_at  timestamptz NOT NULL,
    key_check bigint NOT NULL,
    people    bigint[] NOT NULL
);

CREATE INDEX job_people_people ON job_people USING gin (people) WITH (fastupdate = off);

-- +goose Down
DROP TABLE job_people;
