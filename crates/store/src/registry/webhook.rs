//! Webhooks: whom the server tells of what happens in the registry.

use std::collections::BTreeSet;
use std::fmt;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::search::{self, Page, Search, Target};
use crate::{Error, Store, limits};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub id: String,
    pub name: String,
    pub url: String,
    pub description: String,
    /// What deliveries are signed with; empty where they are not.
    pub secret: Secret,
    /// `entity.action`, such as `model_version.created`.
    pub events: BTreeSet<String>,
    pub is_active: bool,
    pub created_ms: i64,
    pub updated_ms: i64,
}

/// A text that is not printed by accident.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

const TARGET: Target = Target {
    what: "webhooks",
    table: "webhooks",
    entities: &[],
    fields: &[],
    ties: &[("t.created_ms", true), ("t.id", false)],
};

impl Store {
    pub fn create_webhook(&self, webhook: &Webhook) -> Result<(), Error> {
        limits::webhook(webhook)?;
        self.change(|t| {
            t.execute(
                "insert into webhooks values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    webhook.id,
                    webhook.name,
                    webhook.url,
                    webhook.description,
                    webhook.secret.0,
                    webhook.is_active,
                    webhook.created_ms,
                    webhook.updated_ms
                ],
            )?;
            put_events(t, webhook)
        })
    }

    pub fn webhook(&self, id: &str) -> Result<Webhook, Error> {
        self.ask(|c| get(c, id))
    }

    /// Newest first.
    pub fn list_webhooks(&self, limit: usize, page_token: &str) -> Result<Page<Webhook>, Error> {
        let search = Search {
            limit,
            page_token,
            ..Search::default()
        };
        self.ask(|c| {
            let all = search::Sql::new("true", Vec::new());
            let page = search::run(c, &TARGET, &all, &search)?;
            let mut select = c.prepare_cached("select * from webhooks where rowid = ?1")?;
            let one = |row: &i64| with_events(c, select.query_row([row], webhook)?);
            Ok(Page {
                items: page.items.iter().map(one).collect::<Result<_, _>>()?,
                next: page.next,
            })
        })
    }

    /// The active ones that are told of an event.
    pub fn webhooks_of(&self, event: &str) -> Result<Vec<Webhook>, Error> {
        self.ask(|c| {
            let mut select = c.prepare_cached(
                "select w.* from webhook_events e join webhooks w on w.id = e.webhook_id \
                 where e.event = ?1 and w.is_active order by w.id",
            )?;
            let found = select.query_map([event], webhook)?;
            found.map(|one| with_events(c, one?)).collect()
        })
    }

    /// Reads it, changes it and writes it, with nothing between. Returns it as it is then.
    pub fn change_webhook(
        &self,
        id: &str,
        now_ms: i64,
        change: impl FnOnce(&mut Webhook),
    ) -> Result<Webhook, Error> {
        self.change(|t| {
            let mut webhook = get(t, id)?;
            change(&mut webhook);
            webhook.updated_ms = now_ms;
            limits::webhook(&webhook)?;
            t.execute(
                "update webhooks set name = ?2, url = ?3, description = ?4, secret = ?5, \
                 is_active = ?6, updated_ms = ?7 where id = ?1",
                params![
                    id,
                    webhook.name,
                    webhook.url,
                    webhook.description,
                    webhook.secret.0,
                    webhook.is_active,
                    now_ms
                ],
            )?;
            t.execute("delete from webhook_events where webhook_id = ?1", [id])?;
            put_events(t, &webhook)?;
            Ok(webhook)
        })
    }

    pub fn delete_webhook(&self, id: &str) -> Result<(), Error> {
        self.change(
            |t| match t.execute("delete from webhooks where id = ?1", [id])? {
                0 => Err(unknown(id)),
                _ => Ok(()),
            },
        )
    }
}

fn put_events(t: &Transaction<'_>, webhook: &Webhook) -> Result<(), Error> {
    let mut insert = t.prepare_cached("insert into webhook_events values (?1, ?2)")?;
    for event in &webhook.events {
        insert.execute([&webhook.id, event])?;
    }
    Ok(())
}

