//! `traces/{trace_id}/assessments/...`

use forebay_store::{Assessment, AssessmentKind};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::form::Void;
use super::traces::trace_id;
use super::value::{Texts, required};
use super::{Problem, Tracking, moment, new_id};

type Form = Map<String, Value>;

/// An assessment as a client writes it.
pub fn read(trace_id: &str, mut form: Form, now_ms: i64) -> Result<Assessment, Problem> {
    let text = |name: &str| form.get(name).and_then(Value::as_str).map(str::to_owned);
    let id = text("assessment_id").filter(|id| !id.is_empty());
    let name = text("assessment_name").unwrap_or_default();
    let overrides = text("overrides").unwrap_or_default();
    let kind = kind(&form)?;
    let value = value(kind, &name, &form)?;
    let is_valid = form.remove("valid") != Some(Value::Bool(false));
    for time in ["create_time", "last_update_time"] {
        let said = form.get(time).and_then(Value::as_str);
        let ms = said.map(|text| moment::read_time(time, text));
        let ms = ms.transpose()?.unwrap_or(now_ms);
        form.insert(time.to_owned(), json!(moment::time(ms)));
    }
    form.remove("assessment_id");
    form.insert("trace_id".to_owned(), json!(trace_id));
    Ok(Assessment {
        id: id.unwrap_or_else(|| format!("a-{}", new_id())),
        trace_id: trace_id.to_owned(),
        name,
        kind,
        value: value.to_string(),
        is_valid,
        overrides,
        content: Value::Object(form).to_string(),
    })
}

/// It has exactly one of the fields of the kinds.
fn kind(form: &Form) -> Result<AssessmentKind, Problem> {
    let has = |(_, name): &&(AssessmentKind, &str)| form.get(*name).is_some_and(|v| !v.is_null());
    let mut kinds = AssessmentKind::ALL.iter().filter(has);
    match (kinds.next(), kinds.next()) {
        (Some((kind, _)), None) => Ok(*kind),
        _ => Err(Problem::invalid(
            "an assessment has one of 'feedback', 'expectation' and 'issue'",
        )),
    }
}

fn value(kind: AssessmentKind, name: &str, form: &Form) -> Result<Value, Problem> {
    let held = &form[kind.as_str()];
    if kind == AssessmentKind::Issue {
        return Ok(json!(name));
    }
    if let Some(text) = held.pointer("/serialized_value/value") {
        let read = text
            .as_str()
            .and_then(|text| serde_json::from_str(text).ok());
        return read.ok_or_else(|| Problem::invalid("'serialized_value.value' is no JSON"));
    }
    Ok(held.get("value").cloned().unwrap_or_default())
}

pub fn form(found: &Assessment) -> Value {
    let mut form = json!({"assessment_id": found.id});
    if let (Some(form), Ok(Value::Object(content))) =
        (form.as_object_mut(), serde_json::from_str(&found.content))
    {
        form.extend(content);
    }
    form["valid"] = json!(found.is_valid);
    form
}

fn one(found: &Assessment) -> Value {
    json!({"assessment": form(found)})
}

#[derive(Deserialize)]
pub struct Create {
    trace_id: Option<Texts>,
    assessment: Option<Form>,
}

pub fn create(tracking: &Tracking, asked: Create) -> Result<Value, Problem> {
    let mut form = asked
        .assessment
        .ok_or_else(|| Problem::invalid("the request lacks 'assessment'"))?;
    form.remove("assessment_id");
    let new = read(&trace_id(asked.trace_id)?, form, tracking.now_ms())?;
    tracking.store.create_assessment(&new)?;
    Ok(one(&new))
}

#[derive(Deserialize)]
pub struct Id {
    trace_id: Option<Texts>,
    assessment_id: Option<Texts>,
}

impl Id {
    fn read(self) -> Result<(String, String), Problem> {
        let id = self.assessment_id.and_then(|ids| ids.0.into_iter().next());
        Ok((trace_id(self.trace_id)?, required("assessment_id", id)?))
    }
}

pub fn get(tracking: &Tracking, asked: Id) -> Result<Value, Problem> {
    let (trace_id, id) = asked.read()?;
    Ok(one(&tracking.store.assessment(&trace_id, &id)?))
}

pub fn delete(tracking: &Tracking, asked: Id) -> Result<Void, Problem> {
    let (trace_id, id) = asked.read()?;
    tracking.store.delete_assessment(&trace_id, &id)?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct Update {
    #[serde(flatten)]
    id: Id,
    assessment: Option<Form>,
    update_mask: Option<String>,
}

/// What may change, as a mask names it and as a field is named.
const CHANGING: [(&str, &str); 5] = [
    ("assessmentName", "assessment_name"),
    ("feedback", "feedback"),
    ("expectation", "expectation"),
    ("rationale", "rationale"),
    ("metadata", "metadata"),
];

/// Changes what the mask names, or, without one, all that is given.
pub fn update(tracking: &Tracking, asked: Update) -> Result<Value, Problem> {
    let (trace_id, id) = asked.id.read()?;
    let given = asked.assessment.unwrap_or_default();
    let mask = asked.update_mask.unwrap_or_default();
    let mut names: Vec<&str> = Vec::new();
    for part in mask
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let known = CHANGING
            .iter()
            .find(|(path, name)| part == *path || part == *name);
        let (_, name) = known.ok_or_else(|| {
            Problem::invalid(format!("'{part}' of an assessment cannot be changed"))
        })?;
        names.push(name);
    }
    if mask.is_empty() {
        names = CHANGING.iter().map(|(_, name)| *name).collect();
    }
    let now_ms = tracking.now_ms();
    let changed = tracking.store.update_assessment(&trace_id, &id, |found| {
        change(found, &given, &names, now_ms)
            .map_err(|problem| forebay_store::Error::Invalid(problem.message))
    })?;
    Ok(one(&changed))
}

fn change(
    found: &mut Assessment,
    given: &Form,
    names: &[&str],
    now_ms: i64,
) -> Result<(), Problem> {
    let content = serde_json::from_str(&found.content);
    let mut content: Form = content.map_err(|error| Problem::failed(error.to_string()))?;
    for name in names {
        match (given.get(*name), content.get_mut(*name)) {
            (None, _) => {}
            (Some(Value::Object(more)), Some(Value::Object(known))) if *name == "metadata" => {
                known.extend(more.clone());
            }
            (Some(value), _) => drop(content.insert((*name).to_owned(), value.clone())),
        }
    }
    if kind(&content)? != found.kind {
        return Err(Problem::invalid(format!(
            "the assessment is {} and stays so",
            found.kind.as_str()
        )));
    }
    content.insert("last_update_time".to_owned(), json!(moment::time(now_ms)));
    let name = content.get("assessment_name").and_then(Value::as_str);
    found.name = name.unwrap_or_default().to_owned();
    found.value = value(found.kind, &found.name, &content)?.to_string();
    found.content = Value::Object(content).to_string();
    Ok(())
}
