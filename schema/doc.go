// Package schema holds rollcall's data contracts and the few lines that load them.
package schema
