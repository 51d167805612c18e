-- +goose Up

-- An undo is a job of its own: it removes members, and keeps those that another
-- job has changed since, with the reason as error.
ALTER TABLE job_outcomes DROP CONSTRAINT job_outcomes_result_check, DROP CONSTRAINT job_outcomes_check;
ALTER TABLE job_outcomes
    ADD CONSTRAINT job_outcomes_result_check CHECK (result IN ('inserted', 'updated', 'unchanged', 'refused', 'removed', 'kept')),
    ADD CONSTRAINT job_outcomes_check CHECK ((result IN ('refused', 'kept')) = (error IS NOT NULL));

-- +goose Down
DELETE FROM job_outcomes WHERE result IN ('removed', 'kept');
ALTER TABLE job_outcomes DROP CONSTRAINT job_outcomes_result_check, DROP CONSTRAINT job_outcomes_check;
ALTER TABLE job_outcomes
    ADD CONSTRAINT job_outcomes_result_check CHECK (result IN ('inserted', 'updated', 'unchanged', 'refused')),
    ADD CONSTRAINT job_outcomes_check CHECK ((result = 'refused') = (error IS NOT NULL));
