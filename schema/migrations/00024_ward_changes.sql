-- +goose Up

-- How the counts of members have changed, ward by ward: their sum up to a time is where
-- the organisation stood then. It counts and names nobody, so it stays when what a job
-- overwrote is kept no longer. ward, municipality and province say where the members are
-- counted; the place_ columns what the roll, or else the IEC, says of where they are, by
-- which areas are decided. Unknown is ''.
--
-- A cell of a roll may hold anything, also the number of a person: what is no name of a
-- place, with a code of three digits at most, counts as unknown.
-- +goose StatementBegin
CREATE FUNCTION name_of_place(said text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
SELECT CASE WHEN length(said) <= 100 AND length(regexp_replace(said, '[-A-Za-zÀ-ɏḀ-ỿ .,''()/&]', '', 'g')) <= 3
  THEN said ELSE '' END
$$;
-- +goose StatementEnd
CREATE TABLE ward_changes (
    at                 timestamptz NOT NULL,
    job_id             text NOT NULL, -- which added the members; '' where none were added
    ward               text NOT NULL,
    municipality       text NOT NULL,
    province           text NOT NULL,
    place_ward         text NOT NULL,
    place_municipality text NOT NULL,
    place_province     text NOT NULL,
    members            integer NOT NULL,
    registered         integer NOT NULL, -- in the ward
    elsewhere          integer NOT NULL, -- registered, in another ward
    not_registered     integer NOT NULL,
    abroad             integer NOT NULL,
    deceased           integer NOT NULL,
    unverified         integer NOT NULL
);
CREATE INDEX ward_changes_at ON ward_changes (at);
CREATE INDEX ward_changes_job ON ward_changes (job_id) WHERE job_id <> '';

-- Counts what a statement has changed of members. The argument of its trigger selects
-- sign, 1 for what is there now and -1 for what was there before, created_by_job, which is
-- '' unless the member is a new one, and the rest of the member.
-- +goose StatementBegin
CREATE FUNCTION count_ward_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'INSERT INTO ward_changes
SELECT now(), g.created_by_job, ward, name_of_place(municipality), name_of_place(province), place_ward,
  name_of_place(place_municipality), name_of_place(place_province), members, registered, elsewhere, not_registered,
  abroad, deceased, unverified
FROM (SELECT created_by_job, coalesce(m.ward_code, m.iec_ward, '''') AS ward,
    coalesce(m.municipality, m.iec_municipality_code || coalesce('' - '' || m.iec_municipality, ''''), m.iec_municipality,
      '''') AS municipality,
    coalesce(m.province, m.iec_province, '''') AS province,
    coalesce(CASE WHEN said THEN m.ward_code ELSE m.iec_ward END, '''') AS place_ward,
    coalesce(CASE WHEN said THEN m.municipality ELSE m.iec_municipality_code END, '''') AS place_municipality,
    coalesce(CASE WHEN said THEN m.province ELSE m.iec_province END, '''') AS place_province,
    sum(sign) AS members,
    coalesce(sum(sign) FILTER (WHERE iec_status = ''registered'' AND here), 0) AS registered,
    coalesce(sum(sign) FILTER (WHERE iec_status = ''registered'' AND NOT here), 0) AS elsewhere,
    coalesce(sum(sign) FILTER (WHERE iec_status = ''not_registered''), 0) AS not_registered,
    coalesce(sum(sign) FILTER (WHERE iec_status = ''international''), 0) AS abroad,
    coalesce(sum(sign) FILTER (WHERE iec_status = ''deceased''), 0) AS deceased,
    coalesce(sum(sign) FILTER (WHERE iec_status = ''unverified''), 0) AS unverified
  FROM (' || TG_ARGV[0] || ') m
  CROSS JOIN LATERAL (SELECT coalesce(m.ward_code, m.municipality, m.province) IS NOT NULL AS said,
    coalesce(m.iec_ward = coalesce(m.ward_code, m.iec_ward), false) AS here) d
  GROUP BY 1, 2, 3, 4, 5, 6, 7) g
WHERE (members, registered, elsewhere, not_registered, abroad, deceased, unverified)
  IS DISTINCT FROM (0, 0, 0, 0, 0, 0, 0)';
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER members_added AFTER INSERT ON members REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_ward_changes('SELECT 1 AS sign, * FROM added');
CREATE TRIGGER members_changed AFTER UPDATE ON members REFERENCING NEW TABLE AS is_now OLD TABLE AS was
    FOR EACH STATEMENT EXECUTE FUNCTION count_ward_changes('SELECT 1 AS sign, '''' AS created_by_job, ward_code, iec_ward,
      municipality, iec_municipality_code, iec_municipality, province, iec_province, iec_status FROM is_now
    UNION ALL SELECT -1, '''', ward_code, iec_ward, municipality, iec_municipality_code, iec_municipality, province,
      iec_province, iec_status FROM was');
CREATE TRIGGER members_removed AFTER DELETE ON members REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION count_ward_changes('SELECT -1 AS sign, '''' AS created_by_job, ward_code, iec_ward,
      municipality, iec_municipality_code, iec_municipality, province, iec_province, iec_status FROM removed');

-- Members from before are counted as they are now, from the time on at which they were
-- added: how they were in between is not known any more.
INSERT INTO ward_changes
SELECT created_at, created_by_job, ward, name_of_place(municipality), name_of_place(province), place_ward,
  name_of_place(place_municipality), name_of_place(place_province), members, registered, elsewhere, not_registered,
  abroad, deceased, unverified
FROM (SELECT m.created_at, m.created_by_job, coalesce(m.ward_code, m.iec_ward, '') AS ward,
    coalesce(m.municipality, m.iec_municipality_code || coalesce(' - ' || m.iec_municipality, ''), m.iec_municipality,
      '') AS municipality,
    coalesce(m.province, m.iec_province, '') AS province,
    coalesce(CASE WHEN said THEN m.ward_code ELSE m.iec_ward END, '') AS place_ward,
    coalesce(CASE WHEN said THEN m.municipality ELSE m.iec_municipality_code END, '') AS place_municipality,
    coalesce(CASE WHEN said THEN m.province ELSE m.iec_province END, '') AS place_province,
    sum(sign) AS members,
    coalesce(sum(sign) FILTER (WHERE iec_status = 'registered' AND here), 0) AS registered,
    coalesce(sum(sign) FILTER (WHERE iec_status = 'registered' AND NOT here), 0) AS elsewhere,
    coalesce(sum(sign) FILTER (WHERE iec_status = 'not_registered'), 0) AS not_registered,
    coalesce(sum(sign) FILTER (WHERE iec_status = 'international'), 0) AS abroad,
    coalesce(sum(sign) FILTER (WHERE iec_status = 'deceased'), 0) AS deceased,
    coalesce(sum(sign) FILTER (WHERE iec_status = 'unverified'), 0) AS unverified
  FROM (SELECT 1 AS sign, * FROM members) m
  CROSS JOIN LATERAL (SELECT coalesce(m.ward_code, m.municipality, m.province) IS NOT NULL AS said,
    coalesce(m.iec_ward = coalesce(m.ward_code, m.iec_ward), false) AS here) d
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8) g;

-- The job whose waiting rows a job has written; NULL for other jobs, and in rows from
-- before this column.
ALTER TABLE jobs ADD COLUMN completes text;
CREATE INDEX jobs_completes ON jobs (completes) WHERE completes IS NOT NULL;

-- +goose Down
DROP INDEX jobs_completes;
ALTER TABLE jobs DROP COLUMN completes;
DROP TRIGGER members_removed ON members;
DROP TRIGGER members_changed ON members;
DROP TRIGGER members_added ON members;
DROP FUNCTION count_ward_changes();
DROP TABLE ward_changes;
DROP FUNCTION name_of_place(text);
