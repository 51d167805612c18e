-- +goose Up

-- A ward may be known by its municipality and province too, so that the area of
-- somebody who works in one of them can name its wards. Wards outside of the
-- metros have no sub-region.
ALTER TABLE ward_regions
    ALTER COLUMN sub_region DROP NOT NULL,
    ADD COLUMN municipality text CHECK (municipality <> ''),
    ADD COLUMN province text CHECK (province ~ '^[A-Z]{2,3}$'),
    ADD CONSTRAINT ward_regions_known CHECK (coalesce(sub_region, municipality, province) IS NOT NULL);

-- +goose Down
DELETE FROM ward_regions WHERE sub_region IS NULL;
ALTER TABLE ward_regions
    DROP CONSTRAINT ward_regions_known,
    DROP COLUMN province,
    DROP COLUMN municipality,
    ALTER COLUMN sub_region SET NOT NULL;
