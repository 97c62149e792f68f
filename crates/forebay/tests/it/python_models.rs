//! Models written in Python, run by a Python beside the program.

use forebay_testkit::python;

use crate::project::Project;

const DOUBLED: &str = "
import pyarrow.compute as pc

def model(dbt, session):
    dbt.config(materialized='incremental', unique_key='n', factor=2)
    print('reading', dbt.this)
    table = dbt.ref('numbers').arrow()
    n = pc.multiply(table['n'], dbt.config.get('factor'))
    if dbt.is_incremental:
        n = pc.add(n, 100)
    return table.set_column(0, 'n', n)
";

#[test]
fn a_python_model_reads_tables_and_becomes_one() {
    let python = python::environment(&["deltalake==1.6.6", "pyarrow==26.0.1"]);
    let project = Project::new(&[
        ("dbt_project.yml", "name: shop\n"),
        ("seeds/numbers.csv", "n\n1\n2\n"),
        ("models/doubled.py", DOUBLED),
        (
            "models/total.sql",
            "select sum(n) as n from {{ ref('doubled') }}",
        ),
        (
            "models/broken.py",
            "def model(dbt, session):\n    dbt.ref('numbers')\n    return 1 / 0\n",
        ),
        (
            "models/slow.py",
            "import time\ndef model(dbt, session):\n    dbt.config(timeout=1)\n    time.sleep(60)\n",
        ),
    ]);
    let run = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        let output = command.env("FOREBAY_PYTHON", python.path()).output();
        let output = output.expect("the program starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text)
    };
    let (code, said) = run(&["build", "--exclude", "broken", "slow"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("START python incremental model main.doubled"),
        "{said}"
    );
    assert!(
        said.contains("reading \"forebay\".\"main\".\"doubled\""),
        "{said}"
    );
    assert_eq!(project.rows("select n from main.total"), [r#"{"n":6}"#]);
    let (code, said) = run(&["run", "--select", "doubled+"]);
    assert_eq!(code, Some(0), "{said}");
    let rows = project.rows("select n from main.doubled order by cast(n as varchar)");
    assert_eq!(rows, [102, 104, 2, 4].map(|n| format!("{{\"n\":{n}}}")));

    let (code, said) = run(&["run", "--select", "broken", "slow"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("ZeroDivisionError: division by zero"),
        "{said}"
    );
    assert!(said.contains("--> models/broken.py:3"), "{said}");
    assert!(
        said.contains("'slow' took more than 1 seconds, and was stopped"),
        "{said}"
    );
}
