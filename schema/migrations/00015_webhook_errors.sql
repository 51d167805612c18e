-- +goose Up

-- What went wrong on the way to a receiver named resolvers, addresses and ports of
-- the network that rollcall runs in. The users whose webhooks these are now read no
-- more than that there was no answer.
UPDATE webhook_deliveries SET error = 'the receiver could not be reached'
WHERE status IS NULL AND error IS NOT NULL AND error NOT IN ('the event is not in the stream any more',
    'the URL cannot be used', 'the secret cannot be used', 'the webhook was disabled');

-- No user is known by an ID number any more: events.UserID says by what instead.
UPDATE webhooks SET owner_id = 'user-' || left(encode(sha256(convert_to(owner_id, 'UTF8')), 'hex'), 32)
WHERE owner_id ~ '(^|[^0-9])[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{7}([^0-9]|$)';
UPDATE jobs SET owner_id = 'user-' || left(encode(sha256(convert_to(owner_id, 'UTF8')), 'hex'), 32)
WHERE owner_id ~ '(^|[^0-9])[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{7}([^0-9]|$)';

-- +goose Down
-- What was replaced is not known any more.
SELECT 1;
