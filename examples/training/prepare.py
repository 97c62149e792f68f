"""Writes seeds/readings.csv: invented machines, so that the rows belong to nobody."""

import csv
import datetime
import math
import pathlib
import random

random.seed(7)
start = datetime.datetime(2024, 1, 1)
with (pathlib.Path(__file__).parent / "seeds/readings.csv").open("w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["reading", "machine", "site", "read_at", "temperature", "vibration", "age_days", "failed"])
    for number in range(1200):
        machine = random.randrange(60)
        site = ("harbour", "mill", "quarry")[machine % 3]
        temperature = round(random.gauss(60 + 8 * (site == "mill"), 9), 1)
        vibration = round(random.expovariate(1 / 2.5), 2)
        age = machine * 20 + number // 3
        odds = -6.5 + 0.06 * temperature + 0.45 * vibration + 0.001 * age + 0.7 * (site == "quarry")
        failed = random.random() < 1 / (1 + math.exp(-odds))
        shown = "" if random.random() < 0.06 else temperature
        at = start + datetime.timedelta(hours=3 * number)
        rows.writerow([number, machine, site, at.isoformat(sep=" "), shown, vibration, age, str(failed).lower()])
