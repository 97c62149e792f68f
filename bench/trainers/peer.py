"""The peers' side of one comparison, on one thread: `peer.py TRAINER FOLDER`. Prints one line of JSON.

TRAINER is ours as JSON; its parameters are handed on under the peer's names. CPU time is that of
training and of answering the test rows, with all that makes numbers of the columns.
"""

import json
import pathlib
import sys
import time
import warnings

import lightgbm
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, r2_score, roc_auc_score, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.filterwarnings("ignore")
LEAST_SECONDS = 2.0
TRAINER, FOLDER = json.loads(sys.argv[1]), pathlib.Path(sys.argv[2])


def rows(name):
    table = pd.read_parquet(FOLDER / f"{name}.parquet")
    return table.drop(columns="label"), table["label"].to_numpy()


def numbers_and_texts():
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    texts = make_pipeline(SimpleImputer(strategy="constant", fill_value=""), OneHotEncoder(handle_unknown="ignore"))
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include=np.number)), (texts, make_column_selector(dtype_exclude=np.number))
    )


class Trees:
    """LightGBM; texts as its categories or, where `codes` says so, as numbers in the order of their names."""

    def __init__(self, codes: bool):
        self.codes = codes

    def table(self, features):
        texts = features.select_dtypes(exclude=[np.number, bool]).columns
        known = self.known = getattr(self, "known", None) or {name: sorted(features[name].dropna().unique()) for name in texts}
        category = lambda name: pd.Categorical(features[name], categories=known[name])
        column = lambda name: category(name).codes if self.codes else category(name)
        return features.assign(**{name: column(name) for name in texts})

    def fit(self, features, label):
        wanted = TRAINER
        settings = dict(
            n_estimators=wanted["rounds"], learning_rate=wanted["learning_rate"], num_leaves=wanted["max_leaves"],
            min_child_samples=wanted["min_rows_in_leaf"], max_bin=255, n_jobs=1, verbose=-1, random_state=0,
        )
        kind = lightgbm.LGBMClassifier if set(np.unique(label)) <= {0, 1} else lightgbm.LGBMRegressor
        self.model = kind(**settings).fit(self.table(features), label)

    def predict(self, features):
        answer = getattr(self.model, "predict_proba", self.model.predict)(self.table(features))
        return answer[:, 1] if answer.ndim == 2 else answer


class Piped:
    def __init__(self, last):
        self.pipe = make_pipeline(numbers_and_texts(), last)

    def fit(self, features, label):
        self.pipe.fit(features, label)

    def predict(self, features):
        if hasattr(self.pipe, "predict_proba"):
            return self.pipe.predict_proba(features)[:, 1]
        if isinstance(self.pipe[-1], KMeans):
            return self.pipe.transform(features).min(axis=1) ** 2
        return self.pipe.predict(features)


def peer():
    match TRAINER["algorithm"]:
        case "gradient_boosting":
            return Trees(codes=len(sys.argv) > 3)
        case "logistic_regression":
            return Piped(LogisticRegression(C=1 / TRAINER["l2"], max_iter=TRAINER["max_iterations"]))
        case "linear_regression":
            return Piped(Ridge(alpha=TRAINER["l2"]))
        case "k_means":
            return Piped(KMeans(TRAINER["clusters"], n_init=TRAINER["starts"], max_iter=TRAINER["max_iterations"], random_state=0))


def judged(label, answers):
    if TRAINER["algorithm"] == "k_means":
        return {"mean_squared_distance": float(answers.mean())}
    if set(np.unique(label)) <= {0, 1}:
        return {"roc_auc": roc_auc_score(label, answers), "log_loss": log_loss(label, answers)}
    return {"rmse": root_mean_squared_error(label, answers), "r2": r2_score(label, answers)}


train, test = rows("train"), rows("test")
started, times = time.process_time(), 0
while times == 0 or time.process_time() - started < LEAST_SECONDS:
    model = peer()
    model.fit(*train)
    answers = model.predict(test[0])
    times += 1
cpu = (time.process_time() - started) / times
print(json.dumps({"cpu": cpu, "times": times, "metrics": judged(test[1], answers)}))
