"""LightGBM with its autologging."""

import lightgbm
import mlflow
from exchange import PARAMS, SEED, rows, save

mlflow.lightgbm.autolog()
features, label, asked = rows()
features, asked = (table.astype({"site": "category"}) for table in (features, asked))
with mlflow.start_run():
    model = lightgbm.LGBMClassifier(random_state=SEED, n_jobs=1, verbose=-1, **PARAMS)
    model.fit(features, label)
save(model.predict_proba(asked)[:, 1], asked.index)
