# Prints the rows that openpyxl reads of a workbook, a line of JSON each.
import datetime
import json
import sys
import warnings

import openpyxl

warnings.simplefilter("ignore")


def value(cell):
    if isinstance(cell, openpyxl.cell.cell.MergedCell):
        return None  # what the file has there is dropped
    v = cell.value
    if v is None:
        return ""
    if isinstance(v, bool):
        return {"B": v}
    if isinstance(v, datetime.timedelta):
        return {"N": repr(v.total_seconds() / 86400)}
    if isinstance(v, (datetime.datetime, datetime.date, datetime.time)):
        return {"D": v.isoformat()}
    if isinstance(v, (int, float)):
        return {"N": repr(v)}
    return str(v)


book = openpyxl.load_workbook(open(sys.argv[1], "rb"), data_only=True)  # whatever its name
for sheet in book.worksheets:
    rows = {}
    for (row, column), cell in sheet._cells.items():
        rows.setdefault(row, {})[column] = value(cell)
    for row in sorted(rows):
        cells = rows[row]
        line = {"sheet": sheet.title, "row": row, "cells": [cells.get(i, "") for i in range(1, max(cells) + 1)]}
        print(json.dumps(line))
