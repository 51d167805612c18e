// Package persistence writes the members of a job. It takes the rows that
// validation accepted and the verdicts of the IEC, and merges them into the
// table members in one transaction.
//
// Who is a member is locked in one statement, in the order of the ID numbers. Strangers
// are copied into the table, rows that were written before are known by their digest, and
// only the others are compared with members column by column.
//
// The same transaction writes the job's ledger row and the outcome of each row,
// so the stage may be killed at any instant and run again. A job that has a
// ledger row is written already, and its outcomes are read back.
package persistence
