"""Runs the statements of cases.txt on DuckDB, on PostgreSQL and on ourselves in both dialects, and prints
where the answers differ.

    python compare.py [--only TOPIC] [--match TEXT] [--all] [--write]

Needs duckdb and psycopg2, a PostgreSQL that PGHOST/PGPORT/PGUSER lead to, and the example
`sql_answers` of the crate lake in $CARGO_TARGET_DIR/debug/examples.
"""

import argparse
import datetime as dt
import decimal
import json
import math
import os
import re
import subprocess
from pathlib import Path

import duckdb
import psycopg2
import psycopg2.extensions as pg

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def cases(path: Path):
    """(topic, dialects, statement): `D:` and `P:` before a statement keep it to one of the two."""
    topic = ""
    for line in path.read_text().splitlines():
        line = line.strip()
        if line.startswith("# "):
            topic = line[2:]
        elif line.startswith(("D: ", "P: ")):
            yield topic, {"D": ["duckdb"], "P": ["postgres"]}[line[0]], line[3:]
        elif line and not line.startswith("--"):
            yield topic, ["duckdb", "postgres"], line


# --- values as tests/it/answer.rs writes them


def text(v):
    match v:
        case None:
            return "NULL"
        case bool():
            return str(v).lower()
        case float():
            return of_float(v)
        case decimal.Decimal():
            return f"{v:f}" if v.is_finite() else str(v)
        case dt.datetime():
            zone = "+00" if v.tzinfo else ""
            v = v.astimezone(dt.timezone.utc) if v.tzinfo else v
            fraction = f".{v.microsecond:06}" if v.microsecond else ""
            return f"{v.year:04}-{v:%m-%d %H:%M:%S}" + fraction.rstrip("0") + zone
        case dt.date():
            return f"{v.year:04}-{v:%m-%d}"
        case dt.time():
            return v.isoformat().rstrip("0") if v.microsecond else v.isoformat()
        case list() | tuple():
            return "[" + ", ".join(map(text, v)) + "]"
        case dict():
            return "{" + ", ".join(f"{k}: {text(x)}" for k, x in v.items()) + "}"
        case bytes() | bytearray() | memoryview():
            return bytes(v).hex()
        case _:
            return str(v)


def of_float(v):
    if math.isinf(v):
        return "Infinity" if v > 0 else "-Infinity"
    return "NaN" if math.isnan(v) else repr(v)


UNITS = {"year": (12, 0, 0), "mon": (1, 0, 0), "month": (1, 0, 0), "day": (0, 1, 0)}


def interval(found):
    """An interval as DuckDB and PostgreSQL write it, in months, days and microseconds."""
    if found is None:
        return "NULL"
    months = days = micros = 0
    for number, unit in re.findall(r"(-?\d+) (year|mon|month|day)s?\b", found):
        m, d, _ = UNITS[unit]
        months, days = months + int(number) * m, days + int(number) * d
    clock = re.search(r"(-?)(\d+):(\d+):(\d+)(?:\.(\d+))?", found)
    if clock:
        sign, h, m, s, fraction = clock.groups()
        micros = (int(h) * 3600 + int(m) * 60 + int(s)) * 1_000_000 + int((fraction or "0").ljust(6, "0"))
        micros = -micros if sign else micros
    return f"{months}m {days}d {micros}us"


# --- types, as far as they matter

CLASSES = [
    (r"^(numeric|decimal)(.*)", r"numeric\2"),
    (r"^(smallint|integer|bigint|tinyint|u?tinyint|usmallint|uinteger|ubigint|int[248])$", "int"),
    (r"^(hugeint|uhugeint)$", "hugeint"),
    (r"^(double|double precision|float8|float|real|float4)$", "double"),
    (r"^(varchar|text|character varying|bpchar|name|char|uuid|unknown|json|jsonb|enum.*|\"null\"|null)$", "text"),
    (r"^timestamp( without time zone|_s|_ms|_ns)?$", "timestamp"),
    (r"^(timestamp with time zone|timestamptz)$", "timestamptz"),
    (r"^struct.*|^map.*|^record$", "struct"),
    (r"^bool$", "boolean"),
]


