"""dbt's manifest and ours, compared: every node, edge, id, setting.

    python3 bench/dbt/manifests.py FOLDER... [--binary PATH] [--schema manifest-v12.json] [--vars '{...}']
    python3 bench/dbt/manifests.py --files THEIRS.json OURS.json [--schema manifest-v12.json]

Each folder is a checked-out project with its packages already in dbt_packages/ and a profile of type duckdb.
Both programs parse it, into target folders of their own. Differences are grouped by section and field, with
the first few of each; what must differ (names of the database, times, paths of the machine) is left out.
With --schema, ours is also validated against dbt's own JSON schema.
"""

import argparse
import collections
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SECTIONS = [
    "nodes", "sources", "macros", "docs", "exposures", "groups", "metrics", "semantic_models", "saved_queries",
    "unit_tests", "disabled", "selectors", "parent_map", "child_map", "group_map", "functions",
]  # fmt: skip
# Of the machine, of the moment, or of the adapter.
LEFT_OUT = {"created_at", "database", "root_path", "build_path", "compiled_path", "unrendered_database", "env"}
# Of Python's own way to print: ours are made of the same things in another way.
HASHES = {("unit_tests", "checksum")}
# Macros that every adapter brings of its own: ours are not dbt's.
BUILTIN = ("macro.dbt.", "macro.dbt_duckdb.", "doc.dbt.")
SHOWN = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--files", nargs=2, type=Path, metavar=("THEIRS", "OURS"))
    parser.add_argument("--binary", type=Path, help="a built forebay; else it is built")
    parser.add_argument("--schema", type=Path, help="dbt's schema of manifests, version 12")
    parser.add_argument("--vars", default="{}", help="given to both")
    arguments = parser.parse_args()
    pairs = [(f"{arguments.files[0]}, {arguments.files[1]}", *arguments.files)] if arguments.files else parsed(arguments)
    different = 0
    for name, theirs, ours in pairs:
        print(f"\n## {name}", flush=True)
        found = differences(read(theirs), read(ours))
        if arguments.schema:
            found += invalid(read(arguments.schema), read(ours))
        print("\n".join("  " + line for line in found) or "  equal")
        different += len(found)
    sys.exit(1 if different else 0)


def parsed(arguments: argparse.Namespace) -> list[tuple[str, Path, Path]]:
    from harness import WORK, Bench, measured

    bench = Bench(pairs=1, small=False)
    binary, peers = arguments.binary or bench.forebay(), bench.peers("dbt")
    given = [] if arguments.vars == "{}" else ["--vars", arguments.vars]
    pairs = []
    for folder in (folder.resolve() for folder in arguments.folders):
        theirs, ours = (WORK / "manifests" / folder.parent.name / folder.name / who for who in ("dbt", "forebay"))
        env = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_PROFILES_DIR": str(folder)}
        for program, target in ((peers / "dbt", theirs), (binary, ours)):
            measured([program, "parse", "--project-dir", folder, "--target-path", target, *given], cwd=folder, env=env)
        pairs.append((f"{folder.parent.name}/{folder.name}", theirs / "manifest.json", ours / "manifest.json"))
    return pairs


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def differences(theirs: dict, ours: dict) -> list[str]:
    found = collections.defaultdict(list)
    for section in SECTIONS:
        left, right = (own(manifest.get(section) or {}) for manifest in (theirs, ours))
        for key in sorted(left.keys() | right.keys()):
            if key not in right:
                found[f"{section}: not in ours"].append(key)
            elif key not in left:
                found[f"{section}: only in ours"].append(key)
            else:
                for field, a, b in unequal(section, left[key], right[key]):
                    found[f"{section}: {field}"].append(f"{key}: {shown(a)} ours {shown(b)}")
    return [line for what, all in found.items() for line in group(what, all)]


def own(section: dict) -> dict:
    return {key: value for key, value in section.items() if not key.startswith(BUILTIN)}


def group(what: str, all: list[str]) -> list[str]:
    more = [f"    ... and {len(all) - SHOWN} more"] if len(all) > SHOWN else []
    return [f"{what} ({len(all)})", *("    " + line for line in all[:SHOWN]), *more]


def unequal(section: str, theirs, ours, path: str = ""):
    """Fields that differ, two levels deep: `config.meta`."""
    if section == "disabled" and isinstance(theirs, list):
        theirs, ours = theirs[0], ours[0]
    if not isinstance(theirs, dict) or not isinstance(ours, dict):
        if plain(theirs) != plain(ours):
            yield path or "value", theirs, ours
        return
    for field in sorted(theirs.keys() | ours.keys()):
        if field in LEFT_OUT or (section, field) in HASHES:
            continue
        a, b = theirs.get(field), ours.get(field)
        name = f"{path}.{field}" if path else field
        if field == "relation_name":
            a, b = unqualified(a), unqualified(b)
        if field == "macro_sql":
            a, b = (a or "").strip(), (b or "").strip()
        if field == "config" and isinstance(a, dict) and isinstance(b, dict):
            yield from unequal(section, a, b, name)
        elif plain(a) != plain(b):
            yield name, a, b


def plain(value):
    """Lists of ids in any order; without the macros that are the adapter's own."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return sorted(item for item in value if not item.startswith(BUILTIN))
    if isinstance(value, dict):
        relation = {"relation_name": unqualified(value["relation_name"])} if "relation_name" in value else {}
        return {key: plain(item) for key, item in (value | relation).items() if key not in LEFT_OUT}
    if isinstance(value, list):
        return distinct([plain(item) for item in value]) if calls(value) else [plain(item) for item in value]
    return value


def calls(value: list) -> bool:
    """`refs` and `sources`: dbt's two parsers disagree on their order and on calls made twice."""
    ref = {"name", "package", "version"}
    return all(isinstance(item, dict) and item.keys() == ref or isinstance(item, list) and len(item) == 2 for item in value)


def distinct(items: list) -> list:
    return sorted({json.dumps(item, sort_keys=True) for item in items})


def unqualified(relation: str | None) -> str | None:
    return ".".join(relation.split(".")[-2:]) if isinstance(relation, str) else relation


def shown(value) -> str:
    text = json.dumps(value)
    return text if len(text) < 160 else text[:157] + "..."


def invalid(schema: dict, manifest: dict) -> list[str]:
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema)
    found = collections.Counter()
    for error in validator.iter_errors({key: value for key, value in manifest.items() if key != "forebay"}):
        deepest = max(error.context or [error], key=lambda inner: len(inner.absolute_path))
        where = ".".join("*" if depth == 1 else str(part) for depth, part in enumerate(deepest.absolute_path))
        found[f"schema: {where}: {deepest.message[:200]}"] += 1
    return [f"{what} ({count})" for what, count in found.most_common()]


if __name__ == "__main__":
    main()
