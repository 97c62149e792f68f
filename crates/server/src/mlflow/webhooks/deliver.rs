//! Deliveries: signed, tried again, a few at a time, beside the answers that the server gives.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use forebay_store::registry::Webhook;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::address::{Outward, Reach};

/// Whom webhooks are sent to, and how. Clones share their connections.
#[derive(Clone)]
pub struct Deliveries {
    reach: Reach,
    /// Made when the first is sent: reading the system's certificates takes a while.
    client: Arc<OnceLock<Client>>,
    permits: Arc<Semaphore>,
    under_way: TaskTracker,
}

/// One message to one webhook. Tried again it is the same, so that the other side may know it.
pub(super) struct Delivery<'a> {
    webhook: &'a Webhook,
    message: &'a str,
    id: String,
    /// In seconds since the epoch.
    time: String,
}

/// What the other side said.
pub struct Answer {
    pub status: u16,
    /// Its first 64 KiB.
    pub body: String,
}

const AT_ONCE: usize = 10;
const PATIENCE: Duration = Duration::from_secs(20);
/// After the first try, each after twice the time of the one before.
const RETRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const BODY: usize = 64 << 10;

impl Deliveries {
    pub fn new(reach: Reach) -> Self {
        Self {
            reach,
            client: Arc::default(),
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            under_way: TaskTracker::new(),
        }
    }

    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Delivers on the program's runtime, whose thread this is.
    pub(super) fn start(&self, webhook: Webhook, message: String, at: DateTime<Utc>) {
        let Ok(runtime) = Handle::try_current() else {
            tracing::error!("webhook '{}': no runtime to deliver on", webhook.name);
            return;
        };
        let deliveries = self.clone();
        let delivered = async move {
            let _permit = deliveries.permits.acquire().await;
            let delivery = Delivery::new(&webhook, &message, at);
            if let Err(why) = deliveries.deliver(&delivery).await {
                tracing::error!("webhook '{}' was not delivered: {why}", webhook.name);
            }
        };
        self.under_way.spawn_on(delivered, &runtime);
    }

    /// Waits until everything that was started is delivered, or given up.
    pub(in crate::mlflow) async fn settle(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }

    async fn deliver(&self, delivery: &Delivery<'_>) -> Result<(), String> {
        let mut pause = FIRST_PAUSE;
        for _ in 0..RETRIES {
            match self.send(delivery).await {
                Ok(answer) if !is_passing(answer.status) => return judge(answer),
                _ => tokio::time::sleep(pause).await,
            }
            pause *= 2;
        }
        judge(self.send(delivery).await?)
    }

    /// Sends once.
    pub(super) async fn send(&self, delivery: &Delivery<'_>) -> Result<Answer, String> {
        let url = &delivery.webhook.url;
        self.reach.check(url).map_err(|problem| problem.message)?;
        let mut request = self
            .client()?
            .post(url)
            .header("Content-Type", "application/json")
            .header("X-MLflow-Delivery-Id", &delivery.id)
            .header("X-MLflow-Timestamp", &delivery.time);
        if let Some(signature) = delivery.signature() {
            request = request.header("X-MLflow-Signature", signature);
        }
        let sent = request.body(delivery.message.to_owned()).send().await;
        let mut response = sent.map_err(|error| format!("{:?}", error.without_url()))?;
        Ok(Answer {
            status: response.status().as_u16(),
            body: beginning(&mut response).await,
        })
    }

    fn client(&self) -> Result<&Client, String> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // A redirect could lead inward, and a proxy would hide where it leads.
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .dns_resolver(Arc::new(Outward(self.reach.clone())))
            .https_only(self.reach.is_https_only());
        let client = client.build().map_err(|error| error.to_string())?;
        Ok(self.client.get_or_init(|| client))
    }
}

async fn beginning(response: &mut Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(&piece[..piece.len().min(BODY - body.len())]);
        if body.len() == BODY {
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

/// What may be gone in a while.
fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

fn judge(answer: Answer) -> Result<(), String> {
    match answer.status {
        200..400 => Ok(()),
        status => Err(format!("it answered with status {status}")),
    }
}

impl<'a> Delivery<'a> {
    pub(super) fn new(webhook: &'a Webhook, message: &'a str, at: DateTime<Utc>) -> Self {
        Self {
            webhook,
            message,
            id: uuid::Uuid::new_v4().to_string(),
            time: at.timestamp().to_string(),
        }
    }

    /// HMAC-SHA256 of `id.time.message` in base64, as Standard Webhooks and MLflow have it.
    fn signature(&self) -> Option<String> {
        let secret = self.webhook.secret.0.as_bytes();
        if secret.is_empty() {
            return None;
        }
        let signed = format!("{}.{}.{}", self.id, self.time, self.message);
        let mac = hmac_sha256(secret, signed.as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac)))
    }
}

/// RFC 2104.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    match key.len() > block.len() {
        true => block[..32].copy_from_slice(&Sha256::digest(key)),
        false => block[..key.len()].copy_from_slice(key),
    }
    let hash = |pad: u8, message: &[u8]| {
        let key = block.map(|byte| byte ^ pad);
        Sha256::new()
            .chain_update(key)
            .chain_update(message)
            .finalize()
    };
    hash(0x5c, &hash(0x36, message)).into()
}

#[cfg(test)]
mod tests {
    use forebay_store::registry::Secret;

    use super::*;

    /// Computed with Python's `hmac`.
    #[test]
    fn a_delivery_is_signed_as_mlflow_signs_it() {
        let webhook = Webhook {
            id: "w".to_owned(),
            name: "chat".to_owned(),
            url: "https://example.org/".to_owned(),
            description: String::new(),
            secret: Secret("s3cret".to_owned()),
            events: ["prompt.created".to_owned()].into(),
            is_active: true,
            created_ms: 1,
            updated_ms: 1,
        };
        let mut delivery = Delivery::new(&webhook, r#"{"a": 1}"#, DateTime::UNIX_EPOCH);
        (delivery.id, delivery.time) = ("d-1".to_owned(), "1700000000".to_owned());
        assert_eq!(
            delivery.signature().unwrap(),
            "v1,cXba7k2h2S9JgnqN7BcpWvnFMfMoFMqAonfzn9WFZBg="
        );
    }

    /// RFC 4231, cases 2 and 6: a short key, and one that is longer than a block.
    #[test]
    fn a_key_may_have_any_length() {
        let hex =
            |mac: [u8; 32]| -> String { mac.iter().map(|byte| format!("{byte:02x}")).collect() };
        assert_eq!(
            hex(hmac_sha256(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let message = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(
            hex(hmac_sha256(&[0xaa; 131], message)),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
