"""Loads a model that Forebay trained: ONNX behind MLflow's `predict`."""

import numpy as np
import onnxruntime
import pandas as pd

# No category is called so: the model reads it as missing.
MISSING = "\x00missing"


class Model:
    def __init__(self, path):
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def predict(self, data, params=None):
        table = pd.DataFrame(data)
        feed = {one.name: values(table[one.name], one) for one in self.session.get_inputs()}
        names = [one.name for one in self.session.get_outputs()]
        return pd.DataFrame(dict(zip(names, self.session.run(names, feed))), index=table.index)


def values(column, one):
    if one.type == "tensor(string)":
        array = column.astype(object).where(column.notna(), MISSING).to_numpy(dtype=object)
    else:
        array = pd.to_numeric(column).to_numpy(dtype=float, na_value=np.nan)
    return array.reshape([-1] + [1] * (len(one.shape) - 1))


def _load_pyfunc(path):
    return Model(path)
