-- +goose Up

-- The same rules without regular expressions, which took a fifth of the time in which
-- new members are written.
ALTER TABLE members
    DROP CONSTRAINT members_id_number_check,
    DROP CONSTRAINT members_cell_number_check,
    DROP CONSTRAINT members_landline_number_check,
    DROP CONSTRAINT members_ward_code_check,
    DROP CONSTRAINT members_voting_district_check,
    DROP CONSTRAINT members_vd_code_check,
    DROP CONSTRAINT members_iec_ward_check,
    DROP CONSTRAINT members_iec_vd_check,
    ADD CONSTRAINT members_id_number_check CHECK (length(id_number) = 13 AND translate(id_number, '0123456789', '') = ''),
    ADD CONSTRAINT members_cell_number_check CHECK (length(cell_number) BETWEEN 8 AND 16
        AND starts_with(cell_number, '+') AND translate(substr(cell_number, 2), '0123456789', '') = ''),
    ADD CONSTRAINT members_landline_number_check CHECK (length(landline_number) BETWEEN 8 AND 16
        AND starts_with(landline_number, '+') AND translate(substr(landline_number, 2), '0123456789', '') = ''),
    ADD CONSTRAINT members_ward_code_check CHECK (length(ward_code) = 8 AND translate(ward_code, '0123456789', '') = ''),
    ADD CONSTRAINT members_voting_district_check CHECK (length(voting_district) = 8
        AND translate(voting_district, '0123456789', '') = ''),
    ADD CONSTRAINT members_vd_code_check CHECK (length(vd_code) = 8 AND translate(vd_code, '0123456789', '') = ''),
    ADD CONSTRAINT members_iec_ward_check CHECK (length(iec_ward) = 8 AND translate(iec_ward, '0123456789', '') = ''),
    ADD CONSTRAINT members_iec_vd_check CHECK (length(iec_vd) = 8 AND translate(iec_vd, '0123456789', '') = '');

-- +goose Down
ALTER TABLE members
    DROP CONSTRAINT members_id_number_check,
    DROP CONSTRAINT members_cell_number_check,
    DROP CONSTRAINT members_landline_number_check,
    DROP CONSTRAINT members_ward_code_check,
    DROP CONSTRAINT members_voting_district_check,
    DROP CONSTRAINT members_vd_code_check,
    DROP CONSTRAINT members_iec_ward_check,
    DROP CONSTRAINT members_iec_vd_check,
    ADD CONSTRAINT members_id_number_check CHECK (id_number ~ '^[0-9]{13}$'),
    ADD CONSTRAINT members_cell_number_check CHECK (cell_number ~ '^\+[0-9]{7,15}$'),
    ADD CONSTRAINT members_landline_number_check CHECK (landline_number ~ '^\+[0-9]{7,15}$'),
    ADD CONSTRAINT members_ward_code_check CHECK (ward_code ~ '^[0-9]{8}$'),
    ADD CONSTRAINT members_voting_district_check CHECK (voting_district ~ '^[0-9]{8}$'),
    ADD CONSTRAINT members_vd_code_check CHECK (vd_code ~ '^[0-9]{8}$'),
    ADD CONSTRAINT members_iec_ward_check CHECK (iec_ward ~ '^[0-9]{8}$'),
    ADD CONSTRAINT members_iec_vd_check CHECK (iec_vd ~ '^[0-9]{8}$');
