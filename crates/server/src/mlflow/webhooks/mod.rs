//! `webhooks/...`: who is told of what happens in the registry, and how.
//!
//! <https://mlflow.org/docs/latest/ml/webhooks/>

mod address;
mod deliver;
mod event;

use forebay_store::registry::{Secret, Webhook};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;

pub use address::Reach;
pub use deliver::Deliveries;
pub use event::{announce, announce_of};

use super::form::{Void, found};
use super::value::{Int, limit, required};
use super::{Problem, Tracking};
use deliver::Delivery;
use event::Event;

#[derive(Deserialize)]
pub struct Create {
    name: Option<String>,
    url: Option<String>,
    events: Option<Vec<Event>>,
    description: Option<String>,
    secret: Option<String>,
    status: Option<String>,
}

pub fn create(tracking: &Tracking, asked: Create) -> Result<Value, Problem> {
    let now_ms = tracking.now_ms();
    let webhook = Webhook {
        id: uuid::Uuid::new_v4().to_string(),
        name: required("name", asked.name)?,
        url: required("url", asked.url)?,
        description: asked.description.unwrap_or_default(),
        secret: Secret(asked.secret.unwrap_or_default()),
        events: event::names(&asked.events.unwrap_or_default())?,
        is_active: is_active(asked.status.as_deref())?.unwrap_or(true),
        created_ms: now_ms,
        updated_ms: now_ms,
    };
    tracking.deliveries.reach().check(&webhook.url)?;
    tracking.store.create_webhook(&webhook)?;
    Ok(one(&webhook))
}

fn is_active(status: Option<&str>) -> Result<Option<bool>, Problem> {
    match status {
        None => Ok(None),
        Some("ACTIVE") => Ok(Some(true)),
        Some("DISABLED") => Ok(Some(false)),
        Some(other) => Err(Problem::invalid(format!(
            "a webhook's status is ACTIVE or DISABLED, not '{other}'"
        ))),
    }
}

/// Never its secret.
fn form(webhook: &Webhook) -> Value {
    let mut form = json!({
        "webhook_id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "events": event::forms(&webhook.events),
        "status": if webhook.is_active { "ACTIVE" } else { "DISABLED" },
        "creation_timestamp": webhook.created_ms,
        "last_updated_timestamp": webhook.updated_ms,
    });
    if !webhook.description.is_empty() {
        form["description"] = json!(webhook.description);
    }
    form
}

fn one(webhook: &Webhook) -> Value {
    json!({"webhook": form(webhook)})
}

#[derive(Deserialize)]
pub struct Find {
    max_results: Option<Int>,
    page_token: Option<String>,
}

pub fn list(tracking: &Tracking, asked: Find) -> Result<Value, Problem> {
    let limit = limit(asked.max_results, 100, 1000)?;
    let page = tracking
        .store
        .list_webhooks(limit, &asked.page_token.unwrap_or_default())?;
    let forms = page.items.iter().map(form).collect();
    Ok(found("webhooks", forms, page.next))
}

#[derive(Deserialize)]
pub struct Id {
    webhook_id: String,
}

pub fn get(tracking: &Tracking, asked: Id) -> Result<Value, Problem> {
    Ok(one(&tracking.store.webhook(&asked.webhook_id)?))
}

#[derive(Deserialize)]
pub struct Update {
    webhook_id: String,
    name: Option<String>,
    url: Option<String>,
    events: Option<Vec<Event>>,
    description: Option<String>,
    secret: Option<String>,
    status: Option<String>,
}

/// Changes what is given.
pub fn update(tracking: &Tracking, asked: Update) -> Result<Value, Problem> {
    let is_active = is_active(asked.status.as_deref())?;
    let events = asked.events.filter(|events| !events.is_empty());
    let events = events.map(|events| event::names(&events)).transpose()?;
    if let Some(url) = &asked.url {
        tracking.deliveries.reach().check(url)?;
    }
    let change = |webhook: &mut Webhook| {
        set(&mut webhook.name, asked.name);
        set(&mut webhook.url, asked.url);
        set(&mut webhook.description, asked.description);
        set(&mut webhook.secret, asked.secret.map(Secret));
        set(&mut webhook.events, events);
        set(&mut webhook.is_active, is_active);
    };
    let id = &asked.webhook_id;
    let changed = tracking
        .store
        .change_webhook(id, tracking.now_ms(), change)?;
    Ok(one(&changed))
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

pub fn delete(tracking: &Tracking, asked: Id) -> Result<Void, Problem> {
    tracking.store.delete_webhook(&asked.webhook_id)?;
    Ok(Void {})
}

#[derive(Deserialize)]
pub struct Test {
    webhook_id: String,
    event: Option<Event>,
}

/// Sends an example of the event, or of the first that it is told of, and says what came back.
pub fn test(tracking: &Tracking, asked: Test) -> Result<Value, Problem> {
    let webhook = tracking.store.webhook(&asked.webhook_id)?;
    let named = asked.event.map(|event| event::name(&event)).transpose()?;
    let Some(event) = named.or_else(|| webhook.events.first().cloned()) else {
        return Err(Problem::invalid("the webhook is told of no event"));
    };
    let now = tracking.clock.now();
    let message = event::message(&event, &event::example(&event), now);
    let delivery = Delivery::new(&webhook, &message, now);
    // Methods are called on threads that may wait.
    let sent = Handle::current().block_on(tracking.deliveries.send(&delivery));
    let result = match sent {
        Ok(answer) => json!({
            "success": answer.status < 400,
            "response_status": answer.status,
            "response_body": answer.body,
        }),
        Err(why) => json!({"success": false, "error_message": why}),
    };
    Ok(json!({"result": result}))
}
