-- +goose Up

-- A receiver that fails is probed with one delivery at a time, and its webhook is
-- disabled by the time that it has been failing, not by the number of attempts.
ALTER TABLE webhooks
    -- When the receiver began to fail; later by the time in which nothing was tried.
    ADD COLUMN failing_since timestamptz,
    -- When a failing receiver is tried next.
    ADD COLUMN probe_at timestamptz,
    -- Signs beside secret until then, so that receivers have time to change.
    ADD COLUMN old_secret text,
    ADD COLUMN old_secret_until timestamptz;

-- Whoever writes a new secret need not read the old one.
-- +goose StatementBegin
CREATE FUNCTION webhooks_keep_secret() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.old_secret := OLD.secret;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER webhooks_keep_secret BEFORE UPDATE OF secret ON webhooks
    FOR EACH ROW WHEN (NEW.secret IS DISTINCT FROM OLD.secret) EXECUTE FUNCTION webhooks_keep_secret();

ALTER TABLE webhook_deliveries
    -- Failed attempts while the receiver took other deliveries.
    ADD COLUMN strikes integer NOT NULL DEFAULT 0;
UPDATE webhook_deliveries SET strikes = attempts WHERE state = 'pending';

-- What is next is looked for webhook by webhook.
CREATE INDEX webhook_deliveries_next ON webhook_deliveries (webhook_id, seq) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_taken ON webhook_deliveries (webhook_id) WHERE state = 'pending' AND taken;
-- Tests that users ask for go past what waits.
CREATE INDEX webhook_deliveries_tests ON webhook_deliveries (due_at) WHERE state = 'pending' AND kind = 'test';
DROP INDEX webhook_deliveries_due;

-- +goose Down
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at) WHERE state = 'pending';
DROP INDEX webhook_deliveries_tests;
DROP INDEX webhook_deliveries_taken;
DROP INDEX webhook_deliveries_next;
ALTER TABLE webhook_deliveries DROP COLUMN strikes;
DROP TRIGGER webhooks_keep_secret ON webhooks;
DROP FUNCTION webhooks_keep_secret();
ALTER TABLE webhooks
    DROP COLUMN old_secret_until,
    DROP COLUMN old_secret,
    DROP COLUMN probe_at,
    DROP COLUMN failing_since;
