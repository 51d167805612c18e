// Package schema holds rollcall's data contracts and the code that loads them.
package schema
