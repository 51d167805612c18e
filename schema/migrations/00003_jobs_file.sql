-- +goose Up

-- What was uploaded, so that the same bytes are known again. Jobs from before
-- this are not: the projection tells it of those that have a new event.
ALTER TABLE jobs ADD COLUMN file_sha256 text;

CREATE INDEX jobs_file ON jobs (owner_id, file_sha256) WHERE status = 'completed';

-- +goose Down
ALTER TABLE jobs DROP COLUMN file_sha256;
