//! Questions to another server, over HTTP.

use std::io::Read;
use std::time::Duration;

use forebay_core::Diagnostic;
use serde_json::Value;
use ureq::Agent;

pub struct Client {
    agent: Agent,
    /// Without a slash at its end.
    url: String,
}

impl Client {
    pub fn new(url: &str) -> Result<Self, Diagnostic> {
        let parsed = url::Url::parse(url)
            .map_err(|error| Diagnostic::error(format!("'{url}' is no address: {error}")))?;
        if parsed.scheme() != "http" {
            return Err(
                Diagnostic::error(format!("'{url}' is not reached by plain HTTP")).hint(
                    "let a tunnel lead to the server, such as ssh -L 5000:localhost:5000 HOST",
                ),
            );
        }
        let config = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(300)))
            .http_status_as_error(false)
            .build();
        Ok(Self {
            agent: config.into(),
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Diagnostic> {
        let request = self
            .agent
            .post(self.at(path))
            .content_type("application/json");
        self.read(path, request.send(body.to_string()))
    }

    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Diagnostic> {
        let mut request = self.agent.get(self.at(path));
        for (name, value) in query {
            request = request.query(name, value);
        }
        self.read(path, request.call())
    }

    /// As [`Client::get`]; null where an older server has no such method.
    pub fn get_if_known(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Diagnostic> {
        let mut request = self.agent.get(self.at(path));
        for (name, value) in query {
            request = request.query(name, value);
        }
        self.read_if_known(path, request.call())
    }

    /// As [`Client::post`]; null where an older server has no such method.
    pub fn post_if_known(&self, path: &str, body: &Value) -> Result<Value, Diagnostic> {
        let request = self
            .agent
            .post(self.at(path))
            .content_type("application/json");
        self.read_if_known(path, request.send(body.to_string()))
    }

    /// The body as it comes.
    pub fn download(&self, path: &str) -> Result<impl Read + use<>, Diagnostic> {
        let response = self
            .agent
            .get(self.at(path))
            .call()
            .map_err(|error| self.gone(&error))?;
        match response.status().is_success() {
            true => Ok(response.into_body().into_reader()),
            false => Err(self.refused(path, response.status().as_u16(), "")),
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn read_if_known(
        &self,
        path: &str,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, Diagnostic> {
        match answer {
            Ok(answer) if answer.status().as_u16() == 404 => Ok(Value::Null),
            answer => self.read(path, answer),
        }
    }

    fn read(
        &self,
        path: &str,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, Diagnostic> {
        let mut answer = answer.map_err(|error| self.gone(&error))?;
        let body = answer
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_string();
        let text = body.map_err(|error| self.gone(&error))?;
        match (answer.status().is_success(), serde_json::from_str(&text)) {
            (true, Ok(value)) => Ok(value),
            (true, Err(error)) => Err(self.refused(path, 200, &format!("no JSON ({error})"))),
            (false, _) => Err(self.refused(path, answer.status().as_u16(), &text)),
        }
    }

    fn gone(&self, error: &ureq::Error) -> Diagnostic {
        Diagnostic::environment(format!("{} does not answer: {error}", self.url))
            .hint("is an MLflow server running there?")
    }

    fn refused(&self, path: &str, status: u16, said: &str) -> Diagnostic {
        let said: String = said.chars().take(200).collect();
        Diagnostic::environment(format!("{}{path} answered {status}: {said}", self.url))
    }
}
