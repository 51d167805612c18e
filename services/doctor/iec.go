package doctor

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// examineIEC signs in, which spends no call of the quota, and looks at the clock.
func (d *doctor) examineIEC(ctx context.Context) {
	const address, signIn = "address of the IEC", "sign-in at the IEC"
	if d.IEC.URL == "" {
		d.add("iec", Skipped, "give --iec-url to look at it", "")
		return
	}
	err := d.IEC.SignIn(ctx)
	if bad, ok := errors.AsType[*AddressError](err); ok {
		d.judge(address, bad, "Correct --iec-url: https://HOST, with no user, query or fragment.")
		return
	}
	d.add(address, Fine, "", "")
	if bad, ok := errors.AsType[*CredentialsError](err); ok {
		d.judge(signIn, bad, "Correct ROLLCALL_IEC_USERNAME and ROLLCALL_IEC_PASSWORD, "+
			"or ask the IEC whether the account is open.")
	} else if !d.judge(signIn, err, "Correct --iec-url, below which /token must be; "+
		"a proxy or firewall may be in between. Jobs wait meanwhile.") {
		return
	}
	d.examineClockOfIEC(ctx)
}

// examineClockOfIEC goes by the header Date of any answer, which has seconds only.
func (d *doctor) examineClockOfIEC(ctx context.Context) {
	const name = "clock of the IEC"
	ctx, cancel := context.WithTimeout(ctx, d.IEC.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, d.IEC.URL, nil)
	if err != nil {
		d.judge(name, err, "Correct --iec-url.")
		return
	}
	before := d.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.judge(name, err, "It answered a moment ago: try again.")
		return
	}
	_ = resp.Body.Close() // of a HEAD, so there is none
	there, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		d.add(name, Skipped, "its answers have no date", "")
		return
	}
	d.judgeClock("the IEC", there.Sub(middle(before, d.Now())), time.Second)
}
