-- +goose Up

-- A job may wait for approval, or be declined. A row may wait for somebody whose
-- area covers the stored member too.
ALTER TABLE jobs DROP CONSTRAINT jobs_status_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_status_check CHECK (status IN ('pending', 'processing', 'paused',
    'awaiting_approval', 'completed', 'failed', 'cancelled', 'declined'));

ALTER TABLE job_outcomes DROP CONSTRAINT job_outcomes_result_check;
ALTER TABLE job_outcomes ADD CONSTRAINT job_outcomes_result_check CHECK (result IN
    ('inserted', 'updated', 'unchanged', 'refused', 'removed', 'kept', 'transfer'));

-- +goose Down
DELETE FROM job_outcomes WHERE result = 'transfer';
ALTER TABLE job_outcomes DROP CONSTRAINT job_outcomes_result_check;
ALTER TABLE job_outcomes ADD CONSTRAINT job_outcomes_result_check CHECK (result IN
    ('inserted', 'updated', 'unchanged', 'refused', 'removed', 'kept'));
DELETE FROM jobs WHERE status IN ('awaiting_approval', 'declined');
ALTER TABLE jobs DROP CONSTRAINT jobs_status_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_status_check CHECK (status IN ('pending', 'processing', 'paused', 'completed',
    'failed', 'cancelled'));