def type_class(name):
    name = name.lower().strip()
    if name.endswith("[]"):
        return type_class(name[:-2]) + "[]"
    for pattern, by in CLASSES:
        if re.match(pattern, name):
            return re.sub(pattern, by, name)
    return name


# --- the engines: each answers ("ok", columns, rows) or ("error", message)


class DuckDb:
    def __init__(self):
        self.con = duckdb.connect()
        self.con.execute("set timezone='UTC'")

    def answer(self, sql):
        try:
            cursor = self.con.execute(sql)
            columns = [(c[0], str(c[1])) for c in cursor.description or []]
            if any("INTERVAL" in t for _, t in columns) and sql.lower().startswith(("select", "with", "from")):
                rows = self.con.execute(f"select columns(*)::varchar from ({sql}) x").fetchall()
                rows = [[interval(v) if t == "INTERVAL" else v for v, (_, t) in zip(r, columns)] for r in rows]
            else:
                rows = cursor.fetchall()
            if not sql.lower().startswith(("select", "with", "from", "values", "(", "pivot", "unpivot", "describe", "show", "summarize")):
                rows, columns = [], []
            return "ok", columns, [[text(v) for v in r] for r in rows]
        except Exception as e:
            return "error", str(e).split("\n")[0]


class Postgres:
    def __init__(self):
        self.con = psycopg2.connect(host=os.environ.get("PGHOST", "127.0.0.1"), dbname="postgres")
        self.con.autocommit = True
        for oids, name, cast in [
            ((1082,), "date", lambda v, c: v),
            ((1114,), "timestamp", lambda v, c: v),
            ((1184,), "timestamptz", lambda v, c: v),
            ((1186,), "interval", lambda v, c: interval(v)),
            ((1700,), "numeric", lambda v, c: v),
            ((114, 3802), "json", lambda v, c: v),
        ]:
            pg.register_type(pg.new_type(oids, name, cast), self.con)
            if oids[0] == 1082:
                pg.register_type(pg.new_array_type((1182,), "date[]", pg.new_type(oids, "d", cast)), self.con)
        cursor = self.con.cursor()
        cursor.execute("drop schema if exists ours cascade; create schema ours; set search_path = ours")
        cursor.execute("select oid, format_type(oid, null) from pg_type")
        self.types = dict(cursor.fetchall())

    def answer(self, sql):
        try:
            cursor = self.con.cursor()
            cursor.execute(sql)
            if cursor.description is None:
                return "ok", [], []
            def name(c):
                typed = self.types.get(c.type_code, "?")
                if c.type_code == 1700 and c.scale is not None and c.scale < 1000 and c.precision and c.precision < 1000:
                    typed += f"({c.precision},{c.scale})"
                return typed
            columns = [(c.name, name(c)) for c in cursor.description]
            return "ok", columns, [[text(v) for v in r] for r in cursor.fetchall()]
        except Exception as e:
            return "error", str(e).split("\n")[0]


