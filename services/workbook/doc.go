// Package workbook reads uploaded .xlsx, .xls, .ods and .csv files, whatever their names
// are. It refuses a file that is none of them, yields the rows of its sheets, and finds
// the sheet and the columns of a roll. It trusts nothing in a file.
//
// Rows are read from the packed file as the caller asks for them, and no sheet is
// held in memory: memory does not depend on the size of the file. The reader
// understands shared, inline and rich strings (without their phonetic runs),
// numbers, dates of both systems and in ISO form, booleans, errors and the results
// of formulas; cells and rows that do not say where they stand; transitional and
// strict workbooks with any prefix; entities, CDATA and _xHHHH_. It reads what
// spreadsheet programs open all the same: parts in UTF-16, ISO-8859-1 and Windows-1252,
// a row element for each cell, cells and rows out of order, a workbook of which a sheet is missing.
// Cells that cannot be read or have not been calculated, and what is hidden, are marked.
// It refuses document types, two different rows of one number, and whatever is larger
// than a sheet can be.
//
// Old Excel workbooks and OpenDocument spreadsheets are read by packages of their own, xls
// and ods, and give the same rows within the same budget.
//
// A text of comma-separated values is a workbook of one sheet: in UTF-8, UTF-16,
// UTF-32, Windows-1252 or Mac Roman, with the delimiter that makes most columns known. Its
// rows have the numbers that a spreadsheet program shows. A quotation mark that is never
// closed, bytes that are no text and control characters are mended, and marked.
//
// What is wrong with a file is a *refusal.Error. It holds nothing that stands in a
// row of the file, so it may be logged and shown. Any other error means that the
// file could not be read.
package workbook
