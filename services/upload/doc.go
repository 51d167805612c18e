// Package upload takes a file in: as a form, or in parts by the tus protocol. It
// looks at the file before it stores anything, holds users to their limits, and
// appends the fact uploaded, with which a job begins. Package api answers for it.
package upload
