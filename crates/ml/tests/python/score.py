"""Scores the rows of asked.json with MLflow's own loader and with onnxruntime; holds them against ours."""

import json
import pathlib
import sys

import mlflow
import mlflow.onnx
import numpy as np
import onnx
import onnxruntime
import pandas as pd

for folder in map(pathlib.Path, sys.argv[1:]):
    asked = json.loads((folder / "asked.json").read_text())
    rows = pd.DataFrame(
        {
            name: pd.Series(values, dtype=object if name == "origin" else float)
            for name, values in asked["rows"].items()
        }
    )
    model = mlflow.pyfunc.load_model(str(folder / "model"))
    by_mlflow = model.predict(rows)
    session = onnxruntime.InferenceSession(str(folder / "model/model.onnx"))
    shape = (-1, 1) if len(rows.columns) == 1 else (-1,)
    feed = {name: rows[name].to_numpy().reshape(shape) for name in rows.columns}
    onnx.checker.check_model(mlflow.onnx.load_model(str(folder / "model")))
    names = [output.name for output in session.get_outputs()]
    by_onnx = dict(zip(names, session.run(names, feed)))
    for name, ours in asked["answers"].items():
        ours = np.asarray(ours, dtype=float)
        scale = np.maximum(1, np.abs(ours))
        for whose, theirs in (("onnxruntime", by_onnx[name]), ("mlflow", by_mlflow[name].to_numpy())):
            furthest = np.max(np.abs(np.asarray(theirs, dtype=float) - ours) / scale)
            print(folder.name, name, whose, f"{furthest:.2e}")
            assert furthest < 1e-6, (folder, name, whose, furthest)
    example = model.input_example
    assert list(example.columns) == list(rows.columns), example
    assert len(model.predict(example)) == len(example)
    assert model.metadata.signature.inputs.input_names() == list(rows.columns)
print("all good")
