-- +goose Up

-- How often the stage tried before the job failed; NULL for jobs that failed
-- before this column was there.
ALTER TABLE jobs ADD COLUMN failed_attempts integer;

-- +goose Down
ALTER TABLE jobs DROP COLUMN failed_attempts;
