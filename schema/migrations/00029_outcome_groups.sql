-- +goose Up

-- Most outcomes say no more than their result. Those are kept many in one row, which
-- writes and keeps a tenth of what a row of each takes. The others stay where they are.
ALTER TABLE job_outcomes RENAME TO job_outcome_rows;

-- Outcomes of one job with the same result, in the order of the ID numbers, so that
-- each job has one group at most that may have a person: the index finds it.
CREATE TABLE job_outcome_groups (
    job_id     text NOT NULL,
    first_id   bigint NOT NULL,
    last_id    bigint NOT NULL,
    result     text NOT NULL CHECK (result IN ('inserted', 'unchanged', 'known', 'unknown')),
    id_numbers bigint[] NOT NULL,
    ns         integer[] NOT NULL, -- rows of the uploaded sheet
    vd_codes   integer[] NOT NULL,
    PRIMARY KEY (job_id, result, first_id),
    CHECK (first_id = id_numbers[1] AND last_id = id_numbers[cardinality(id_numbers)]),
    CHECK (cardinality(ns) = cardinality(id_numbers) AND cardinality(vd_codes) = cardinality(id_numbers))
);
-- They are read as a whole, and compressing them takes longer than writing them.
ALTER TABLE job_outcome_groups ALTER id_numbers SET STORAGE EXTERNAL, ALTER ns SET STORAGE EXTERNAL,
    ALTER vd_codes SET STORAGE EXTERNAL;
CREATE INDEX job_outcome_groups_person ON job_outcome_groups USING gist (int8range(first_id, last_id, '[]'));

-- What became of each row of a written job, one row each.
CREATE VIEW job_outcomes AS
    SELECT job_id, n, id_number, result, vd_code, changed, before, after, error FROM job_outcome_rows
    UNION ALL
    SELECT g.job_id, p.n, lpad(p.id::text, 13, '0'), g.result, lpad(p.vd::text, 8, '0'), '{}'::text[], NULL::jsonb,
        NULL::jsonb, NULL::text
    FROM job_outcome_groups g CROSS JOIN LATERAL unnest(g.id_numbers, g.ns, g.vd_codes) AS p (id, n, vd);
ALTER VIEW job_outcomes ALTER changed SET DEFAULT '{}';

-- +goose StatementBegin
DO $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT grantee, privilege_type FROM information_schema.role_table_grants
        WHERE table_schema = current_schema() AND table_name = 'job_outcome_rows' AND grantee <> grantor
    LOOP
        EXECUTE format('GRANT %s ON job_outcomes TO %I', r.privilege_type, r.grantee);
    END LOOP;
END $$;
-- +goose StatementEnd

-- The outcomes about a person, of all jobs. The view would look through all groups.
CREATE FUNCTION outcomes_of(person text) RETURNS SETOF job_outcomes LANGUAGE sql STABLE AS $$
SELECT job_id, n, id_number, result, vd_code, changed, before, after, error FROM job_outcome_rows
WHERE id_number = person
UNION ALL
SELECT g.job_id, p.n, person, g.result, lpad(p.vd::text, 8, '0'), '{}'::text[], NULL::jsonb, NULL::jsonb, NULL::text
FROM job_outcome_groups g CROSS JOIN LATERAL unnest(g.id_numbers, g.ns, g.vd_codes) AS p (id, n, vd)
WHERE int8range(g.first_id, g.last_id, '[]') @> person::bigint AND p.id = person::bigint
$$;

-- Processes of the version before write to the view until they are replaced. Whoever may
-- write to it need not have the right to write to the tables, so this runs as its owner.
-- +goose StatementBegin
CREATE FUNCTION write_outcome() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_groups text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        EXECUTE format('INSERT INTO %I.job_outcome_rows (job_id, n, id_number, result, vd_code, changed, before, after,
            error) SELECT ($1).job_id, ($1).n, ($1).id_number, ($1).result, ($1).vd_code, ($1).changed, ($1).before,
            ($1).after, ($1).error', TG_TABLE_SCHEMA) USING NEW;
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        EXECUTE format('UPDATE %I.job_outcome_rows SET before = ($2).before, after = ($2).after, error = ($2).error
            WHERE job_id = ($1).job_id AND n = ($1).n', TG_TABLE_SCHEMA) USING OLD, NEW;
        RETURN NEW;
    END IF;
    EXECUTE format('DELETE FROM %I.job_outcome_rows WHERE job_id = ($1).job_id AND n = ($1).n', TG_TABLE_SCHEMA)
        USING OLD;
    of_groups := format('%I.job_outcome_groups', TG_TABLE_SCHEMA);
    EXECUTE 'DELETE FROM ' || of_groups || ' WHERE job_id = ($1).job_id AND ns = ARRAY[($1).n]' USING OLD;
    EXECUTE 'UPDATE ' || of_groups || ' g SET (first_id, last_id, id_numbers, ns, vd_codes) = (
            SELECT min(id), max(id), array_agg(id ORDER BY id), array_agg(n ORDER BY id), array_agg(vd ORDER BY id)
            FROM unnest(g.id_numbers, g.ns, g.vd_codes) AS p (id, n, vd) WHERE n <> ($1).n)
        WHERE job_id = ($1).job_id AND ($1).n = ANY (ns)' USING OLD;
    RETURN OLD;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION write_outcome() FROM PUBLIC;
CREATE TRIGGER job_outcomes_write INSTEAD OF INSERT OR UPDATE OR DELETE ON job_outcomes
    FOR EACH ROW EXECUTE FUNCTION write_outcome();

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION remove_outcomes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('DELETE FROM %I.job_outcome_rows WHERE job_id IN (SELECT job_id FROM removed)', TG_TABLE_SCHEMA);
    EXECUTE format('DELETE FROM %I.job_outcome_groups WHERE job_id IN (SELECT job_id FROM removed)', TG_TABLE_SCHEMA);
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- A digest of the row that was written last, as far as it says what becomes of a member.
-- While it is there, the same row changes nothing. Members from before have none until a
-- job writes them.
ALTER TABLE members ADD COLUMN row_digest uuid;

-- Whatever else changes a member makes the digest untrue, also by hand.
-- +goose StatementBegin
CREATE FUNCTION forget_row_digest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.row_digest := NULL;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER members_row_digest BEFORE UPDATE ON members FOR EACH ROW
    WHEN (OLD.row_digest IS NOT NULL AND NEW.row_digest IS NOT DISTINCT FROM OLD.row_digest)
    EXECUTE FUNCTION forget_row_digest();

-- +goose Down
DROP TRIGGER members_row_digest ON members;
DROP FUNCTION forget_row_digest();
ALTER TABLE members DROP COLUMN row_digest;
INSERT INTO job_outcome_rows (job_id, n, id_number, result, vd_code)
    SELECT g.job_id, p.n, lpad(p.id::text, 13, '0'), g.result, lpad(p.vd::text, 8, '0')
    FROM job_outcome_groups g CROSS JOIN LATERAL unnest(g.id_numbers, g.ns, g.vd_codes) AS p (id, n, vd);
DROP FUNCTION outcomes_of(text);
DROP VIEW job_outcomes;
DROP FUNCTION write_outcome();
DROP TABLE job_outcome_groups;
ALTER TABLE job_outcome_rows RENAME TO job_outcomes;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION remove_outcomes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('DELETE FROM %I.job_outcomes WHERE job_id IN (SELECT job_id FROM removed)', TG_TABLE_SCHEMA);
    RETURN NULL;
END $$;
-- +goose StatementEnd
