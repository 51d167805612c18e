// Package persistence writes the members of a job. It takes the rows that
// validation accepted and the verdicts of the IEC, and merges them into the
// table members in one transaction.
//
// The same transaction writes the job's ledger row and the outcome of each row,
// so the stage may be killed at any instant and run again. A job that has a
// ledger row is written already, and its outcomes are read back.
package persistence
