"""Makes the workbooks of this folder: pip install openpyxl pandas xlsxwriter msoffcrypto-tool"""
import datetime

import openpyxl
import pandas
from msoffcrypto.format.ooxml import OOXMLFile

NAMES = ["Cliente", "Material", "Factor F", "Ponderación Tradicional", "Factor 9", "Factor D", "Fecha", "Importe"]
ROWS = [
    ["7051602", "000000000000481516", 1.2, 0.27, 0.0, 0.0, datetime.date(2026, 11, 1), 1199.88],
    ["7051603", "000000000000234200", 1.2, 0.26, 0.0, 0.0, datetime.datetime(2026, 11, 2, 8, 30), -3],
    ["7051603", "000000000000000815", 0.0, 0.0, 3.9, 0.0, None, 1e21],
]


def fill(sheet):
    for row in [NAMES, *ROWS]:
        sheet.append(row)


for engine in ["openpyxl", "xlsxwriter"]:
    frame = pandas.DataFrame(ROWS, columns=NAMES)
    frame.to_excel(f"pandas-{engine}.xlsx", index=False, sheet_name="Datos", engine=engine)

book = openpyxl.Workbook()
book.active.title = "Datos"
fill(book.active)
book.active["I1"], book.active["I2"] = "Total", "=H2*2"
book.save("openpyxl-formula.xlsx")

book = openpyxl.Workbook(write_only=True)
fill(book.create_sheet("Datos"))
book.save("openpyxl-write-only.xlsx")

with open("pandas-openpyxl.xlsx", "rb") as plain, open("password.xlsx", "wb") as file:
    OOXMLFile(plain).encrypt("secreto", file)
