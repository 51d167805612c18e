-- +goose Up

-- How many bytes are kept of the job: upload, artifacts and reports. NULL in rows
-- from before this column: the projection tells it with the job's next event.
ALTER TABLE jobs ADD COLUMN stored_bytes bigint;

-- +goose Down
ALTER TABLE jobs DROP COLUMN stored_bytes;
