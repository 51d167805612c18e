-- +goose Up

-- A job may only add people, or only change members. Whom it leaves alone is
-- reported.
ALTER TABLE job_outcomes DROP CONSTRAINT job_outcomes_result_check;
ALTER TABLE job_outcomes ADD CONSTRAINT job_outcomes_result_check CHECK (result IN
    ('inserted', 'updated', 'unchanged', 'refused', 'removed', 'kept', 'transfer', 'objected', 'known', 'unknown'));

-- +goose Down
DELETE FROM job_outcomes WHERE result IN ('known', 'unknown');
ALTER TABLE job_outcomes DROP CONSTRAINT job_outcomes_result_check;
ALTER TABLE job_outcomes ADD CONSTRAINT job_outcomes_result_check CHECK (result IN
    ('inserted', 'updated', 'unchanged', 'refused', 'removed', 'kept', 'transfer', 'objected'));
