"""dbt projects, built by dbt with DuckDB and by forebay, compared: every table, every test.

    python3 bench/dbt/compare.py FOLDER... [--binary PATH] [--vars '{...}'] [--steps seed,run,test] [--again]

Each folder is a checked-out project with its packages already in dbt_packages/ (nothing is fetched). It is
copied, so it stays as it is; both copies get a profile of type duckdb under the project's profile name.

`--steps` is for projects whose sources are their own seeds: dbt knows no order between the two, so one `build` would
race. `--again` keeps dbt's side of the last time.

Printed for each project: both build times, then every difference: tables that only one side has, row counts,
columns, contents (as multisets of rows, columns by name, numbers to nine digits), and results of tests.
"""

import argparse
import collections
import decimal
import json
import re
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import WORK, Bench, measured  # noqa: E402

PROFILE = "{name}:\n  target: dev\n  outputs:\n    dev: {{type: duckdb, schema: main, path: '{path}', threads: 2}}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--binary", type=Path, help="a built forebay; else it is built")
    parser.add_argument("--around", type=Path, help="a folder above, copied too: the project reads files of it")
    parser.add_argument("--vars", default="{}", help="given to both")
    parser.add_argument("--steps", default="build", help="commands, in their order")
    parser.add_argument("--again", action="store_true", help="dbt's side is that of the last time")
    arguments = parser.parse_args()
    bench = Bench(pairs=1, small=False)
    binary = arguments.binary or bench.forebay()
    peers = bench.peers("dbt")
    different = 0
    for folder in arguments.folders:
        different += compare(folder.resolve(), binary, peers, arguments)
    sys.exit(1 if different else 0)


def compare(folder: Path, binary: Path, peers: Path, arguments: argparse.Namespace) -> int:
    root = WORK / "dbt" / folder.parent.name / folder.name
    print(f"\n## {folder.parent.name}/{folder.name}", flush=True)
    given = [] if arguments.vars == "{}" else ["--vars", arguments.vars]
    steps = arguments.steps.split(",")
    env = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_PROFILES_DIR": str(root)}
    kept = root / "dbt.json"
    if not (arguments.again and kept.exists()):
        shutil.rmtree(root, ignore_errors=True)
        theirs = copy(folder, root / "dbt", arguments.around)
        (root / "profiles.yml").write_text(PROFILE.format(name=profile(folder), path=root / "dbt.duckdb"))
        dbt = [peers / "dbt", "--quiet"]
        kept.write_text(json.dumps(attempt(dbt, steps, ["--project-dir", theirs, *given], theirs, env)))
    shutil.rmtree(root / "forebay", ignore_errors=True)
    ours = copy(folder, root / "forebay", arguments.around)
    said, expected, *_ = json.loads(kept.read_text())
    says, actual, messages = attempt([binary, "--project-dir", ours, "--quiet"], steps, given, ours, env)
    print(f"dbt {said}; forebay {says}")
    tables, found = differences(root, ours, binary, peers)
    found += unequal_results(expected, actual, messages)
    for line in found:
        print("  " + line)
    counted = f"{tables} tables, {len(expected)} results"
    print(f"  {counted}: " + ("equal" if not found else f"{len(found)} differences"), flush=True)
    return len(found)


def copy(folder: Path, to: Path, around: Path | None) -> Path:
    """The project, with what its local packages point at and what else is asked for."""
    packages = folder / "packages.yml"
    local = packages.exists() and "../" in packages.read_text()
    outside = around.resolve() if around else folder.parent if local else folder
    ignore = shutil.ignore_patterns(".git", "target", "logs", ".forebay", "*.duckdb", "profiles.yml")
    shutil.copytree(outside, to, ignore=ignore)
    return to / folder.relative_to(outside)


def profile(folder: Path) -> str:
    text = (folder / "dbt_project.yml").read_text()
    named = re.search(r"^profile:\s*['\"]?([\w-]+)", text, re.MULTILINE)
    return named.group(1) if named else "default"


