//! One definition, two ways: what a request finds online is what training sees as of its moment.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::concat_batches;
use forebay_core::Relation;
use forebay_lake::pit::{AsOfView, JoinKey};
use forebay_lake::{Input, WriteMode, WriteOptions};
use futures::TryStreamExt;

use super::world::{CARRIERS, MINUTE, World, arrivals, scatter};
use crate::feature_view::EVENT_TIMESTAMP;
use crate::online::{self, EntityKey};
use crate::record::ColumnType;

/// Requests of all carriers at one moment.
fn requests(moment: i64) -> RecordBatch {
    let carriers: ArrayRef = Arc::new(StringArray::from(CARRIERS.to_vec()));
    let moments =
        TimestampMicrosecondArray::from(vec![moment; CARRIERS.len()]).with_timezone("UTC");
    let moments: ArrayRef = Arc::new(moments);
    RecordBatch::try_from_iter([("carrier", carriers), ("moment", moments)]).unwrap()
}

async fn offline(world: &World, name: &str, requests: &RecordBatch) -> RecordBatch {
    let (node, view) = world.view(name);
    let source = format!("SELECT * FROM {}", node.relation.as_ref().unwrap().sql());
    let view = AsOfView {
        name: name.into(),
        source: Input::Sql(source),
        join_keys: view.join_keys().into_iter().map(JoinKey::same).collect(),
        timestamp: EVENT_TIMESTAMP.into(),
        created: None,
        ttl: view.ttl,
        filter_by_created: false,
        columns: view
            .features
            .iter()
            .map(|f| (f.name.clone(), f.name.clone()))
            .collect(),
        event_time_as: None,
    };
    let spine = Input::Batches(requests.schema(), vec![requests.clone()]);
    let rows = world
        .lake
        .point_in_time_join(spine, "moment", vec![view])
        .await
        .unwrap();
    let batches: Vec<RecordBatch> = rows.stream.try_collect().await.unwrap();
    concat_batches(&rows.schema, &batches).unwrap()
}

/// The online store as it was at the moment: filled from the rows that were known by then.
async fn online(
    world: &World,
    name: &str,
    requests: &RecordBatch,
    moment: i64,
    wanted: &RecordBatch,
) -> Vec<ArrayRef> {
    let (node, view) = world.view(name);
    let known = Relation::new("features_then", format!("{name}_{moment}"));
    let sql = format!(
        "SELECT * FROM {} WHERE arrow_cast({EVENT_TIMESTAMP}, 'Int64') <= {moment}",
        node.relation.as_ref().unwrap().sql()
    );
    let options = WriteOptions::new(WriteMode::Overwrite);
    world
        .lake
        .write(&known, Input::Sql(sql), options)
        .await
        .unwrap();
    let mut node = node.clone();
    node.relation = Some(known);
    let store = online::open(&world.folder.path().join(format!("online_{moment}"))).unwrap();
    online::materialize(&world.lake, store.as_ref(), &node, view)
        .await
        .unwrap();

    let keys = EntityKey::from_batch(requests, &view.join_keys()).unwrap();
    let rows: Vec<_> = keys
        .iter()
        .map(|key| store.read(name, key.as_ref()?).unwrap())
        .collect();
    let usable = |row: &&online::OnlineRow| row.is_usable(moment, view.ttl);
    let features = view.features.iter().enumerate();
    features
        .map(|(index, feature)| {
            let values = rows
                .iter()
                .map(|row| row.as_ref().filter(usable)?.values.get(index));
            let data_type = wanted[feature.name.as_str()].data_type();
            online::to_array(values, ColumnType::of(data_type).unwrap()).unwrap()
        })
        .collect()
}

#[tokio::test]
async fn every_feature_has_the_same_bits_online_and_in_training() {
    let world = World::new(&arrivals(), &[]).await;
    let mut found = 0;
    for n in 0..6 {
        // Not on a minute in half of the cases, so that bounds are both met and missed.
        let moment = (scatter(n) % 4_500) * MINUTE + (n % 2);
        let requests = requests(moment);
        for name in ["by_carrier", "everywhere"] {
            let offline = offline(&world, name, &requests).await;
            let online = online(&world, name, &requests, moment, &offline).await;
            for (feature, online) in world.view(name).1.features.iter().zip(online) {
                let offline = &offline[feature.name.as_str()];
                found += offline.len() - offline.null_count();
                let online = arrow::compute::cast(&online, offline.data_type()).unwrap();
                assert_eq!(&online, offline, "{name}:{} at {moment}", feature.name);
            }
        }
    }
    assert!(found > 20, "only {found} values were compared");
}
