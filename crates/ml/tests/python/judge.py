"""Computes evaluations again with scikit-learn and NumPy, from the rows and answers in judged.json.

What is counted must be the same; what is drawn (intervals, shuffles) must be as near as chance allows.
"""

import json
import pathlib
import sys

import numpy as np
import onnxruntime
import pandas as pd
from sklearn import metrics as m
from sklearn.inspection import permutation_importance

RESAMPLES = 200


def binary(truth, scores, threshold=0.3, costs=None):
    said = scores >= threshold
    found = {
        "roc_auc": m.roc_auc_score(truth, scores) if truth.min() != truth.max() else np.nan,
        "average_precision": m.average_precision_score(truth, scores),
        "log_loss": m.log_loss(truth, scores, labels=[False, True]),
        "brier": m.brier_score_loss(truth, scores),
        "accuracy": m.accuracy_score(truth, said),
        "precision": m.precision_score(truth, said, zero_division=0),
        "recall": m.recall_score(truth, said),
        "f1": m.f1_score(truth, said),
    }
    if costs:
        wrong = m.confusion_matrix(truth, said, labels=[False, True])
        found["cost"] = (wrong[0, 1] * costs["false_positive"] + wrong[1, 0] * costs["false_negative"]) / len(truth)
    return found


def regression(truth, answers):
    return {
        "rmse": m.root_mean_squared_error(truth, answers), "mae": m.mean_absolute_error(truth, answers),
        "r2": m.r2_score(truth, answers), "bias": np.mean(answers - truth),
    }


def multiclass(truth, shares, classes):
    said = np.array(classes)[shares.argmax(1)]
    return {
        "accuracy": m.accuracy_score(truth, said), "log_loss": m.log_loss(truth, shares, labels=classes),
        "macro_f1": m.f1_score(truth, said, average="macro"),
        "roc_auc": m.roc_auc_score(truth, shares, multi_class="ovr", average="macro", labels=classes),
    }


def same(ours, theirs, what, within=1e-9):
    for name, value in theirs.items():
        if np.isfinite(value):
            assert abs(ours[name] - value) <= within * max(1, abs(value)), (what, name, ours[name], value)


def near(ours, draws, what):
    """The ends of an interval, by a quarter of its width."""
    for name in draws[0]:
        lower, upper = np.nanquantile([draw[name] for draw in draws], [0.025, 0.975])
        width = upper - lower
        for end, theirs in (("lower", lower), ("upper", upper)):
            assert abs(ours[name][end] - theirs) <= 0.25 * width, (what, name, ours[name], lower, upper)


class Scorer:
    """A model in ONNX, as scikit-learn knows classifiers and regressors."""

    def __init__(self, folder, task):
        self.session = onnxruntime.InferenceSession(str(folder / "model/model.onnx"))
        self._estimator_type = "classifier" if task == "binary" else "regressor"
        self.classes_ = [False, True]

    def fit(self, rows, truth):
        return self

    def predict(self, rows):
        return self.session.run(None, {name: rows[name].to_numpy() for name in rows.columns})[0].ravel()


def shuffled(folder, task, rows, truth, ours):
    score = m.roc_auc_score if task == "binary" else lambda a, b: -m.root_mean_squared_error(a, b)
    scoring = lambda model, rows, truth: score(truth, model.predict(rows))
    found = permutation_importance(Scorer(folder, task), rows, truth, scoring=scoring, n_repeats=30, random_state=0)
    ours = {one["feature"]: one["drop"] for one in ours}
    for name, mean, spread in zip(rows.columns, found.importances_mean, found.importances_std):
        assert abs(ours[name] - mean) <= 4 * spread + 1e-9, ("permutation", name, ours[name], mean, spread)


def calibrated(bins, truth, answers):
    """Ten runs of the rows in the order of their answers; equal answers may make them unequal."""
    assert len(bins) == 10 and sum(one["rows"] for one in bins) == len(truth)
    order, begin = np.argsort(answers, kind="stable"), 0
    for one in bins:
        rows = order[begin:(begin := begin + one["rows"])]
        assert 0.05 * len(truth) < len(rows) < 0.15 * len(truth), bins
        assert abs(one["predicted"] - np.mean(answers[rows])) < 1e-9 * max(1, abs(one["predicted"])), one
        assert abs(one["observed"] - np.mean(truth[rows])) < 1e-9 * max(1, abs(one["observed"])), one


def judge(folder):
    given, found = (json.loads((folder / name).read_text()) for name in ("judged.json", "evaluation.json"))
    task, truth, answers = found["task"], np.array(given["label"]), np.array(given["answers"])
    rows = pd.DataFrame({name: pd.Series(values, dtype=object if name == "origin" else float) for name, values in given["rows"].items()})
    costs = given["costs"]
    figures = {
        "binary": lambda truth, answers: binary(truth, answers, costs=costs), "regression": regression,
        "multiclass": lambda truth, answers: multiclass(truth, answers, found["classes"]),
    }[task]
    same(found["metrics"], figures(truth, answers), (task, "metrics"))
    for cut in found["slices"]:
        here = (rows.origin.isna() if cut["value"] == "null" else rows.origin == cut["value"]).to_numpy()
        assert cut["rows"] == here.sum(), cut
        same(cut["metrics"], figures(truth[here], answers[here]), (task, cut["value"]))
    draws = np.random.default_rng(7).integers(0, len(truth), (RESAMPLES, len(truth)))
    near(found["intervals"], [figures(truth[rows], answers[rows]) for rows in draws], (task, "intervals"))
    if given["champion"]:
        champion = np.array(given["champion"])
        same(found["champion"]["metrics"], figures(truth, champion), (task, "champion"))
        less = lambda rows: {name: value - figures(truth[rows], champion[rows])[name] for name, value in figures(truth[rows], answers[rows]).items()}
        near(found["champion"]["differences"], [less(rows) for rows in draws], (task, "differences"))
        shuffled(folder, task, rows, truth, found["permutation"])
    if task != "multiclass":
        calibrated(found["calibration"], truth, answers)
    if task == "binary":
        for row in found["thresholds"]:
            theirs = binary(truth, answers, row["threshold"], costs)
            same(row, {name: theirs[name] for name in ("precision", "recall", "f1", "accuracy", "cost")}, row)
            assert abs(row["yes"] - np.mean(answers >= row["threshold"])) < 1e-12
        lost = m.confusion_matrix(truth, answers >= found["threshold"])
        ours = found["confusion"]
        assert [[ours["true_negatives"], ours["false_positives"]], [ours["false_negatives"], ours["true_positives"]]] == lost.tolist()
    if task == "multiclass":
        said = np.array(found["classes"])[answers.argmax(1)]
        assert found["class_confusion"] == m.confusion_matrix(truth, said, labels=found["classes"]).tolist()
    print(task, len(found["metrics"]), "metrics,", len(found["slices"]), "slices")


for folder in map(pathlib.Path, sys.argv[1:]):
    judge(folder)
print("all good")
