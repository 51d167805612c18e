-- +goose Up

-- The sequence of the fact that the attempt works on which wrote the members: what a
-- cancelled attempt wrote is told from what a retry has written since. NULL in rows from
-- before.
ALTER TABLE job_ledger ADD COLUMN trigger_seq bigint;

-- +goose Down
ALTER TABLE job_ledger DROP COLUMN trigger_seq;
