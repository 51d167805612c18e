-- +goose Up

-- How many jobs there are, and what they add up to, by day of South Africa and status: for
-- each owner, and with the owner '' for all. Lists and sums of many jobs are answered from
-- here. A row is a part of a sum: what changes jobs adds rows and waits for nobody, and the
-- program makes one of many. It follows from the table jobs and can be made again from it.
CREATE TABLE job_sums (
    owner_id     text NOT NULL,
    day          date NOT NULL,
    status       text NOT NULL,
    jobs         bigint NOT NULL,
    records      bigint NOT NULL,
    inserts      bigint NOT NULL,
    updates      bigint NOT NULL,
    timed        bigint NOT NULL, -- jobs that have a duration
    duration_ms  bigint NOT NULL, -- the sum of these
    stored_bytes bigint NOT NULL
);

CREATE INDEX job_sums_owner ON job_sums (owner_id, day);

-- What the sums have to be.
CREATE VIEW job_sums_now AS
    SELECT coalesce(owner_id, '') AS owner_id, day, status, count(*) AS jobs, sum(records)::bigint AS records,
        coalesce(sum(inserts) FILTER (WHERE NOT dry), 0)::bigint AS inserts,
        coalesce(sum(updates) FILTER (WHERE NOT dry), 0)::bigint AS updates,
        count(duration_ms) AS timed, coalesce(sum(duration_ms), 0)::bigint AS duration_ms,
        sum(stored)::bigint AS stored_bytes
    FROM (
        SELECT owner_id, (created_at AT TIME ZONE 'UTC' + interval '2 hours')::date AS day, status, duration_ms,
            coalesce((stats->'validation_stats'->>'total_records')::bigint, 0) AS records,
            (stats->'database_stats'->>'inserts')::bigint AS inserts,
            (stats->'database_stats'->>'updates')::bigint AS updates,
            coalesce((stats->'database_stats'->>'dry_run')::bool, false) AS dry,
            coalesce(stored_bytes, file_size) AS stored
        FROM jobs
    ) figures GROUP BY GROUPING SETS ((owner_id, day, status), (day, status));

INSERT INTO job_sums SELECT * FROM job_sums_now;

-- Adds to the sums what has changed; its argument is the sign.
-- +goose StatementBegin
CREATE FUNCTION add_job_sums() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sign bigint := TG_ARGV[0];
BEGIN
    INSERT INTO job_sums
    SELECT coalesce(owner_id, '') AS owner_id, day, status, sign * count(*) AS jobs, sign * sum(records)::bigint AS records,
        sign * coalesce(sum(inserts) FILTER (WHERE NOT dry), 0)::bigint AS inserts,
        sign * coalesce(sum(updates) FILTER (WHERE NOT dry), 0)::bigint AS updates,
        sign * count(duration_ms) AS timed, sign * coalesce(sum(duration_ms), 0)::bigint AS duration_ms,
        sign * sum(stored)::bigint AS stored_bytes
    FROM (
        SELECT owner_id, (created_at AT TIME ZONE 'UTC' + interval '2 hours')::date AS day, status, duration_ms,
            coalesce((stats->'validation_stats'->>'total_records')::bigint, 0) AS records,
            (stats->'database_stats'->>'inserts')::bigint AS inserts,
            (stats->'database_stats'->>'updates')::bigint AS updates,
            coalesce((stats->'database_stats'->>'dry_run')::bool, false) AS dry,
            coalesce(stored_bytes, file_size) AS stored
        FROM changed
    ) figures GROUP BY GROUPING SETS ((owner_id, day, status), (day, status));
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER job_sums_insert AFTER INSERT ON jobs REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION add_job_sums('1');
CREATE TRIGGER job_sums_delete AFTER DELETE ON jobs REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION add_job_sums('-1');
CREATE TRIGGER job_sums_after AFTER UPDATE ON jobs REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION add_job_sums('1');
CREATE TRIGGER job_sums_before AFTER UPDATE ON jobs REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION add_job_sums('-1');

-- Lists come in the order of these, by page and from any place on.
DROP INDEX jobs_owner;
DROP INDEX jobs_created;
DROP INDEX jobs_status;
CREATE INDEX jobs_created ON jobs (created_at, job_id);
CREATE INDEX jobs_owner ON jobs (owner_id, created_at, job_id);
CREATE INDEX jobs_status ON jobs (status, created_at, job_id);
CREATE INDEX jobs_owner_status ON jobs (owner_id, status, created_at, job_id);
CREATE INDEX jobs_unfinished ON jobs (created_at, job_id)
    WHERE status IN ('pending', 'processing', 'paused', 'awaiting_approval');

-- A search in everybody's jobs finds a part of a text by this index. pg_trgm comes with
-- PostgreSQL, but not everywhere in the same package, and not everybody may add it to a
-- database. Without it, a search looks at each job.
-- +goose StatementBegin
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX jobs_text ON jobs
        USING gin (lower(file_name || E'\n' || job_id || E'\n' || owner_id) gin_trgm_ops);
EXCEPTION WHEN insufficient_privilege OR undefined_file OR undefined_object OR feature_not_supported THEN
    RAISE NOTICE 'jobs are searched without an index: %', SQLERRM;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP INDEX IF EXISTS jobs_text;
DROP INDEX jobs_unfinished;
DROP INDEX jobs_owner_status;
DROP INDEX jobs_status;
DROP INDEX jobs_owner;
DROP INDEX jobs_created;
CREATE INDEX jobs_owner ON jobs (owner_id, created_at DESC);
CREATE INDEX jobs_created ON jobs (created_at DESC);
CREATE INDEX jobs_status ON jobs (status, created_at DESC);
DROP TRIGGER job_sums_insert ON jobs;
DROP TRIGGER job_sums_delete ON jobs;
DROP TRIGGER job_sums_after ON jobs;
DROP TRIGGER job_sums_before ON jobs;
DROP FUNCTION add_job_sums;
DROP VIEW job_sums_now;
DROP TABLE job_sums;
