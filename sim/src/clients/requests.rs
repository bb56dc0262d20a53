//! How clients send requests.

use bytes::Bytes;
use weft_daemons::contract::http::{HttpEvent, RequestHead, RequestId};
use weft_gts::Labels;
use weft_wire::thrift::{ReadToken, WriteToken};

use super::{Clients, How, Operation, PATIENCE_NS, Request, Step, WORKERS};
use crate::clients::names::{app, class, class_of_all};
use crate::node::{Component, token_keys};
use crate::odd::{self, Refusal, Token};
use crate::params::{MS, SECOND};
use crate::world::World;

/// Bytes of a body that are sent at once.
const PIECE_MAX: usize = 100_000;

/// Nothing, in fifty bytes.
const BLANK: &str = "                                                 \n";

/// Half a megabyte of text, and below it a macro that has more levels than can be written.
const UNWRITABLE: &str = "[] 1 40 <% DROP 'l' STORE [ $l ] %> FOR 'l' STORE <% !$l %>\n\
                          'xxxxxxxxxxxxxxxx' 1 15 <% DROP DUP + %> FOR";

/// The newest tick that scripts fetch; also how far they go back from there.
const EXEC_END: i64 = 2_000_000_000_000_000;

/// A token of a tenant that is refused, or not, at the door of a component.
fn token_of(tenant: usize, kind: Token, component: Component) -> Option<String> {
    let keys = token_keys();
    let user = vec![tenant as u8 + 1; 16];
    let is_write = component == Component::Ingress;
    let expiry_ms = if kind == Token::Expired { 1 } else { i64::MAX };
    let attributes: Option<Labels> = match kind {
        Token::With(name, value) => Some([(name, value)].into_iter().collect()),
        _ => None,
    };
    let hooks = (kind == Token::Hooks).then(|| [("0", "HOOK")].into_iter().collect());
    match kind {
        Token::None => return None,
        Token::Letters => return Some("letters".to_owned()),
        _ => {}
    }
    Some(if is_write {
        let owner_id = if kind == Token::Foreign { vec![99; 16] } else { user.clone() };
        keys.encode_write(&WriteToken {
            expiry_ms,
            app_name: app(tenant),
            producer_id: user,
            owner_id,
            attributes,
            ..WriteToken::default()
        })
    } else {
        keys.encode_read(&ReadToken {
            expiry_ms,
            apps: vec![app(tenant)],
            owners: vec![user.clone()],
            billed_id: user,
            attributes,
            hooks,
            ..ReadToken::default()
        })
    })
}

/// A program that leaves all values of a tenant on the stack.
pub(super) fn fetch_by_script(tenant: usize, read: &str) -> String {
    format!(
        "[ '{read}' '{}' {{}} {EXEC_END} {EXEC_END} ] FETCH\n<% DROP VALUES %> LMAP FLATTEN",
        class_of_all(tenant)
    )
}

impl Operation {
    /// Whom it asks.
    const fn component(&self) -> Component {
        match self {
            Self::Find
            | Self::Fetch
            | Self::Exec
            | Self::Unwritable
            | Self::Limited { .. }
            | Self::Script { .. }
            | Self::Delete { how: How::Script, .. } => Component::Egress,
            Self::Odd(refusal) => refusal.component,
            Self::Update { .. } | Self::Delete { .. } | Self::Meta { .. } => Component::Ingress,
        }
    }
}

impl Clients {
    pub(super) fn send(
        &mut self,
        world: &mut World,
        worker: usize,
        operation: Operation,
        tries: u32,
        scan: bool,
    ) {
        let component = operation.component();
        let Some(place) = world.place_of(component) else {
            // Nobody listens: the connection is refused.
            return self.again(world, worker, operation, tries, scan);
        };
        self.last_request += 1;
        let request = RequestId(self.last_request);
        let Some((head, body)) = self.asked(worker / WORKERS, &operation) else { return };
        let is_post = head.method == "POST";
        world.open(request, place);
        if world.chronicle.is_kept() {
            let what = self.said(&operation);
            let who = (worker / WORKERS, place.node);
            world.chronicle.sent(world.now_ns, request, who, tries, &what);
        }
        world.send(request, MS, HttpEvent::Head { request, head });
        let mut parts = Vec::new();
        let mut rest = &body[..];
        while !rest.is_empty() {
            let length = 1 + self.random.index(rest.len().min(PIECE_MAX));
            parts.push(Bytes::copy_from_slice(&rest[..length]));
            rest = &rest[length..];
        }
        parts.reverse();
        let breaks = is_post && {
            let is_drawn = !self.resting && self.random.chance(self.breaks);
            world.strikes(is_drawn, "request broken")
        };
        if breaks {
            // They are sent last first: what is left out is the end.
            parts.drain(..self.random.index(parts.len()));
        }
        let began_ns = world.now_ns;
        self.requests.insert(
            request,
            Request {
                worker,
                place: component,
                operation,
                tries,
                began_ns,
                born_ns: world.directories_born_ns(),
                status: None,
                stored: None,
                body: Vec::new(),
                breaks,
                parts,
                paused: false,
                scan,
            },
        );
        self.send_parts(world, request);
        world.schedule_client(PATIENCE_NS, Step::TimeOut(request));
        let cut = world.params.faults.client_cut;
        let is_cut = !self.resting && self.random.chance(cut);
        if world.strikes(is_cut, "client cut") {
            let when = self.random.below(2 * SECOND);
            world.schedule_client(when, Step::TimeOut(request));
        }
    }

