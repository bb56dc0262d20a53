//! URLFETCH, MAXURLFETCHCOUNT and MAXURLFETCHSIZE.

use std::sync::Arc;

use super::params::text;
use super::refused;
use super::web::{Headers, header_lists, status_line, texts};
use crate::error::Result;
use crate::machine::{Flow, Machine, Task};
use crate::requests::{Answer, Chunk, Hosts, Http, Request, RequestId};
use crate::value::Value;
use crate::words::conversions::base::standard;

/// URLs that are fetched one after the other.
struct UrlFetch {
    urls: Vec<Arc<str>>,
    headers: Headers,
    /// How many were asked for.
    asked: usize,
    request: Option<RequestId>,
    results: Vec<Value>,
}

pub(super) fn urlfetch(vm: &mut Machine) -> Result {
    check_authenticated(vm)?;
    let (mut top, mut headers) = (vm.pop()?, Headers::new());
    if let Value::Map(map) = top {
        headers = texts(vm, map)?;
        top = vm.pop()?;
    }
    let urls = match top {
        Value::String(_) => vec![top],
        _ => match top.as_list() {
            Some(list) => vm.heap.list(list).clone(),
            None => return Err(vm.error("expects a URL or list thereof on top of the stack.")),
        },
    };
    let after = i64::try_from(urls.len()).unwrap_or(i64::MAX);
    if vm.settings.urlfetched.requests.saturating_add(after) > vm.settings.urlfetch.requests {
        return Err(limited(vm));
    }
    let urls = urls.into_iter().map(|url| text(vm, url)).collect::<Result<Vec<_>>>()?;
    vm.push_task(UrlFetch { urls, headers, asked: 0, request: None, results: Vec::new() })
}

fn check_authenticated(vm: &Machine) -> Result {
    if vm.settings.authenticated {
        return Ok(());
    }
    Err(vm.error("requires the stack to be authenticated."))
}

fn limited(vm: &Machine) -> crate::error::Fault {
    vm.error(&format!("is limited to {} calls.", vm.settings.urlfetch.requests))
}

impl UrlFetch {
    /// Asks for the next URL; nothing when there is none.
    fn ask(&mut self, vm: &mut Machine) -> Result<Option<RequestId>> {
        let Some(url) = self.urls.get(self.asked).cloned() else { return Ok(None) };
        // Macros that run beside this one may have fetched meanwhile.
        if vm.settings.urlfetched.requests >= vm.settings.urlfetch.requests {
            return Err(limited(vm));
        }
        vm.settings.urlfetched.requests += 1;
        self.asked += 1;
        let mut headers = self.headers.clone();
        if let Some(user) = user_of(&url) {
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
            let basic = format!("Basic {}", standard(user.as_bytes()));
            headers.push(("Authorization".into(), basic.into()));
        }
        let room = vm.settings.urlfetch.bytes.saturating_sub(vm.settings.urlfetched.bytes).max(0);
        let call = Http {
            method: "GET".into(),
            url,
            headers,
            body: Vec::new(),
            token: None,
            answer_bytes_max: usize::try_from(room).unwrap_or(usize::MAX),
            hosts: Hosts::UrlFetch,
        };
        Ok(Some(vm.request(Request::Http(Box::new(call)))))
    }

    /// Status, its line, headers, and the content in Base64.
    fn take(&mut self, vm: &mut Machine, chunk: Chunk) -> Result {
        let Chunk::Http { status, reason, headers, body } = chunk else { return Ok(()) };
        let bytes = i64::try_from(body.len()).unwrap_or(i64::MAX);
        vm.settings.urlfetched.bytes = vm.settings.urlfetched.bytes.saturating_add(bytes);
        vm.charge(body.len() / 16);
        let line = vm.heap.string(status_line(status, &reason))?;
        let headers = header_lists(vm, headers)?;
        let content = vm.heap.string(standard(&body))?;
        let result = vec![Value::Long(i64::from(status)), line, headers, content];
        self.results.push(vm.heap.new_list(result)?);
        Ok(())
    }
}

impl Task for UrlFetch {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        loop {
            let request = match self.request {
                Some(request) => request,
                None => match self.ask(vm)? {
                    Some(request) => *self.request.insert(request),
                    None => {
                        let results = std::mem::take(&mut self.results);
                        let list = vm.heap.new_list(results)?;
                        vm.push(list)?;
                        return Ok(Flow::Done);
                    }
                },
            };
            match vm.take_answer(request) {
                None => return Ok(Flow::Wait),
                Some(Answer::Chunk(chunk)) => self.take(vm, chunk)?,
                Some(Answer::Err(error)) => return Err(refused(vm, error)),
                Some(Answer::End) => self.request = None,
            }
        }
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.results.iter().copied().for_each(visit);
    }
}

/// `user:password` of a URL.
fn user_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    authority.rsplit_once('@').map(|(user, _)| user)
}

pub(super) fn max_count(vm: &mut Machine) -> Result {
    let limit = limit(vm, vm.config.urlfetch[1].requests)?;
    vm.settings.urlfetch.requests = limit;
    Ok(())
}

pub(super) fn max_size(vm: &mut Machine) -> Result {
    let limit = limit(vm, vm.config.urlfetch[1].bytes)?;
    vm.settings.urlfetch.bytes = limit;
    Ok(())
}

fn limit(vm: &mut Machine, hard: i64) -> Result<i64> {
    check_authenticated(vm)?;
    let limit = vm.pop_long("expects a numeric (long) limit.")?;
    if limit > hard {
        return Err(vm.error(&format!("cannot extend limit past {hard}")));
    }
    Ok(limit)
}
