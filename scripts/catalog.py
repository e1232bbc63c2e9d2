"""Runs a query that is written for Athena on the archive of purchases, with DuckDB.

sqlglot translates the query, and the columns are those of deploy/athena/compras.sql, so what
runs here is what is shipped. DuckDB reads one line of JSON after the other, as Athena does,
and refuses what is not one.
"""

import argparse
import datetime
import decimal
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

import duckdb
import sqlglot
from sqlglot import exp

ATHENA = pathlib.Path(__file__).parent.parent / "deploy" / "athena"
SHIPPED = {path.name.split("-")[0]: path for path in ATHENA.glob("q*.sql")}
FOLDERS = {"compras_json": "compras", "compras_dia": "compras_dia"}
PATH = r"/(?:compras|compras_dia)/([^/]+)/(\d{4})/(\d{2})/(\d{2})/[^/]+$"

# JSON has all digits of a number, of which Athena's double keeps 15 to 17.
NUMBER = "DECIMAL(38, 10)"


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/catalog query", description=__doc__,
                                     epilog="Other options are those of `scripts/catalog download`.")
    parser.add_argument("query", help=f"{', '.join(sorted(SHIPPED))}, or a file in Athena's SQL")
    parser.add_argument("--dia", action="store_true", help="read compras_dia in place of compras_json")
    parser.add_argument("--tenant", help="read the purchases of this tenant alone")
    parser.add_argument("--desde", type=day, default="0001-01-01", help="the first day")
    parser.add_argument("--hasta", type=day, default="9999-12-31", help="the last day")
    parser.add_argument("--json", action="store_true", help="print rows as JSON; decimals as strings")
    parser.add_argument("--sql", action="store_true", help="print the query for Athena and run nothing")
    parser.add_argument("--folder", type=pathlib.Path, help="a copy of the archive to read")
    parser.add_argument("--catalog", default="catalog", help=argparse.SUPPRESS)
    return parser.parse_known_args()


def day(text):
    return datetime.date.fromisoformat(text).isoformat()


def filled(sql, values):
    """The query with a value for each placeholder, as in '${tenant}'."""
    def value(match):
        name = match[1]
        if values.get(name) is None:
            sys.exit(f"catalog: the query needs --{name}")
        return values[name].replace("'", "''")
    return re.sub(r"\$\{(\w+)\}", value, sql)


def columns(table):
    """The columns of a table, as its definition for Athena has them, with DuckDB's types."""
    for statement in sqlglot.parse((ATHENA / "compras.sql").read_text(), read="athena"):
        if isinstance(statement, exp.Create) and statement.find(exp.Table).name == table:
            definitions = statement.this.expressions
            return {column.name: column.kind.sql("duckdb").replace("DOUBLE", NUMBER)
                    for column in definitions if isinstance(column, exp.ColumnDef)}
    raise LookupError(table)


def encoded(tenant):
    """A tenant as it is in keys, and so in the column tenant_id."""
    if tenant in (".", ".."):
        return "%2E" * len(tenant)
    return urllib.parse.quote(tenant, safe="").replace("~", "%7E")


def tables_of(query):
    return FOLDERS.keys() & {table.name for table in query.find_all(exp.Table)}


def make_view(connection, table, folder, tenant):
    """A table as Athena sees it: columns of the lines, and partitions of the path."""
    fields = columns(table)
    pattern = f"{FOLDERS[table]}/{encoded(tenant) if tenant else '*'}/*/*/*/*"
    if next(folder.glob(pattern), None) is None:
        empty = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in fields.items())
        source = f"(SELECT {empty}, '' AS filename WHERE false)"
    else:
        types = ", ".join(f"'{name}': '{kind}'" for name, kind in fields.items())
        source = (f"read_json({quoted(str(folder / pattern))}, format = 'newline_delimited', "
                  f"filename = true, columns = {{{types}}})")
    partitions = ", ".join(f"regexp_extract(filename, {quoted(PATH)}, {n}) AS {name}"
                           for n, name in enumerate(("tenant_id", "year", "month", "day"), 1))
    names = ", ".join(f'"{name}"' for name in fields)
    connection.execute(f"CREATE VIEW {table} AS SELECT {names}, {partitions} FROM {source}")


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def run(query, folder, tenant):
    connection = duckdb.connect()
    for table in tables_of(query):
        make_view(connection, table, folder, tenant)
    result = connection.execute(query.sql("duckdb"))
    return [column[0] for column in result.description], result.fetchall()


def plain(value):
    if isinstance(value, decimal.Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    return value


def show(names, rows):
    cells = [names] + [["" if value is None else str(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    for n, row in enumerate(cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        if n == 0:
            print("  ".join("-" * width for width in widths))


def download(options, others, table, folder):
    command = [options.catalog, "download", "--to", folder, *others]
    if options.tenant:
        command += ["--tenant", options.tenant]
    if table == "compras_dia":
        command.append("--dia")
    subprocess.run(command, check=True)


def main():
    options, others = arguments()
    values = {"tenant": options.tenant and encoded(options.tenant),
              "desde": options.desde, "hasta": options.hasta}
    sql = SHIPPED.get(options.query, pathlib.Path(options.query)).read_text()
    sql = filled(sql, values)
    if options.dia:
        sql = re.sub(r"\bcompras_json\b", "compras_dia", sql)
    if options.sql:
        print(sql, end="")
        return
    query = sqlglot.parse_one(sql, read="athena")
    with tempfile.TemporaryDirectory() as temporary:
        if options.folder is None:
            for table in tables_of(query):
                download(options, others, table, temporary)
        folder = options.folder or pathlib.Path(temporary)
        names, rows = run(query, folder, options.tenant)
    rows = [[plain(value) for value in row] for row in rows]
    if options.json:
        print(json.dumps([dict(zip(names, row)) for row in rows], ensure_ascii=False))
    else:
        show(names, rows)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    except (OSError, duckdb.Error, sqlglot.ParseError) as error:
        sys.exit(f"catalog: {error}")
