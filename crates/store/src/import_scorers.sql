-- Copies scorers, which another MLflow's newer files have. One whose name is taken keeps our versions.
insert or ignore into scorers
select s.scorer_id, x.id, s.scorer_name from other.scorers s
join other.experiments e on e.experiment_id = s.experiment_id join experiments x on x.name = e.name;
insert or ignore into scorer_versions
select v.scorer_id, v.scorer_version, v.serialized_scorer, coalesce(v.creation_time, 0)
from other.scorer_versions v join scorers s on s.id = v.scorer_id;
