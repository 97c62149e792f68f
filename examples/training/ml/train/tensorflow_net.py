"""A small net of TensorFlow, exported to ONNX."""

import mlflow
import tensorflow as tf
import tf2onnx
from exchange import OUTPUT, PARAMS, SEED, exported, numbers, rows, save

tf.keras.utils.set_random_seed(SEED)
features, label, asked = rows()
table = numbers(features).to_numpy()
mean, spread = table.mean(0), table.std(0).clip(min=1e-6)
net = tf.keras.Sequential([
    tf.keras.Input((table.shape[1],), name="table"),
    tf.keras.layers.Dense(PARAMS["hidden"], activation="relu"),
    tf.keras.layers.Dense(1, activation="sigmoid"),
])
net.compile(optimizer=tf.keras.optimizers.Adam(0.02), loss="binary_crossentropy")
with mlflow.start_run():
    mlflow.log_params(PARAMS)
    history = net.fit((table - mean) / spread, label.to_numpy(), epochs=PARAMS["epochs"], batch_size=256, verbose=0)
    for epoch, loss in enumerate(history.history["loss"]):
        mlflow.log_metric("train_loss", loss, step=epoch)
shape = tf.TensorSpec((None, table.shape[1]), tf.float32, name="table")
# Numbers of numpy become constants of the graph; tensors of a layer would become its inputs.
score = tf.function(lambda table: {"score": net((table - mean) / spread)}, input_signature=[shape])
tf2onnx.convert.from_function(score, input_signature=[shape], output_path=str(OUTPUT / "model.onnx"))
save(exported(numbers(asked).to_numpy()), asked.index)
