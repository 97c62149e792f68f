"""dbt's own functional suites, run against forebay: a plugin of pytest.

    FOREBAY=PATH PYTHONPATH=bench/dbt python -m pytest -p functional SUITE...

SUITE is a checkout's tests/functional of dbt-core, or the tests of dbt-adapters or dbt-duckdb, with a conftest.py
that takes in dbt's fixtures (`pytest_plugins = ["dbt.tests.fixtures.project"]`) and this profile
(`from functional import dbt_profile_target`). The environment needs dbt-core, dbt-duckdb and pytest. Without
FOREBAY the same suites run with dbt: what fails with both says nothing.

A suite calls dbt by `run_dbt`, and looks at results, the manifest and tables. Here `run_dbt` is the program, started
in the project's folder; results and manifest are what it has written to target/; SQL of the suite and of dbt's
adapter goes to it. What it refuses (exit code 2) is an exception that stands for any that a test expects: the words of
errors are its own, so that tests of words fail.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

PROGRAM = os.environ.get("FOREBAY")
VERBS = {
    "build", "clean", "clone", "compile", "debug", "deps", "docs", "list", "ls", "parse", "retry", "run", "run-operation",
    "seed", "show", "snapshot", "source", "test",
}  # fmt: skip
LOG_LINE = re.compile(r"^\d\d:\d\d:\d\d ")
SECONDS = 60
# A macro of a project of ours, for statements that `query` does not take.
STATEMENT = "{% macro statement_of_a_suite(sql) %}{% do run_query(sql) %}{% endmacro %}"


class Refused(Exception):
    """Exit code 2, with everything that was said."""

    def __init__(self, said):
        super().__init__(said)
        self.msg = said


@pytest.fixture(scope="class")
def dbt_profile_target(tmp_path_factory):
    return {"type": "duckdb", "path": str(tmp_path_factory.mktemp("database") / "dbt.duckdb"), "threads": 4}


def pytest_configure():
    if PROGRAM:
        take_over(Program())


class Program:
    def __init__(self):
        self.root = Path.cwd()
        self.said = ""
        # What a suite says the time is.
        self.now = None
        self.helpers = {}

    def start(self, arguments, folder, environment):
        environment = dict(environment)
        frozen = datetime.now(UTC).timestamp()
        if self.now:
            environment["FOREBAY_NOW"] = self.now
        elif abs(frozen - time.clock_gettime(time.CLOCK_REALTIME)) > 3600:
            environment["FOREBAY_NOW"] = datetime.fromtimestamp(frozen, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return subprocess.run(
            [PROGRAM, *arguments],
            check=False,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def invoke(self, arguments):
        """As `dbtRunner.invoke`."""
        arguments = [str(argument) for argument in arguments]
        self.root = Path(option(arguments, "--project-dir") or Path.cwd())
        done = self.start(arguments, Path.cwd(), os.environ)
        self.said = done.stdout + done.stderr
        print(f"$ {' '.join(arguments)}\n{self.said}\nexit {done.returncode}")
        if done.returncode not in (0, 1):
            return SimpleNamespace(success=False, exception=Refused(self.said), result=None)
        target = self.root / (option(arguments, "--target-path") or os.environ.get("DBT_TARGET_PATH") or "target")
        verb = next((argument for argument in arguments if argument in VERBS), "")
        result = self.result(verb, target, done)
        return SimpleNamespace(success=done.returncode == 0, exception=None, result=result)

    def result(self, verb, target, done):
        if verb in ("ls", "list"):
            return [line for line in done.stdout.splitlines() if line and not LOG_LINE.match(line)]
        if verb in ("deps", "clean", "debug"):
            return done.returncode == 0
        if verb == "parse":
            return manifest(target)
        if verb == "docs":
            return catalog(target)
        if verb == "source":
            return Results(SimpleNamespace(**result, node=stand_in(result)) for result in read(target / "sources.json"))
        return Results(results(target))

    def ask(self, sql):
        """Rows of a query, none of another statement."""
        # The catalog that is there beside every database of DuckDB's.
        sql = sql.strip().rstrip(";").strip().replace("system.information_schema", "information_schema")
        bare = re.sub(r"^(\s*(/\*.*?\*/|--[^\n]*\n))*\s*", "", sql, flags=re.DOTALL)
        word = bare.split(None, 1)[0].lower() if bare else ""
        if word in ("", "begin", "commit"):
            return []
        is_query = word in ("select", "with", "values")
        call = ["run-operation", "statement_of_a_suite", "--args", json.dumps({"sql": sql})]
        query = ["query", "--limit", "100000", "--output", "json", sql]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
        done = self.start(query if is_query else call, self.helper(), environment)
        if done.returncode:
            raise RuntimeError(f"{sql}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout or "[]") if is_query else []

    def helper(self):
        """A project over the tables of the suite's, so that those of broken ones can be read too."""
        if self.root not in self.helpers:
            folder = Path(tempfile.mkdtemp(prefix="suite"))
            (folder / "macros").mkdir()
            (folder / "macros/statement.sql").write_text(STATEMENT)
            (folder / "dbt_project.yml").write_text("name: suite\nprofile: test\n")
            warehouse = self.root / ".forebay"
            warehouse.mkdir(exist_ok=True)
            (folder / ".forebay").symlink_to(warehouse)
            self.helpers[self.root] = folder
        profiles = Path(os.environ.get("DBT_PROFILES_DIR", "")) / "profiles.yml"
        if profiles.is_file():
            shutil.copy(profiles, self.helpers[self.root])
        return self.helpers[self.root]


