"""Runs one Python model: its inputs come as Arrow files, its answer goes as one.

Called with the path of a JSON file, see `Job` in mod.rs. Exits with 0 and the answer in `output`, or with 1 and the
reason in `error`.
"""

import json
import os
import sys
import traceback


def read(path):
    import pyarrow as pa

    with pa.memory_map(path) as source:
        return pa.ipc.open_file(source).read_all()


class Table:
    """An input where the environment has no DuckDB: the ways out that DuckDB's relations have."""

    def __init__(self, table):
        self._table = table

    def arrow(self):
        return self._table

    def df(self):
        return self._table.to_pandas()

    def pl(self):
        import polars

        return polars.from_arrow(self._table)

    def fetchall(self):
        return [tuple(row.values()) for row in self._table.to_pylist()]

    to_arrow_table = arrow
    to_df = df
    to_pandas = df

    @property
    def columns(self):
        return self._table.column_names

    def __len__(self):
        return self._table.num_rows


class NoSession:
    """In the place of a session where the environment has none."""

    def __getattr__(self, name):
        raise RuntimeError(
            f"session.{name} needs DuckDB in the environment of the project's Python: pip install duckdb"
        )


class This:
    def __init__(self, given):
        self.database = given["database"]
        self.schema = given["schema"]
        self.identifier = given["identifier"]
        self._sql = given["sql"]

    def __repr__(self):
        return self._sql


class Config:
    def __init__(self, settings):
        self._settings = settings

    def __call__(self, **settings):
        """Was read before the model runs."""

    def get(self, name, default=None):
        found = self._settings.get(name)
        return default if found is None else found

    def meta_get(self, name, default=None):
        return (self._settings.get("meta") or {}).get(name, default)


class Dbt:
    def __init__(self, job, open_table):
        self._job = job
        self._open = open_table
        self.config = Config(job["config"])
        self.this = This(job["this"])
        self.is_incremental = Incremental(job["is_incremental"])

    def ref(self, *names, v=None, version=None):
        version = v if v is not None else version
        call = "ref " + ".".join(names) + (f" v{version}" if version is not None else "")
        return self._input(call)

    def source(self, *names):
        return self._input("source " + ".".join(names))

    def _input(self, call):
        if call not in self._job["inputs"]:
            raise RuntimeError(f"{call} was not seen while the project was read: write its name out in the call")
        return self._open(self._job["inputs"][call])


class Incremental:
    """`dbt.is_incremental` is a value to some, and called by others."""

    def __init__(self, value):
        self._value = value

    def __bool__(self):
        return self._value

    def __call__(self):
        return self._value

    def __repr__(self):
        return repr(self._value)


def session_of(job):
    """A DuckDB connection that knows the inputs by their names, where there is a DuckDB."""
    try:
        import duckdb
    except ImportError:
        return NoSession(), lambda given: Table(read(given["path"]))
    session = duckdb.connect()
    database = quoted(job["this"]["database"])
    session.execute(f"attach if not exists ':memory:' as {database}; use {database}")
    opened = {}

    def register(given):
        name = f"input_{len(opened)}"
        table = opened[given["path"]] = read(given["path"])
        session.register(name, table)
        if given.get("schema"):
            session.execute(f"create schema if not exists {quoted(given['schema'])}")
            view = f"{quoted(given['schema'])}.{quoted(given['identifier'])}"
            session.execute(f"create or replace view {view} as select * from {name}")

    known = list(job["inputs"].values())
    for given in known + ([job["this"]] if job["this"].get("path") else []):
        if given["path"] not in opened:
            register(given)
    return session, lambda given: session.from_arrow(opened[given["path"]])


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def as_arrow(answer):
    import pyarrow as pa

    if isinstance(answer, Table):
        return answer.arrow()
    if isinstance(answer, pa.Table):
        return answer
    if isinstance(answer, pa.RecordBatch):
        return pa.Table.from_batches([answer])
    if isinstance(answer, pa.RecordBatchReader):
        return answer.read_all()
    module = type(answer).__module__.split(".")[0]
    if module == "pandas" and type(answer).__name__ == "DataFrame":
        return from_pandas(answer)
    if module == "polars":
        frame = answer.collect() if hasattr(answer, "collect") else answer
        return frame.to_arrow()
    if hasattr(answer, "to_arrow_table"):
        return answer.to_arrow_table()
    if hasattr(answer, "__arrow_c_stream__"):
        return pa.table(answer)
    for way in ("arrow", "toArrow", "to_table", "to_pandas"):
        if hasattr(answer, way):
            return as_arrow(getattr(answer, way)())
    kind = f"{type(answer).__module__}.{type(answer).__name__}"
    raise TypeError(
        f"the function 'model' gave a {kind}: a pandas, polars, Arrow or DuckDB table is needed"
    )


