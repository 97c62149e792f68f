"""A model of ours as ONNX, and rows to score.  model_to_onnx.py MODEL_JSON FOLDER

Writes model.onnx, and rows.f64: little-endian doubles, row after row, that a float holds exactly. Their values
stand near the model's own thresholds, so that rows take all kinds of ways through the trees.
"""

import json
import random
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

ROWS = 10_000
MISSING = 0.1


def main(model_file: str, folder: str) -> None:
    booster = json.loads(Path(model_file).read_text())["booster"]
    onnx.save(convert(booster), Path(folder) / "model.onnx")
    rows(booster).astype("<f8").tofile(Path(folder) / "rows.f64")


def convert(booster: dict) -> onnx.ModelProto:
    width, nodes, leaves = booster["features"], Columns(), Columns()
    for tree_id, tree in enumerate(booster["trees"]):
        inner = len(tree["nodes"])
        place = lambda child, inner=inner: child if child >= 0 else inner + ~child
        for node_id, node in enumerate(tree["nodes"]):
            nodes.add(
                treeids=tree_id, nodeids=node_id, featureids=node["feature"], values=float(down(node["threshold"])),
                modes="BRANCH_LEQ", truenodeids=place(node["left"]), falsenodeids=place(node["right"]),
                missing_value_tracks_true=int(node["missing_left"]),
            )
        for leaf_id, value in enumerate(tree["leaves"]):
            nodes.add(
                treeids=tree_id, nodeids=inner + leaf_id, featureids=0, values=0.0,
                modes="LEAF", truenodeids=0, falsenodeids=0, missing_value_tracks_true=0,
            )
            leaves.add(treeids=tree_id, nodeids=inner + leaf_id, ids=0, weights=value)
    trees = helper.make_node(
        "TreeEnsembleRegressor", ["rows"], ["raw"], domain="ai.onnx.ml", n_targets=1,
        base_values=[booster["base_score"]],
        **nodes.named("nodes_"), **leaves.named("target_"),
    )
    # A node of its own: onnxruntime leaves the regressor's LOGISTIC out without a word.
    answer = helper.make_node("Sigmoid", ["raw"], ["scores"])
    graph = helper.make_graph(
        [trees, answer], "booster",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 1])],
    )
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


class Columns:
    """Attributes of the operator: one list a property of nodes."""

    def __init__(self):
        self.lists: dict = {}

    def add(self, **values) -> None:
        for name, value in values.items():
            self.lists.setdefault(name, []).append(value)

    def named(self, prefix: str) -> dict:
        return {prefix + name: values for name, values in self.lists.items()}


def down(threshold: float) -> np.float32:
    """The greatest float that is not above: for a float, `x <= threshold` stays as true as it was."""
    with np.errstate(over="ignore"):
        value = np.float32(min(threshold, float(np.finfo(np.float32).max)))
    return value if float(value) <= threshold else np.nextafter(value, np.float32(-np.inf))


def rows(booster: dict) -> np.ndarray:
    thresholds: list = [[0.0] for _ in range(booster["features"])]
    for tree in booster["trees"]:
        for node in tree["nodes"]:
            if abs(node["threshold"]) < 1e30:
                thresholds[node["feature"]].append(node["threshold"])
    chance = random.Random(0)
    value = lambda near: float("nan") if chance.random() < MISSING else chance.choice(near) + chance.gauss(0, 1e-3)
    table = [[value(near) for near in thresholds] for _ in range(ROWS)]
    return np.array(table).astype(np.float32).astype(np.float64)


if __name__ == "__main__":
    main(*sys.argv[1:])
