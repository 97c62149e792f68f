"""onnxruntime over the rows of model_to_onnx.py, one thread.  score_onnx.py FOLDER"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime

BATCH, SECONDS = 1000, 2.0


def main(folder: str) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(Path(folder) / "model.onnx", options, providers=["CPUExecutionProvider"])
    width = session.get_inputs()[0].shape[1]
    rows = np.fromfile(Path(folder) / "rows.f64", "<f8").reshape(-1, width).astype(np.float32)
    run = lambda part: session.run(["scores"], {"rows": part})[0]
    one = clock(run, [rows[at : at + 1] for at in range(len(rows))])
    batch = clock(run, [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)])
    print(json.dumps({
        "one_row_us": one * 1e6,
        "batch_us_a_row": batch * 1e6 / BATCH,
        "first_scores": [float(score) for score in run(rows[:100]).ravel()],
    }))


def clock(run, parts: list) -> float:
    """Seconds a call, over whole rounds through the parts for at least SECONDS."""
    for part in parts[:100]:
        run(part)
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        for part in parts:
            run(part)
        calls += len(parts)
    return (time.perf_counter() - start) / calls


if __name__ == "__main__":
    main(*sys.argv[1:])
