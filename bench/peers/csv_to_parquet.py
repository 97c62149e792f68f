"""A CSV file as Parquet, its column `measured_at` as instants.  csv_to_parquet.py CSV PARQUET"""

import sys

import pandas as pd

frame = pd.read_csv(sys.argv[1], parse_dates=["measured_at"])
frame.to_parquet(sys.argv[2], index=False)
