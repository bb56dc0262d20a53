//! One call to the outside: its URL checked, its host resolved, every address checked, the connection
//! made to the address that was checked, redirects followed the same way.

use core::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;

use super::target::{Allowed, Target, TargetError};
use crate::contract::peer::{PeerAction, WebCall, WebResponse};
use crate::contract::{ActionId, ActionIds};

/// Redirects that are followed.
const REDIRECTS_MAX: u32 = 5;

/// Headers that the connection is made of: callers do not say them.
const OWN_HEADERS: [&str; 8] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "expect",
];

/// Headers that are for one server alone.
const SECRET_HEADERS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `GET`, `POST`, …
    pub method: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// How long each step may take.
    pub time_max: Duration,
    /// Bytes of the answer's body that are kept; what comes beyond is an error or left out.
    pub answer_bytes_max: usize,
    /// Whether only the beginning of a longer answer is wanted.
    pub may_cut: bool,
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutcallError {
    /// It may not go there.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// It failed on its way; another attempt may not.
    #[error("{0}")]
    Failed(String),
    /// It was led on and on.
    #[error("more than {REDIRECTS_MAX} redirects.")]
    Redirects,
    /// Nobody can send it.
    #[error("invalid method or header.")]
    Request,
}

/// What becomes of a call.
#[derive(Debug)]
pub enum Next {
    /// This is to be done; its outcome goes to [`Outcall::resolved`] or [`Outcall::answered`].
    Do(PeerAction),
    /// It is over.
    Done(Result<WebResponse, OutcallError>),
}

/// A call under way.
#[derive(Clone, Debug)]
pub struct Outcall {
    target: Target,
    asked: Asked,
    redirects: u32,
    /// The action that is waited for.
    pub id: ActionId,
}

impl Outcall {
    /// A call to a URL.
    ///
    /// # Errors
    /// It may not go there, by its name.
    pub fn new(url: &str, mut asked: Asked, allowed: &Allowed) -> Result<Self, OutcallError> {
        let target = Target::parse(url)?;
        allowed.check(&target)?;
        let is_token = |text: &str| {
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            !text.is_empty() && text.bytes().all(is_plain)
        };
        asked
            .headers
            .retain(|(name, _)| !OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)));
        let is_good = |(name, value): &(String, String)| {
            is_token(name) && !value.bytes().any(|b| b < b' ' && b != b'\t' || b == 0x7f)
        };
        if !is_token(&asked.method) || !asked.headers.iter().all(is_good) {
            return Err(OutcallError::Request);
        }
        Ok(Self { target, asked, redirects: 0, id: ActionId::default() })
    }

    /// The host that is called.
    pub fn host(&self) -> &str {
        &self.target.host
    }

    /// Begins.
    pub fn begin(&mut self, allowed: &Allowed, ids: &mut ActionIds) -> Next {
        if let Ok(address) = self.target.host.parse::<IpAddr>() {
            return self.go(allowed, &[address], ids);
        }
        self.id = ids.next_id();
        let (id, host) = (self.id, self.target.host.clone());
        Next::Do(PeerAction::Resolve { id, host, time_max: self.asked.time_max })
    }

    /// The host has these addresses.
    pub fn resolved(
        &mut self,
        allowed: &Allowed,
        result: Result<Vec<IpAddr>, String>,
        ids: &mut ActionIds,
    ) -> Next {
        match result {
            Ok(addresses) => self.go(allowed, &addresses, ids),
            Err(error) => Next::Done(Err(OutcallError::Failed(error))),
        }
    }

    fn go(&mut self, allowed: &Allowed, addresses: &[IpAddr], ids: &mut ActionIds) -> Next {
        let address = match allowed.check_addresses(&self.target, addresses) {
            Ok(address) => address,
            Err(error) => return Next::Done(Err(error.into())),
        };
        self.id = ids.next_id();
        let asked = &self.asked;
        Next::Do(PeerAction::Web {
            id: self.id,
            call: Box::new(WebCall {
                address,
                tls_name: self.target.tls_name().map(str::to_owned),
                authority: self.target.authority(),
                method: asked.method.clone(),
                path: self.target.path.clone(),
                headers: asked.headers.clone(),
                body: asked.body.clone(),
                time_max: asked.time_max,
                answer_bytes_max: asked.answer_bytes_max,
                may_cut: asked.may_cut,
            }),
        })
    }

    /// Somebody answered.
    pub fn answered(
        &mut self,
        allowed: &Allowed,
        result: Result<Box<WebResponse>, String>,
        ids: &mut ActionIds,
    ) -> Next {
        let response = match result {
            Ok(response) => *response,
            Err(error) => return Next::Done(Err(OutcallError::Failed(error))),
        };
        let location =
            response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
        let (301 | 302 | 303 | 307 | 308, Some((_, location))) = (response.status, location) else {
            return Next::Done(Ok(response));
        };
        self.redirects += 1;
        if self.redirects > REDIRECTS_MAX {
            return Next::Done(Err(OutcallError::Redirects));
        }
        let next = self.target.redirected(location);
        let checked = next.and_then(|target| allowed.check(&target).map(|()| target));
        let target = match checked {
            Ok(target) => target,
            Err(error) => return Next::Done(Err(error.into())),
        };
        let asked = &mut self.asked;
        let keeps =
            matches!(response.status, 307 | 308) || matches!(&*asked.method, "GET" | "HEAD");
        if !keeps {
            asked.method = "GET".to_owned();
            asked.body = Bytes::new();
            asked.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
        }
        if !target.is_same_server(&self.target) {
            asked.headers.retain(|(name, _)| {
                !SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
            });
        }
        self.target = target;
        self.begin(allowed, ids)
    }
}
