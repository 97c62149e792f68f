"""Writes a dbt project of any size, the same for the same number.

    python3 bench/dbt/generate.py FOLDER MODELS

Three layers as teams have them: staging over sources, intermediate over staging, marts over both. Every model has
a macro call, settings, described columns and tests; every folder a property file. No model needs data: staging
reads literal rows, so that the project builds anywhere.
"""

import sys
from pathlib import Path

PER_FOLDER = 50

PROJECT = """name: generated
version: '1.0'
config-version: 2
profile: generated
vars:
  factor: 100
models:
  generated:
    +materialized: view
    staging: {+tags: [staging]}
    intermediate: {+materialized: "{{ 'view' if target.name == 'dev' else 'table' }}"}
    marts: {+schema: marts, +tags: [marts]}
"""

PROFILE = """generated:
  target: dev
  outputs:
    dev: {type: duckdb, schema: main, path: generated.duckdb, threads: 2}
"""

MACROS = """{% macro cents_to_dollars(column, digits=2) %}
  round({{ column }} / {{ var('factor') }}, {{ digits }})
{% endmacro %}

{% macro surrogate_key(columns) %}
  md5({% for column in columns %}cast({{ column }} as varchar){% if not loop.last %} || '-' || {% endif %}{% endfor %})
{% endmacro %}
"""

STAGING = """with source as (
    select {number} as id, {number} % 7 as kind, {number} * 100 as amount_cents
)
select
    id,
    {{{{ surrogate_key(['id', 'kind']) }}}} as key,
    kind,
    {{{{ cents_to_dollars('amount_cents') }}}} as amount
from source
"""

INTERMEDIATE = """{{{{ config(tags=['number_{group}']) }}}}
with joined as (
    select a.id, a.kind, a.amount + b.amount as amount
    from {{{{ ref('{first}') }}}} as a
    left join {{{{ ref('{second}') }}}} as b on a.id = b.id
)
select * from joined
{{% if var('only_large', false) %}} where amount > 10 {{% endif %}}
"""

MART = """{{{{ config(materialized='{kind}') }}}}
{{%- set parents = ['{first}', '{second}', '{third}'] %}}
{{% for parent in parents %}}
select id, kind, {{{{ cents_to_dollars('amount', 4) }}}} as amount, '{{{{ parent }}}}' as origin from {{{{ ref(parent) }}}}
{{% if not loop.last %}}union all{{% endif %}}
{{% endfor %}}
"""

ENTRY = """  - name: {name}
    description: "{{{{ doc('generated_model') }}}} Number {number}."
    config: {{meta: {{owner: team_{group}}}}}
    columns:
      - name: id
        description: Identifies a row.
        data_tests: [unique, not_null]
      - name: kind
        description: Which of seven kinds.
        data_tests:
          - accepted_values: {{arguments: {{values: [0, 1, 2, 3, 4, 5, 6], quote: false}}, config: {{severity: warn}}}}
      - name: amount
        data_type: double
"""


def main() -> None:
    folder, models = Path(sys.argv[1]), int(sys.argv[2])
    third = models // 3
    staging = [f"stg_{number:05}" for number in range(models - 2 * third)]
    intermediate = [f"int_{number:05}" for number in range(third)]
    marts = [f"mart_{number:05}" for number in range(third)]
    write(folder / "dbt_project.yml", PROJECT)
    write(folder / "profiles.yml", PROFILE)
    write(folder / "macros" / "generated.sql", MACROS)
    write(folder / "models" / "docs.md", "{% docs generated_model %}\nA model like many others.\n{% enddocs %}\n")

    def parent(names: list[str], number: int, step: int) -> str:
        return names[(number * step + step) % len(names)]

    for number in range(len(staging)):
        text = STAGING.format(number=number)
        model(folder, "staging", staging, number, text)
    for number in range(third):
        parents = {"first": staging[number % len(staging)], "second": parent(staging, number, 7)}
        model(folder, "intermediate", intermediate, number, INTERMEDIATE.format(group=number % 10, **parents))
    for number in range(third):
        parents = {"first": intermediate[number], "second": parent(intermediate, number, 3), "third": parent(staging, number, 11)}
        kind = "table" if number % 10 == 0 else "view"
        model(folder, "marts", marts, number, MART.format(kind=kind, **parents))
    for layer, names in (("staging", staging), ("intermediate", intermediate), ("marts", marts)):
        for start in range(0, len(names), PER_FOLDER):
            entries = (
                ENTRY.format(name=name, number=number, group=number % 10)
                for number, name in enumerate(names[start : start + PER_FOLDER], start)
            )
            path = folder / "models" / layer / f"part_{start // PER_FOLDER:03}" / "schema.yml"
            write(path, "version: 2\nmodels:\n" + "".join(entries))


def model(folder: Path, layer: str, names: list[str], number: int, text: str) -> None:
    write(folder / "models" / layer / f"part_{number // PER_FOLDER:03}" / f"{names[number]}.sql", text)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    main()
