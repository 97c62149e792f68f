"""Asks a running MLflow server all scenarios and keeps its answers. Arguments: its URL, of a fresh store.

    mlflow server --workers 1 --port 5055 --backend-store-uri sqlite:///NEW.db --artifacts-destination NEW
    python3 record.py http://127.0.0.1:5055
"""

import http.client
import json
import re
import sys
from pathlib import Path
from urllib.parse import quote

HERE = Path(__file__).resolve().parent
STEP = re.compile(r"^([\w-]+): (\w+) (\S+)(?: (\{.*\}|<.*>))?(?: -> (\w+)=(\S+))?$")


def expand(value):
    if isinstance(value, dict):
        return {key: expand(item) for key, item in value.items()}
    if isinstance(value, list):
        return [expand(item) for item in value]
    if isinstance(value, str) and value.startswith("@"):
        kind, *rest = value[1:].split(" ")
        if kind == "repeat":
            return rest[0] * int(rest[1])
        if kind == "pairs":
            return [{"key": f"k{n}", "value": "v"} for n in range(int(rest[0]))]
        return [{"key": "m", "value": n, "timestamp": 1, "step": n} for n in range(int(rest[0]))]
    return value


def ask(host, method, path, body):
    path = path if path.startswith("/") else f"/api/2.0/mlflow/{path}"
    headers = {}
    if body and body.startswith("{"):
        body, headers = json.dumps(expand(json.loads(body))), {"Content-Type": "application/json"}
    elif body:
        body, headers = body[1:-1], {"Content-Type": "text/plain"}
    connection = http.client.HTTPConnection(host)
    connection.request(method, quote(path, safe="/?&=%:'`!(),"), body, headers)
    response = connection.getresponse()
    text = response.read().decode()
    try:
        return {"status": response.status, "body": json.loads(text)}
    except ValueError:
        return {"status": response.status, "body": text}


def main():
    host = sys.argv[1].removeprefix("http://")
    kept = {}
    for file in sorted((HERE / "scenarios").glob("*.txt")):
        answers = []
        for line in file.read_text().splitlines():
            if not line or line.startswith("#"):
                continue
            label, method, path, body, name, pointer = STEP.match(line).groups()
            fill = lambda text: re.sub(r"\$(\w+)", lambda found: str(kept[found[1]]), text or "")
            answer = ask(host, method, fill(path), fill(body))
            if name:
                found = answer["body"]
                for part in pointer.strip("/").split("/"):
                    found = found[part]
                kept[name] = found
                answer["kept"] = {name: found}
            answers.append(json.dumps({"label": label, **answer}, ensure_ascii=False))
        (HERE / "answers" / f"{file.stem}.jsonl").write_text("\n".join(answers) + "\n")


main()
