// Package persistence writes the members of a job: the rows that validation
// let through, with the verdicts of the IEC, merged into the table members in
// one transaction.
//
// The transaction also holds the job's ledger row and the outcome of each row,
// so the stage may be killed at any instant and run again: a job whose ledger
// row exists is written, and what its rows came to is read back.
package persistence