def from_pandas(frame):
    """Columns of values of several types are texts, as DuckDB reads them."""
    import pyarrow as pa

    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        pass
    columns = {}
    for at, name in enumerate(frame.columns):
        values = frame.iloc[:, at]
        try:
            columns[str(name)] = pa.Array.from_pandas(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            missing = values.isna()
            texts = [None if gone else str(value) for value, gone in zip(values, missing)]
            columns[str(name)] = pa.array(texts, pa.string())
    return pa.table(columns)


def lengths(column):
    """Lengths of time, which tables keep as intervals."""
    import pyarrow as pa

    micros = column.cast(pa.duration("us"), safe=False).cast(pa.int64()).to_pylist()
    parts = [None if each is None else pa.MonthDayNano([0, 0, each * 1000]) for each in micros]
    return pa.array(parts, pa.month_day_nano_interval())


def plain(table):
    """Types that tables have: no dictionaries, times in microseconds, no columns without a type."""
    import pyarrow as pa

    def wanted(kind):
        if pa.types.is_dictionary(kind):
            return wanted(kind.value_type)
        if pa.types.is_timestamp(kind):
            return pa.timestamp("us", kind.tz)
        if pa.types.is_large_string(kind) or kind == getattr(pa, "string_view", lambda: None)():
            return pa.string()
        if pa.types.is_large_binary(kind):
            return pa.binary()
        if pa.types.is_null(kind):
            return pa.int32()
        if pa.types.is_time(kind):
            return pa.time64("us")
        return kind

    names = [str(name) for name in table.column_names]
    columns = []
    for column in table.columns:
        if pa.types.is_duration(column.type):
            columns.append(lengths(column))
            continue
        kind = wanted(column.type)
        columns.append(column if kind == column.type else column.cast(kind, safe=False))
    return pa.table(columns, names=names)


def not_kept(session):
    """Tables that the model has made beside what it gives."""
    if isinstance(session, NoSession):
        return []
    made = "select schema_name || '.' || table_name from duckdb_tables() where not temporary order by 1"
    return [name for (name,) in session.execute(made).fetchall()]


def write(table, path):
    import pyarrow as pa

    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def problem(error, file):
    """What went wrong, and the last line of the model's own file on the way there."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == file]
    line = own[-1].lineno if own else getattr(error, "lineno", None)
    shown = traceback.format_list([frame for frame in frames if frame.filename != __file__])
    text = str(error)
    name = type(error).__name__
    return {
        "message": f"{name}: {text}" if text else name,
        "line": line,
        "trace": "".join(shown).rstrip(),
        "missing": getattr(error, "name", None) if isinstance(error, ImportError) else None,
    }


def main():
    with open(sys.argv[1], encoding="utf-8") as source:
        job = json.load(source)
    sys.path[:0] = job["path"]
    try:
        import pyarrow  # noqa: F401

        with open(job["file"], encoding="utf-8") as source:
            code = compile(source.read(), job["file"], "exec")
        scope = {"__name__": "dbt_model", "__file__": job["file"]}
        exec(code, scope)
        session, open_table = session_of(job)
        dbt = Dbt(job, open_table)
        answer = scope["model"](dbt, session)
        write(plain(as_arrow(answer)), job["output"])
        for name in not_kept(session):
            print(f"the table {name} is in the model's session alone, and ends with it", flush=True)
    except BaseException as error:  # the reason is what the caller shows
        sys.stdout.flush()
        with open(job["error"], "w", encoding="utf-8") as sink:
            json.dump(problem(error, job["file"]), sink)
        sys.exit(1)


main()
