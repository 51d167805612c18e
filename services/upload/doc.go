// Package upload is the REST API of rollcall: it takes spreadsheets, tells how
// their jobs stand, hands out reports, and takes a person's word to cancel or
// retry. It also keeps the table jobs, a projection of the log that answers
// lists and counts.
//
// The server that it is put into must bound what happens before a handler is
// called: a ReadHeaderTimeout, a MaxHeaderBytes, and no ReadTimeout or
// WriteTimeout, for uploads and reports may take long on a slow line. Bodies
// are bounded here, in size and in the time that a client may say nothing.
package upload
