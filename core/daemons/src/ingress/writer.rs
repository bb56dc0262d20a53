//! Who writes: what a write token allows.

use weft_gts::Labels;
use weft_gts::selector::Selector;
use weft_wire::token::{TokenError, WriteToken};

use super::IngressConfig;
use crate::scope::scope;
use crate::throttling::Tenant;

/// Labels that every series carries.
pub(crate) const PRODUCER: &str = ".producer";
pub(crate) const OWNER: &str = ".owner";
pub(crate) const APPLICATION: &str = ".app";

/// The holder of a valid write token.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    /// Labels of the token, then producer, owner and application.
    pub(crate) labels: Labels,
    producer: String,
    owner: String,
    application: Option<String>,
    attributes: Labels,
    token_labels: Labels,
}

impl Writer {
    /// Checks a token. The error is the reference's message.
    pub(crate) fn new(
        config: &IngressConfig,
        token: Option<&str>,
        now_ms: i64,
    ) -> Result<Self, TokenError> {
        let token: WriteToken = config.tokens.write_token(token, now_ms)?;
        let (producer, owner) = (token.producer(), token.owner());
        let mut labels = token.labels.clone().unwrap_or_default();
        labels.insert(PRODUCER, producer.clone());
        labels.insert(OWNER, owner.clone());
        let application = Some(token.app_name.clone());
        if let Some(application) = &application {
            labels.insert(APPLICATION, application.clone());
        }
        labels.sort();
        Ok(Self {
            labels,
            producer,
            owner,
            application,
            attributes: token.attributes.clone().unwrap_or_default(),
            token_labels: token.labels.unwrap_or_default(),
        })
    }

    /// A writer that is known by its labels alone.
    pub(crate) fn with_labels(labels: Labels) -> Self {
        let label = |name| labels.get(name).map(str::to_owned);
        Self {
            producer: label(PRODUCER).unwrap_or_default(),
            owner: label(OWNER).unwrap_or_default(),
            application: label(APPLICATION),
            attributes: Labels::new(),
            token_labels: Labels::new(),
            labels,
        }
    }

    /// Who that is to limits.
    pub(crate) fn tenant(&self) -> Tenant {
        let application = self.application.as_deref().unwrap_or_default();
        let exposes = self.attribute(".expose").is_some();
        Tenant::new(self.producer.clone(), self.owner.clone(), application, exposes)
    }

    /// An attribute of the token.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)
    }

    /// What the token's scope leaves of the series that it deletes.
    pub(crate) fn scope(&self) -> Result<Option<Selector>, String> {
        let is = |text: &str| format!("={text}");
        let mut of_token = Labels::new();
        of_token.insert(PRODUCER, is(&self.producer));
        of_token.insert(OWNER, is(&self.owner));
        if let Some(application) = &self.application {
            of_token.insert(APPLICATION, is(application));
        }
        scope(Some(&self.attributes), &of_token, false)
    }

    /// Whether the producer writes for itself, as deletes ask for.
    pub(crate) fn owns_what_it_produces(&self) -> bool {
        self.producer == self.owner
    }

    /// Labels that a delete's selector must have: the producer may vary.
    pub(crate) fn delete_labels(&self) -> Labels {
        let mut labels = self.token_labels.clone();
        for reserved in [PRODUCER, OWNER, APPLICATION] {
            labels.remove(reserved);
        }
        labels.insert(OWNER, self.owner.clone());
        if let Some(application) = &self.application {
            labels.insert(APPLICATION, application.clone());
        }
        labels
    }
}
