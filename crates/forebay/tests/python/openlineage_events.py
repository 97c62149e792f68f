"""Reads events line by line into the OpenLineage client's own types, which check what they hold."""

import json
import sys

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState

started, ended, lineage = set(), set(), 0
for line in open(sys.argv[1]):
    event = json.loads(line)
    RunEvent(
        eventTime=event["eventTime"],
        run=Run(runId=event["run"]["runId"]),
        job=Job(namespace=event["job"]["namespace"], name=event["job"]["name"]),
        eventType=RunState[event["eventType"]],
        inputs=[InputDataset(d["namespace"], d["name"]) for d in event["inputs"]],
        outputs=[OutputDataset(d["namespace"], d["name"]) for d in event["outputs"]],
        producer=event["producer"],
    )
    facets = [f for part in (event["run"], event["job"], *event["inputs"], *event["outputs"])
              for f in part.get("facets", {}).values()]
    assert all("_producer" in f and "_schemaURL" in f for f in facets), line
    lineage += sum("columnLineage" in d.get("facets", {}) for d in event["outputs"])
    (started if event["eventType"] == "START" else ended).add(event["run"]["runId"])

assert started and started == ended, (len(started), len(ended))
assert lineage > 10, lineage
