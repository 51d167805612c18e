-- +goose Up

-- A person of the rolls. What the file says and what the IEC says are kept
-- apart; vd_code is what the two give together.
CREATE TABLE members (
    id                    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id_number             text NOT NULL UNIQUE CHECK (id_number ~ '^[0-9]{13}$'),

    firstname             text CHECK (firstname <> ''),
    surname               text CHECK (surname <> ''),
    cell_number           text CHECK (cell_number ~ '^\+[0-9]{7,15}$'),
    landline_number       text CHECK (landline_number ~ '^\+[0-9]{7,15}$'),
    email                 text CHECK (email LIKE '%_@_%'),
    residential_address   text,
    age                   smallint CHECK (age BETWEEN 0 AND 150),
    gender                text,
    race                  text,
    citizenship           text,
    language              text,
    occupation            text,
    qualification         text,
    province              text,
    region                text,
    municipality          text,
    ward_code             text CHECK (ward_code ~ '^[0-9]{8}$'),
    voting_station        text,
    voting_district       text CHECK (voting_district ~ '^[0-9]{8}$'),
    date_joined           date CHECK (date_joined BETWEEN '1900-01-01' AND '2200-01-01'),
    last_payment          date CHECK (last_payment BETWEEN '1900-01-01' AND '2200-01-01'),
    expiry_date           date CHECK (expiry_date BETWEEN '1900-01-01' AND '2200-01-01'),
    subscription          text,
    membership_amount     numeric(12,2) CHECK (membership_amount >= 0),
    status                text,

    -- 11111111 deceased, 22222222 registered elsewhere or without a voting
    -- district, 33333333 international, 99999999 not registered, else the IEC's.
    vd_code               text CHECK (vd_code ~ '^[0-9]{8}$'),
    iec_status            text NOT NULL DEFAULT 'unverified'
                          CHECK (iec_status IN ('registered', 'not_registered', 'deceased', 'international', 'unverified')),
    iec_voter_status      text,
    iec_ward              text CHECK (iec_ward ~ '^[0-9]{8}$'),
    iec_vd                text CHECK (iec_vd ~ '^[0-9]{8}$'),
    iec_station           text,
    iec_municipality_code text,
    iec_municipality      text,
    iec_province          text,
    verified_at           timestamptz,

    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    created_by_job        text NOT NULL,
    updated_by_job        text NOT NULL,

    -- Who was never asked has no verdict, and who has a verdict was asked.
    CONSTRAINT members_verdict CHECK ((iec_status = 'unverified') = (verified_at IS NULL)),
    CONSTRAINT members_unverified CHECK (iec_status <> 'unverified' OR vd_code IS NULL)
);

CREATE INDEX members_ward ON members (ward_code);

-- Metro wards and the sub-regions that an organisation sorts them into.
CREATE TABLE ward_regions (
    ward_code  text PRIMARY KEY CHECK (ward_code ~ '^[0-9]{8}$'),
    sub_region text NOT NULL CHECK (sub_region <> '')
);

-- +goose Down
DROP TABLE ward_regions;
DROP TABLE members;