fn get(c: &Connection, id: &str) -> Result<Webhook, Error> {
    let found = c
        .prepare_cached("select * from webhooks where id = ?1")?
        .query_row([id], webhook)
        .optional()?;
    with_events(c, found.ok_or_else(|| unknown(id))?)
}

fn unknown(id: &str) -> Error {
    Error::not_found(format!("there is no webhook with id '{id}'"))
}

fn webhook(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    Ok(Webhook {
        id: row.get(0)?,
        name: row.get(1)?,
        url: row.get(2)?,
        description: row.get(3)?,
        secret: Secret(row.get(4)?),
        is_active: row.get(5)?,
        created_ms: row.get(6)?,
        updated_ms: row.get(7)?,
        events: BTreeSet::new(),
    })
}

fn with_events(c: &Connection, mut webhook: Webhook) -> Result<Webhook, Error> {
    let mut select = c.prepare_cached("select event from webhook_events where webhook_id = ?1")?;
    let events = select.query_map([&webhook.id], |row| row.get(0))?;
    webhook.events = events.collect::<rusqlite::Result<_>>()?;
    Ok(webhook)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(id: &str, events: &[&str], created_ms: i64) -> Webhook {
        Webhook {
            id: id.to_owned(),
            name: "chat".to_owned(),
            url: "https://example.org/hook".to_owned(),
            description: String::new(),
            secret: Secret("s3cret".to_owned()),
            events: events.iter().map(|&event| event.to_owned()).collect(),
            is_active: true,
            created_ms,
            updated_ms: created_ms,
        }
    }

    #[test]
    fn active_ones_are_told_of_their_events_alone() {
        let store = Store::in_memory().unwrap();
        let (created, tagged) = ("model_version.created", "model_version_tag.set");
        let both = hook("a", &[created, tagged], 1);
        store.create_webhook(&both).unwrap();
        store.create_webhook(&hook("b", &[tagged], 2)).unwrap();
        let told = |event| -> Vec<String> {
            let found = store.webhooks_of(event).unwrap();
            found.into_iter().map(|webhook| webhook.id).collect()
        };
        assert_eq!(
            (told(created), told(tagged)),
            (vec!["a".into()], vec!["a".into(), "b".into()])
        );
        assert_eq!(store.webhook("a").unwrap(), both);
        let changed = store.change_webhook("a", 9, |webhook| {
            webhook.is_active = false;
            webhook.events = [tagged.to_owned()].into();
        });
        assert_eq!(changed.unwrap(), store.webhook("a").unwrap());
        assert_eq!((told(created), told(tagged)), (vec![], vec!["b".into()]));
        store.delete_webhook("b").unwrap();
        assert!(store.delete_webhook("b").is_err() && told(tagged).is_empty());
    }

    #[test]
    fn they_are_listed_newest_first_page_by_page() {
        let store = Store::in_memory().unwrap();
        for n in 0..5 {
            let webhook = hook(&format!("w{n}"), &["prompt.created"], n);
            store.create_webhook(&webhook).unwrap();
        }
        let first = store.list_webhooks(3, "").unwrap();
        let next = store.list_webhooks(3, &first.next.unwrap()).unwrap();
        let ids: Vec<String> = first
            .items
            .into_iter()
            .chain(next.items)
            .map(|w| w.id)
            .collect();
        assert_eq!(ids, ["w4", "w3", "w2", "w1", "w0"]);
        assert_eq!(next.next, None);
    }

    #[test]
    fn what_is_no_webhook_is_refused_and_a_secret_is_not_printed() {
        let store = Store::in_memory().unwrap();
        for name in ["", "-x", "x-", "a b", &"n".repeat(64)] {
            let webhook = Webhook {
                name: name.to_owned(),
                ..hook("a", &["prompt.created"], 1)
            };
            assert!(store.create_webhook(&webhook).is_err(), "{name}");
        }
        assert!(store.create_webhook(&hook("a", &[], 1)).is_err());
        assert!(!format!("{:?}", hook("a", &[], 1)).contains("s3cret"));
    }
}
