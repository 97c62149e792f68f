"""XGBoost with its autologging."""

import mlflow
import xgboost
from exchange import PARAMS, SEED, numbers, rows, save

mlflow.xgboost.autolog(model_format="ubj")
features, label, asked = rows()
with mlflow.start_run():
    model = xgboost.XGBClassifier(random_state=SEED, n_jobs=1, **PARAMS)
    model.fit(numbers(features), label)
save(model.predict_proba(numbers(asked))[:, 1], asked.index)
