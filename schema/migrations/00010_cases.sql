-- +goose Up

-- A row whose person has objected to being on a roll is not written. Its outcome
-- names nobody.
ALTER TABLE job_outcomes DROP CONSTRAINT job_outcomes_result_check;
ALTER TABLE job_outcomes ADD CONSTRAINT job_outcomes_result_check CHECK (result IN
    ('inserted', 'updated', 'unchanged', 'refused', 'removed', 'kept', 'transfer', 'objected'));

-- What the newest message of the audit was, from time to time. The audit is in
-- NATS: whoever can write it anew there cannot change what is noted here.
CREATE TABLE audit_heads (
    seq      bigint PRIMARY KEY CHECK (seq > 0),
    sha256   text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    noted_at timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
DROP TABLE audit_heads;
DELETE FROM job_outcomes WHERE result = 'objected';
ALTER TABLE job_outcomes DROP CONSTRAINT job_outcomes_result_check;
ALTER TABLE job_outcomes ADD CONSTRAINT job_outcomes_result_check CHECK (result IN
    ('inserted', 'updated', 'unchanged', 'refused', 'removed', 'kept', 'transfer'));