    /// The head and the body of a request; `None` for what no request brings about.
    fn asked(&self, tenant: usize, operation: &Operation) -> Option<(RequestHead, Vec<u8>)> {
        let (write, read) = {
            let tenant = &self.tenants[tenant];
            (tenant.write_token.clone(), tenant.read_token.clone())
        };
        let selector = format!("{}{{}}", class_of_all(tenant));
        let all = weft_gts::percent::encode(&selector);
        let (mut token, mut header) = (None, None);
        let (method, path, query, own, body) = match operation {
            Operation::Update { body, blank, .. } => {
                let body = BLANK.repeat(*blank / BLANK.len()) + body;
                ("POST", "update", String::new(), write, body)
            }
            Operation::Unwritable => {
                ("POST", "exec", String::new(), String::new(), UNWRITABLE.to_owned())
            }
            Operation::Script { body, .. } | Operation::Limited { body } => {
                ("POST", "exec", String::new(), String::new(), body.clone())
            }
            Operation::Meta { body } => ("POST", "meta", String::new(), write, body.clone()),
            Operation::Delete { series, ticks: (start, end), how: How::Script, .. } => {
                let range = if (*start, *end) == (i64::MIN, i64::MAX) {
                    "NULL NULL".to_owned()
                } else {
                    format!("{start} {end}")
                };
                let script = format!("'{write}' '{}{{}}' {range} 1 DELETE", class(series));
                ("POST", "exec", String::new(), String::new(), script)
            }
            Operation::Delete { query, how: How::Form, .. } => {
                header = odd::FORM;
                ("POST", "delete", String::new(), write, query.clone())
            }
            Operation::Delete { query, .. } => {
                ("GET", "delete", query.clone(), write, String::new())
            }
            Operation::Find => {
                let query = format!("selector={all}");
                ("GET", "find", query, read, String::new())
            }
            Operation::Fetch => {
                let query = format!(
                    "selector={all}&start={}&stop={}&format=fulltext",
                    i64::MIN + 1,
                    i64::MAX
                );
                ("GET", "fetch", query, read, String::new())
            }
            Operation::Exec => {
                let script = format!(
                    "[ '{read}' '{}' {{}} ] FINDSTATS DROP\n{}",
                    class_of_all(tenant),
                    fetch_by_script(tenant, &read)
                );
                ("POST", "exec", String::new(), String::new(), script)
            }
            Operation::Odd(Refusal { sent: Some(sent), .. }) => {
                token = token_of(tenant, sent.token, operation.component());
                header = sent.header;
                let path = sent.path.trim_start_matches("/api/v0/");
                let query = sent.query.replace("ALL", &all);
                let query =
                    if sent.also.is_empty() { query } else { format!("{query}&{}", sent.also) };
                let body = match sent.body {
                    odd::LARGE => " ".repeat(odd::LARGE_BYTES),
                    odd::CUT_OFF => String::new(),
                    body => body.to_owned(),
                };
                (sent.method, path, query, String::new(), body)
            }
            Operation::Odd(_) => return None,
        };
        let token = token.or_else(|| (!own.is_empty()).then_some(own));
        let token = token.map(|token| ("x-warp10-token".to_owned(), token));
        let header = header.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let head = RequestHead {
            method: method.to_owned(),
            path: format!("/api/v0/{path}"),
            query,
            headers: token.into_iter().chain(header).collect(),
        };
        let body = match operation {
            Operation::Odd(Refusal {
                sent: Some(odd::Sent { body: odd::CUT_OFF, .. }), ..
            }) => vec![0x1f, 0x8b, 8, 0],
            _ => body.into_bytes(),
        };
        Some((head, body))
    }

    /// Sends what is left of the body, as far as the machine wants it.
    pub(super) fn send_parts(&mut self, world: &mut World, id: RequestId) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        let mut delay = 2 * MS;
        if request.paused {
            return;
        }
        // What is large comes fast.
        let pause = if request.parts.len() > 8 { MS / 100 } else { 20 * MS };
        while let Some(bytes) = request.parts.pop() {
            world.send(id, delay, HttpEvent::Body { request: id, bytes });
            delay += pause / 20 + self.random.below(pause);
        }
        let event = if request.breaks {
            HttpEvent::Broken { request: id }
        } else {
            HttpEvent::End { request: id }
        };
        world.send(id, delay, event);
    }
}
