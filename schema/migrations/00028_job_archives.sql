-- +goose Up

-- Which jobs have nothing left to be moved into an archive. The first ones are moved a
-- week after this: an older program cannot read an archive, and may have to be taken
-- back until then.
ALTER TABLE job_retention ADD COLUMN archived boolean NOT NULL DEFAULT false;
CREATE INDEX job_retention_unarchived ON job_retention (ended_at) WHERE NOT archived;
ALTER TABLE job_retention_state ADD COLUMN archive_from timestamptz NOT NULL DEFAULT now() + interval '7 days';

-- +goose Down
ALTER TABLE job_retention_state DROP COLUMN archive_from;
DROP INDEX job_retention_unarchived;
ALTER TABLE job_retention DROP COLUMN archived;
