package client

import (
	"context"
	"net/http"
)

// Notifications is what a user is told by e-mail.
type Notifications struct {
	// Jobs: a job of the user's has ended or waits for approval. Waiting: a job of
	// somebody else waits for the user's approval.
	Jobs    bool `json:"jobs"`
	Waiting bool `json:"waiting"`
	// Email is where; "" where the token names no address.
	Email string `json:"email"`
	// Available says whether the server sends e-mail, and MayApprove whether jobs can wait
	// for the user.
	Available  bool `json:"available"`
	MayApprove bool `json:"may_approve"`
}

// ReadNotifications returns what the user of a client is told by e-mail.
func ReadNotifications(ctx context.Context, c *Client) (n Notifications, err error) {
	err = c.Call(ctx, http.MethodGet, "/me/notifications", &n)
	return n, err
}

// SaveNotifications changes what the user of a client is told by e-mail. The error is a *StatusError
// where the token names no address, or the user may not approve.
func SaveNotifications(ctx context.Context, c *Client, jobs, waiting bool) (n Notifications, err error) {
	body := map[string]bool{"jobs": jobs, "waiting": waiting}
	err = CallWith(ctx, c, http.MethodPut, "/me/notifications", body, &n)
	return n, err
}
