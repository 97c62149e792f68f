"""Reads dbt's artifacts by models that were made of dbt's own JSON schemas and allow no other key."""

import json
import sys
from pathlib import Path

from dbt_artifacts_parser import parser

READERS = {
    "manifest.json": parser.parse_manifest_v12,
    "run_results.json": parser.parse_run_results_v6,
    "catalog.json": parser.parse_catalog_v1,
    "sources.json": parser.parse_sources_v3,
}

folder = Path(sys.argv[1])
for name, read in READERS.items():
    read(json.loads((folder / name).read_text()))