def option(arguments, name):
    for at, argument in enumerate(arguments):
        if argument == name:
            return arguments[at + 1]
        if argument.startswith(name + "="):
            return argument.split("=", 1)[1]
    return None


class Results(list):
    @property
    def results(self):
        return self


def read(artifact):
    return json.loads(artifact.read_text())["results"] if artifact.exists() else []


def stand_in(result):
    return SimpleNamespace(unique_id=result["unique_id"], name=result["unique_id"].split(".")[-1])


def manifest(target):
    from dbt.artifacts.schemas.manifest import WritableManifest
    from dbt.contracts.graph.manifest import Manifest

    file = target / "manifest.json"
    written = WritableManifest.read_and_check_versions(str(file)) if file.exists() else None
    return written and Manifest.from_writable_manifest(written)


def catalog(target):
    from dbt.artifacts.schemas.catalog import CatalogArtifact

    file = target / "catalog.json"
    return CatalogArtifact.read_and_check_versions(str(file)) if file.exists() else None


def results(target):
    from dbt.artifacts.schemas.results import NodeStatus

    known = manifest(target)
    sections = [known.nodes, known.unit_tests, known.sources, known.exposures, known.saved_queries] if known else []
    for result in read(target / "run_results.json"):
        found = [section[result["unique_id"]] for section in sections if result["unique_id"] in section]
        node = found[0] if found else stand_in(result)
        if result["compiled_code"] is not None:
            node.compiled_code, node.compiled = result["compiled_code"], True
        batches = result.get("batch_results")
        known_status = result["status"] in [status.value for status in NodeStatus]
        more = {
            "node": node,
            "status": NodeStatus(result["status"]) if known_status else result["status"],
            "batch_results": batches and SimpleNamespace(**batches),
        }
        yield SimpleNamespace(**{**result, **more})


def take_over(program):
    take_over_commands(program)
    take_over_sql(program)
    pytest.raises = raises


