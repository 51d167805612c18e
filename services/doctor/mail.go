package doctor

import "context"

// examineMail signs in to the SMTP server.
func (d *doctor) examineMail(ctx context.Context) {
	if d.Mail == nil {
		d.add("e-mail", Skipped, "give --smtp-addr to look at it", "")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	d.judge("e-mail", d.Mail(ctx), "Correct --smtp-addr, --smtp-tls, --smtp-ca, --smtp-user and ROLLCALL_SMTP_PASSWORD. "+
		"Nobody is told by e-mail meanwhile, and nothing else waits.")
}
