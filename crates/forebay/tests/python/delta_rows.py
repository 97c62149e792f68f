"""Prints the number of rows of a Delta table, as the deltalake package reads it."""

import sys

from deltalake import DeltaTable

print(DeltaTable(sys.argv[1]).to_pyarrow_table().num_rows)
