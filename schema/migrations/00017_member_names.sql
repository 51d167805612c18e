-- +goose Up

-- What rolls say of people beside the columns of 00001: all names in one text, how a
-- person is addressed, the day of birth as the roll has it, the district.
ALTER TABLE members
    ADD COLUMN title         text CHECK (title <> ''),
    ADD COLUMN full_name     text CHECK (full_name <> ''),
    ADD COLUMN date_of_birth date CHECK (date_of_birth BETWEEN '1900-01-01' AND '2200-01-01'),
    ADD COLUMN district      text;

-- +goose Down
ALTER TABLE members DROP COLUMN title, DROP COLUMN full_name, DROP COLUMN date_of_birth, DROP COLUMN district;
