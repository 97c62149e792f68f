from datetime import timedelta

from feast import Entity, FeatureView, Field, FileSource
from feast.types import Float64
from feast.value_type import ValueType

device = Entity(name="device", join_keys=["device"], value_type=ValueType.INT64)

readings = FeatureView(
    name="readings",
    entities=[device],
    ttl=timedelta(days=30),
    schema=[Field(name=f"f{number}", dtype=Float64) for number in range(1, 21)],
    source=FileSource(path="readings.parquet", timestamp_field="measured_at"),
    online=True,
)
