// Package xls reads old Excel workbooks (.xls): those of Excel 97 to 2003 (BIFF8), of
// Excel 5 and 95 (BIFF5), and single sheets of Excel 2 to 4 and of programs that write
// as they did. It trusts nothing in a file.
//
// Rows are read from the file as the caller asks for them. What is kept in memory is the
// table of the container's sectors, the list of sheets and formats, and one row. The
// package reads values, not formulas: of a formula it gives the result that is stored.
//
// The rules are those of [MS-CFB] for the container and of [MS-XLS] for the records;
// comments name their sections. What only older versions have is described in
// OpenOffice's documentation of the format.
package xls
