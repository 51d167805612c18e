package workbook_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// An upload is opened, its roll is found, and its rows are read one by one.
func ExampleFile_Roll() {
	upload := strings.NewReader("Branch 7\nSurname;ID Number\nDlamini;8001015009087\nNkosi;9001010001088\n")
	file, err := workbook.Open(context.Background(), upload, upload.Size(), workbook.Budget{})
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	columns, err := schema.Columns()
	if err != nil {
		log.Fatal(err)
	}
	sheet, header, err := file.Roll(columns)
	if err != nil {
		log.Fatal(err) // a *refusal.Error says what to do about the file
	}
	for row, err := range sheet.Rows() {
		if err != nil {
			log.Fatal(err)
		}
		if row.N > header.Row {
			fmt.Println(row.N, row.Cells[header.Fields["surname"]].Text, row.Cells[header.Fields[schema.FieldID]].Text)
		}
	}
	// Output:
	// 3 Dlamini 8001015009087
	// 4 Nkosi 9001010001088
}