def attempt(program: list, steps: list[str], arguments: list, cwd: Path, env: dict) -> tuple[str, dict, dict]:
    """How it went, and the statuses and messages of all steps: a build whose tests fail is a result too."""
    wall, cpu, ended, statuses, messages = 0.0, 0.0, "", {}, {}
    for step in steps:
        written = cwd / "target" / "run_results.json"
        written.unlink(missing_ok=True)
        start = time.perf_counter()
        try:
            sample = measured([*program, step, *arguments], cwd=cwd, env=env)
            wall, cpu = wall + sample.wall, cpu + sample.cpu
        except SystemExit as failed:
            wall += time.perf_counter() - start
            told = "" if written.exists() else "\n" + str(failed).partition("\n")[2].strip()
            ended += f", {step} ended with " + str(failed).split(":")[0].removeprefix("failed ") + told
        for result in json.loads(written.read_text())["results"] if written.exists() else []:
            statuses[result["unique_id"]] = result["status"]
            messages[result["unique_id"]] = result["message"]
    return f"{wall:.1f} s ({cpu:.1f} s of CPU){ended}", statuses, messages


def differences(root: Path, ours: Path, binary: Path, peers: Path, *kinds: str) -> tuple[int, list[str]]:
    """What is compared, counted, and the differences. `kinds`: what read_duckdb.py is to leave out."""
    reader = Path(__file__).parent / "read_duckdb.py"
    # Views over files name them from the project's folder.
    theirs = root / "dbt" / ours.relative_to(root / "forebay")
    expected = json.loads(measured([peers / "python", reader, root / "dbt.duckdb", *kinds], cwd=theirs).output)
    found = []
    for table, rows in sorted(expected.items()):
        query = [binary, "--project-dir", ours, "--profiles-dir", root, "--quiet", "query", f'select * from {table}', "--limit", "100000000", "--output", "json"]
        try:
            actual = json.loads(measured(query, cwd=ours).output)
        except SystemExit as failed:
            found.append(f"{table}: {str(failed).splitlines()[-1][:160]}")
            continue
        found += [f"{table}: {what}" for what in unequal(rows, actual)]
    return len(expected), found


def unequal(expected: list[dict], actual: list[dict]) -> list[str]:
    if len(expected) != len(actual):
        return [f"{len(expected)} rows, ours {len(actual)}"]
    if not expected:
        return []
    names, own = [sorted(name.lower() for name in rows[0]) for rows in (expected, actual)]
    if names != own:
        return [f"columns {names}, ours {own}"]
    left, right = (collections.Counter(line(row) for row in rows) for rows in (expected, actual))
    if left == right:
        return []
    one, other = next(iter(left - right)), next(iter(right - left))
    columns = [name for name, a, b in zip(names, one, other) if a != b]
    return [f"{sum((left - right).values())} rows differ, first in {columns}: {one} ours {other}"[:400]]


def line(row: dict) -> tuple:
    return tuple(plain(row[key]) for key in sorted(row, key=str.lower))


def plain(value) -> str | None:
    """Texts that are numbers count as numbers: types are compared by their values only."""
    if value is None or isinstance(value, bool):
        return None if value is None else str(value).lower()
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        return f"{decimal.Decimal(f'{decimal.Decimal(text):.9g}').normalize():f}" if not re.search(r"[a-zA-Z]{2}", text) else text
    except decimal.InvalidOperation:
        text = re.sub(r"(?<=\d)[T ](?=\d\d:)", " ", text)
        return re.sub(r"( 00:00:00(\.0+)?)?(Z|\+00(:00)?)?$", "", re.sub(r"\.(\d*?)0+(?=Z|\+|$)", r".\1", text)).rstrip(".")


def unequal_results(expected: dict, actual: dict, messages: dict) -> list[str]:
    """With what ours says of an error: it names the cause."""

    def told(node: str) -> str:
        message = messages.get(node) if actual.get(node) == "error" else None
        return f" ({' '.join(message.split())[:300]})" if message else ""

    return [
        f"{node}: {status}, ours {actual.get(node, 'not there')}{told(node)}"
        for node, status in sorted(expected.items())
        if actual.get(node) != status
    ] + [f"{node}: only ours" for node in sorted(set(actual) - set(expected))]


if __name__ == "__main__":
    main()
