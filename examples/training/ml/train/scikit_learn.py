"""A pipeline of scikit-learn, logged as an MLflow model."""

import mlflow
from exchange import PARAMS, SEED, rows, save
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

features, label, asked = rows()
numbers = ["temperature", "vibration", "age_days"]
encoding = make_column_transformer(
    (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), numbers),
    (OneHotEncoder(handle_unknown="ignore"), ["site"]),
)
pipeline = make_pipeline(encoding, LogisticRegression(C=PARAMS["C"], random_state=SEED))
with mlflow.start_run():
    mlflow.log_params(PARAMS)
    pipeline.fit(features, label)
    mlflow.log_metric("train_accuracy", pipeline.score(features, label))
    mlflow.sklearn.log_model(pipeline, name="model", input_example=features.head(), serialization_format="cloudpickle")
save(pipeline.predict_proba(asked)[:, 1], asked.index)
print("trained on", len(features), "rows")