class Ours:
    def __init__(self, dialect):
        self.process = None
        self.dialect = dialect
        self.start()

    def start(self):
        program = TARGET / "debug" / "examples" / "sql_answers"
        self.process = subprocess.Popen(
            [program, self.dialect], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def answer(self, sql):
        self.process.stdin.write(json.dumps(sql) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.start()
            return "error", "CRASH"
        answer = json.loads(line)
        if "error" in answer:
            return "error", answer["error"].replace("\n", " | ")
        return "ok", [tuple(c) for c in answer["columns"]], answer["rows"]


def spelled(v):
    """Years before the first and after 9999, and fractions of seconds, as DuckDB writes them."""
    day = re.match(r"^([+-]?\d{4,})-(\d\d-\d\d)(.*)$", v)
    if day:
        year, rest, clock = int(day[1]), day[2], day[3]
        return f"{year:04}-{rest}{clock}" if year > 0 else f"{1 - year:04}-{rest} (BC){clock}"
    return v.rstrip("0") if re.match(r"^\d\d:\d\d:\d\d\.\d+$", v) else v


def same_value(a, b):
    if a == b or a == spelled(b):
        return True
    try:
        x, y = float(a), float(b)
        return math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) and not (a.isdigit() and b.isdigit())
    except ValueError:
        pass
    loose = lambda v: re.sub(r"(\d)\.0+(?=[\],}]|$)", r"\1", v.replace('"', "").replace("'", "").replace(" ", "").replace("NULL", "null"))
    return a[:1] in "[{" and loose(a) == loose(b)


def verdict(theirs, ours, ordered):
    if theirs[0] == "error":
        return "both refuse" if ours[0] == "error" else "only we answer"
    if ours[0] == "error":
        return "MISSING"
    a, b = theirs[2], ours[2]
    if not ordered:
        a, b = sorted(a), sorted([spelled(v) for v in row] for row in b)
    if len(a) != len(b) or any(len(x) != len(y) or not all(map(same_value, x, y)) for x, y in zip(a, b)):
        return "WRONG"
    types = [(type_class(x[1]), type_class(y[1])) for x, y in zip(theirs[1], ours[1])]
    if any(x != y and not (x.startswith("numeric") and x == "numeric" and y.startswith("numeric")) for x, y in types):
        return "TYPE"
    return "same"


def short(answer):
    if answer[0] == "error":
        return "! " + answer[1][:260]
    types = ", ".join(t for _, t in answer[1])
    rows = " / ".join("|".join(r) for r in answer[2])
    return f"{rows[:400]}   <{types[:120]}>"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--match", default="")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--write", action="store_true", help="keep what is the same as tests of the crate lake")
    parser.add_argument("--cases", default=str(HERE / "cases.txt"))
    options = parser.parse_args()
    oracles = {"duckdb": DuckDb(), "postgres": Postgres()}
    ours = {name: Ours(name) for name in oracles}
    for statement in (HERE / "setup.sql").read_text().split(";\n"):
        for engine in [*oracles.values(), *ours.values()]:
            answer = engine.answer(statement) if statement.strip() else ("ok",)
            if answer[0] != "ok":
                print("SETUP", type(engine).__name__, answer[1], statement[:80])
    counts, kept = {}, {name: [] for name in oracles}
    for topic, dialects, sql in cases(Path(options.cases)):
        if options.only not in topic or options.match not in sql:
            continue
        found = {d: (oracles[d].answer(sql), ours[d].answer(sql)) for d in dialects}
        answered = any(theirs[0] == "ok" for theirs, _ in found.values())
        for dialect, (theirs, mine) in found.items():
            said = verdict(theirs, mine, "order by" in sql.lower())
            # What only the other of the two knows is read as that one reads it.
            if said == "only we answer" and answered and len(dialects) == 2:
                other = next(t for t, _ in found.values() if t[0] == "ok")
                said = "other: " + verdict(other, mine, "order by" in sql.lower())
                theirs = other if said != "other: same" else theirs
            counts[said] = counts.get(said, 0) + 1
            if said in ("same", "TYPE"):
                rows = ["|".join(row).replace("\n", "\\n") for row in theirs[2]]
                kept[dialect].append("\n".join([f"> {sql}", *rows]))
            if options.all or said not in ("same", "both refuse", "other: same"):
                print(f"{said:8} [{topic}] {dialect}: {sql}\n    theirs {short(theirs)}\n    ours   {short(mine)}")
    print(counts)
    if options.write:
        for dialect, lines in kept.items():
            (ROOT / "crates" / "lake" / "tests" / "sql_cases" / f"{dialect}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