def take_over_commands(program):
    import dbt.cli.main
    from dbt.flags import get_flags
    from dbt.tests import util

    class Runner:
        def __init__(self, manifest=None, callbacks=None):
            pass

        def invoke(self, arguments, **options):
            more = []
            for name, value in options.items():
                name = "--" + name.replace("_", "-")
                if value not in (None, False):
                    more += [name] if value is True else [name, str(value)]
            return program.invoke([*arguments, *more])

    def run_dbt(args=None, expect_pass=True, callbacks=None):
        args = ["run"] if args is None else args
        flags = get_flags()
        for name in ("PROJECT_DIR", "PROFILES_DIR"):
            given = "--" + name.lower().replace("_", "-")
            if getattr(flags, name, None) and given not in args:
                args.extend([given, str(getattr(flags, name))])
        done = program.invoke(args)
        if done.exception:
            raise done.exception
        if expect_pass is not None:
            assert done.success == expect_pass, "exit code is not as expected"
        return done.result

    @contextmanager
    def batches_end(moment):
        program.now = moment.replace(" ", "T") + "Z"
        yield
        program.now = None

    dbt.cli.main.dbtRunner = util.dbtRunner = Runner
    util.run_dbt = run_dbt
    util.run_dbt_and_capture = lambda args=None, expect_pass=True: (run_dbt(args, expect_pass), program.said)
    util.get_manifest = lambda root: manifest(Path(root) / "target")
    util.patch_microbatch_end_time = batches_end


def take_over_sql(program):
    from dbt.adapters.contracts.connection import AdapterResponse
    from dbt.adapters.duckdb.column import DuckDBColumn
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager as Connections
    from dbt.adapters.duckdb.impl import DuckDBAdapter as Adapter
    from dbt.tests.fixtures.project import TestProjInfo as Project
    from dbt_common.clients import agate_helper

    def rows(sql):
        return [tuple(row.values()) for row in program.ask(sql)]

    def execute(_, sql, auto_begin=False, fetch=False, limit=None):
        found = program.ask(sql)
        table = agate_helper.table_from_data_flat(found, list(found[0])) if found else agate_helper.empty_table()
        return AdapterResponse(_message="OK"), table

    class Cursor:
        def __init__(self, sql):
            self.rows = rows(sql)

        def fetchone(self):
            return self.rows[0] if self.rows else None

        def fetchall(self):
            return self.rows

    def for_tests(_, sql, fetch, connection):
        found = rows(sql)
        return {"one": found[0] if found else None, "all": found}.get(fetch)

    def columns(_, relation):
        where = f"table_schema ilike '{relation.schema}' and table_name ilike '{relation.identifier}'"
        sql = f"select column_name, data_type from information_schema.columns where {where} order by ordinal_position"
        return [DuckDBColumn(column=name, dtype=dtype) for name, dtype in rows(sql)]

    def relations(adapter, schema, *_):
        sql = f"select table_name, table_type from information_schema.tables where table_schema ilike '{schema.schema}'"
        kinds = {"VIEW": "view"}
        return [
            adapter.Relation.create(schema.database, schema.schema, name, type=kinds.get(kind, "table"))
            for name, kind in rows(sql)
        ]

    def create_schema(project, schema_name=None):
        program.root = Path(project.project_root)
        program.ask(f'create schema if not exists "{schema_name or project.test_schema}"')

    Connections.execute = Adapter.execute = execute
    Connections.add_query = lambda self, sql, *_, **__: (None, Cursor(sql))
    Adapter.run_sql_for_tests = for_tests
    Adapter.get_columns_in_relation = columns
    Adapter.list_relations_without_caching = relations
    Project.create_test_schema = create_schema
    Project.drop_test_schema = lambda project: None


def raises(expected, *call, match=None, **options):
    """`pytest.raises`, to which a refusal is any exception."""
    if call:
        with Raises(expected):
            call[0](*call[1:], **options)
        return None
    return Raises(expected)


class Raises:
    def __init__(self, expected):
        self.expected = expected
        self.found = SimpleNamespace(value=None, type=None, typename="", match=lambda pattern: True)

    def __enter__(self):
        return self.found

    def __exit__(self, kind, value, trace):
        if value is None:
            pytest.fail(f"did not raise {self.expected}")
        self.found.value, self.found.type, self.found.typename = value, kind, kind.__name__
        return isinstance(
            value, (Refused, self.expected) if not isinstance(self.expected, tuple) else (Refused, *self.expected)
        )
