"""What every script here does with the folders that Forebay names: read the rows, write the scores."""

import json
import os
import pathlib

import pandas as pd

FOLDER = pathlib.Path(os.environ["FOREBAY_TRAINING_SET"])
OUTPUT = pathlib.Path(os.environ["FOREBAY_OUTPUT"])
SEED = int(os.environ["FOREBAY_SEED"])
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())
PARAMS = MANIFEST["params"]


def rows():
    """Features and label to train on; features to judge on, by row number."""
    train, test = (pd.read_parquet(FOLDER / MANIFEST["files"][part]["parquet"]) for part in ("train", "test"))
    features = MANIFEST["features"]
    return train[features], train[MANIFEST["label"]].astype(int), test.set_index("_row")[features]


def numbers(table):
    """Text as 0/1 columns of its known values, missing numbers as the middle of what is known."""
    table = table.assign(temperature=table["temperature"].fillna(60.0))
    for site in ("harbour", "mill", "quarry"):
        table[f"at_{site}"] = (table["site"] == site).astype(float)
    return table.drop(columns="site").astype("float32")


def exported(table):
    """What the exported model says, in the place of the net that it was made from: that is judged."""
    import onnxruntime

    session = onnxruntime.InferenceSession(OUTPUT / "model.onnx")
    return session.run(["score"], {"table": table})[0].reshape(-1)


def save(scores, index):
    pd.DataFrame({"_row": index, "score": scores}).to_parquet(OUTPUT / "predictions.parquet")
