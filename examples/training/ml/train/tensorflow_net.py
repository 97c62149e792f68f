"""A small net of TensorFlow, exported to ONNX."""

import mlflow
import tensorflow as tf
import tf2onnx
from exchange import OUTPUT, PARAMS, SEED, numbers, rows, save

tf.keras.utils.set_random_seed(SEED)
features, label, asked = rows()
table = numbers(features).to_numpy()
scale = tf.keras.layers.Normalization()
scale.adapt(table)
net = tf.keras.Sequential([
    tf.keras.Input((table.shape[1],), name="table"),
    scale,
    tf.keras.layers.Dense(PARAMS["hidden"], activation="relu"),
    tf.keras.layers.Dense(1, activation="sigmoid"),
])
net.compile(optimizer=tf.keras.optimizers.Adam(0.02), loss="binary_crossentropy")
with mlflow.start_run():
    mlflow.log_params(PARAMS)
    history = net.fit(table, label.to_numpy(), epochs=PARAMS["epochs"], batch_size=256, verbose=0)
    for epoch, loss in enumerate(history.history["loss"]):
        mlflow.log_metric("train_loss", loss, step=epoch)
save(net.predict(numbers(asked).to_numpy(), verbose=0)[:, 0], asked.index)
shape = tf.TensorSpec((None, table.shape[1]), tf.float32, name="table")
score = tf.function(lambda table: net(table), input_signature=[shape])
tf2onnx.convert.from_function(score, input_signature=[shape], output_path=str(OUTPUT / "model.onnx"))
