"""Asks the server of the tests for everything that tritonclient can ask. One argument: host:port."""

import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

MODEL = "late_arrival"


def inputs(binary, rows=2):
    columns = [
        ("carrier", "BYTES", np.array([[b"UA"], [b"AA"]], dtype=np.object_)),
        ("distance", "FP64", np.array([[700.0], [200.0]])),
        ("month", "INT64", np.array([[12], [1]])),
        ("holiday", "BOOL", np.array([[True], [False]])),
        ("asked_at", "BYTES", np.array([["2013-12-30T20:15:00Z"]] * 2, dtype=np.object_)),
    ]
    made = []
    for name, datatype, values in columns:
        tensor = triton.InferInput(name, [rows, 1], datatype)
        tensor.set_data_from_numpy(values[:rows], binary_data=binary)
        made.append(tensor)
    return made


def check(result):
    assert result.as_numpy("score").tolist() == [0.7, 0.2], result.get_response()
    assert result.as_numpy("label").tolist() == [True, False]
    ids = [bytes(i) if isinstance(i, bytes) else i.encode() for i in result.as_numpy("prediction_id")]
    assert ids == [b"UA-0", b"AA-1"], ids
    assert result.get_response()["model_version"] == "5"


def refused(what, call):
    try:
        call()
    except InferenceServerException as error:
        assert what in error.message(), error.message()
        return
    raise AssertionError(f"not refused: {what}")


client = triton.InferenceServerClient(sys.argv[1], concurrency=4)
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready(MODEL) and client.is_model_ready(MODEL, "5")
assert not client.is_model_ready(MODEL, "4") and not client.is_model_ready("other")
assert client.get_server_metadata()["name"] == "forebay"
assert client.get_model_metadata(MODEL)["versions"] == ["5"]
assert len(client.get_model_config(MODEL)["input"]) == 5
assert client.get_model_repository_index()[0]["state"] == "READY"
assert client.get_inference_statistics(MODEL)["model_stats"][0]["name"] == MODEL
assert client.get_inference_statistics()["model_stats"][0]["version"] == "5"

for binary in (True, False):
    check(client.infer(MODEL, inputs(binary)))
    for asked in (True, False):
        names = ("label", "score", "prediction_id")
        outputs = [triton.InferRequestedOutput(name, binary_data=asked) for name in names]
        check(client.infer(MODEL, inputs(binary), outputs=outputs, model_version="5"))
    for algorithm in ("gzip", "deflate"):
        check(client.infer(MODEL, inputs(binary), request_compression_algorithm=algorithm))
        check(client.infer(MODEL, inputs(binary), response_compression_algorithm=algorithm))
check(client.async_infer(MODEL, inputs(True)).get_result())
assert client.infer(MODEL, inputs(True), request_id="abc").get_response()["id"] == "abc"

refused("'month'", lambda: client.infer(MODEL, inputs(True)[:2]))
refused("unknown", lambda: client.infer("other", inputs(True)))
refused("version '5' is", lambda: client.infer(MODEL, inputs(True), model_version="9"))
print("all good")
