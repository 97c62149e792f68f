"""Asks an Open Inference Protocol server with Triton's client, JSON and binary tensors."""

import sys

import numpy as np
import tritonclient.http as http

client = http.InferenceServerClient(sys.argv[1])
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready("late_arrival")
metadata = client.get_model_metadata("late_arrival")

SAMPLES = {
    "BYTES": lambda name: "2014-01-01T06:00:00Z" if name.endswith(("_at", "_utc", "_local")) else "EWR",
    "INT64": lambda name: 1,
    "FP64": lambda name: 1.0,
    "BOOL": lambda name: True,
}
NUMPY = {"BYTES": np.object_, "INT64": np.int64, "FP64": np.float64, "BOOL": np.bool_}

scores = []
for binary in (False, True):
    inputs = []
    for field in metadata["inputs"]:
        kind = field["datatype"]
        tensor = http.InferInput(field["name"], [1], kind)
        value = SAMPLES[kind](field["name"])
        tensor.set_data_from_numpy(np.array([value], dtype=NUMPY[kind]), binary_data=binary)
        inputs.append(tensor)
    outputs = [http.InferRequestedOutput("score", binary_data=binary)]
    answer = client.infer("late_arrival", inputs, outputs=outputs)
    scores.append(float(answer.as_numpy("score")[0]))

assert scores[0] == scores[1], scores
print("score", scores[0])
