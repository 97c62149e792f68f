//! What is wrong with a setting when it is used is told where it is written.

use crate::project::Project;

fn shop(files: &[(&str, &str)]) -> Project {
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        ("models/a.sql", "select 1 as id, 'x' as name"),
    ]);
    files
        .iter()
        .for_each(|(file, text)| project.write(file, text));
    project
}

fn said_of(project: &Project, select: &str) -> String {
    project.fails(1, &["build", "--select", select])
}

#[test]
fn of_seeds_snapshots_and_incremental_models() {
    let project = shop(&[
        ("seeds/s.csv", "id,name\n1,a\n"),
        ("seeds/t.csv", "id\n1\nx\n"),
        (
            "seeds/s.yml",
            "seeds:
  - {name: s, config: {column_types: {id: integer, name: varcar}}}
  - name: t
    config:
      column_types:
        id: integer
",
        ),
        (
            "snapshots/kept.sql",
            "{% snapshot kept %}
{{ config(strategy='check',
          unique_key='idd', check_cols=['nam', 'name']) }}
select * from {{ ref('a') }}
{% endsnapshot %}",
        ),
        (
            "models/more.sql",
            "{{ config(materialized='incremental',
          unique_key='idd') }} select 1 as id",
        ),
        (
            "models/wider.sql",
            "{{ config(materialized='incremental', on_schema_change='fail') }}
select 1 as id {% if is_incremental() %}, 2 as more{% endif %}",
        ),
    ]);
    let said = said_of(&project, "resource_type:seed");
    for part in [
        "column_types gives 'name' the type 'varcar', which is unknown\n",
        "--> seeds/s.yml:2:52\n",
        "id: 'x' is not of type integer\n",
        "--> seeds/t.csv:3:1\n",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let said = said_of(&project, "a kept");
    let names = "snapshot 'kept' names the columns 'idd', 'nam', which its query does not have\n";
    assert!(said.contains(names), "{said}");
    assert!(said.contains("--> snapshots/kept.sql:3:11\n"), "{said}");
    project.ok(&["run", "--select", "more", "wider"]);
    let said = said_of(&project, "more wider");
    assert!(said.contains("--> models/more.sql:2:11\n"), "{said}");
    assert!(said.contains("--> models/wider.sql:1:39\n"), "{said}");
}

#[test]
fn of_unit_tests() {
    let project = shop(&[
        ("models/b.sql", "select * from {{ ref('a') }}"),
        (
            "models/s.yml",
            "unit_tests:
  - name: given
    model: b
    given:
      - input: ref('a')
        rows:
          - {id: 1}
          - {id: 2, nam: x}
    expect: {rows: [{id: 1}]}
  - name: expected
    model: b
    given: [{input: ref('a'), rows: [{id: 1}]}]
    expect:
      rows:
        - {idd: 1}
  - name: cast
    model: b
    given:
      - input: ref('a')
        format: csv
        rows: |
          id
          x
    expect: {rows: [{id: 1}]}
",
        ),
    ]);
    project.ok(&["run"]);
    let said = project.fails(1, &["test", "--select", "resource_type:unit_test"]);
    for part in [
        "model.shop.a has no column 'nam'\n",
        "--> models/s.yml:8:21\n",
        "'expect' has no column 'idd'\n",
        "--> models/s.yml:15:12\n",
        "--> models/s.yml:22:11\n",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
}
