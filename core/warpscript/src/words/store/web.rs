//! WEBCALL and HTTP.

use std::sync::Arc;

use super::params::{get, text};
use super::{Collect, Collector};
use crate::error::Result;
use crate::heap::Map;
use crate::machine::Machine;
use crate::requests::{Chunk, Http, Request};
use crate::value::{Handle, Value};
use crate::words::capabilities::get_long;
use crate::words::conversions::base::standard;

/// Names and values.
type Headers = Vec<(Arc<str>, Arc<str>)>;

pub(super) fn webcall(vm: &mut Machine) -> Result {
    let Value::String(body) = vm.pop()? else {
        return Err(
            vm.error("expects a request body as a possibly empty string on top of the stack.")
        );
    };
    let body = vm.heap.text(body).as_bytes().to_vec();
    let Value::Map(headers) = vm.pop()? else {
        return Err(vm.error(
            "expects a map of header names to header values as second level of the stack.",
        ));
    };
    let headers = texts(vm, headers)?;
    let Value::String(url) = vm.pop()? else {
        return Err(vm.error("expects a URL below the headers map."));
    };
    let url = Arc::clone(vm.heap.text(url));
    let method = vm.pop()?;
    let method = vm.as_text(method).filter(|method| matches!(&***method, "GET" | "POST")).cloned();
    let Some(method) = method else {
        return Err(vm.error("given invalid method. Can be one of 'GET' or 'POST'."));
    };
    let token = vm.pop_text("expects a token below the URL.")?;
    if vm.settings.webcalls >= vm.config.webcalls {
        return Err(vm.error("reached the maximum number of invocations."));
    }
    vm.settings.webcalls += 1;
    vm.charge(body.len() / 16);
    let call = Http { method, url, headers, body, token: Some(token), answer_bytes_max: 0 };
    let request = vm.request(Request::Http(Box::new(call)));
    vm.push_task(Collect { request, collector: Name })
}

/// A map as texts.
fn texts(vm: &mut Machine, map: Handle<Map>) -> Result<Headers> {
    let entries: Vec<(Value, Value)> = {
        let map = vm.heap.map(map);
        map.entries.iter().map(|(key, value)| (key.value(), *value)).collect()
    };
    let mut all = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        all.push((text(vm, name)?, text(vm, value)?));
    }
    Ok(all)
}

/// The name of a call that goes out later.
struct Name;

impl Collector for Name {
    fn take(&mut self, vm: &mut Machine, chunk: Chunk) -> Result {
        match chunk {
            Chunk::Name(name) => vm.push_string(name),
            _ => Ok(()),
        }
    }

    fn end(&mut self, _vm: &mut Machine) -> Result {
        Ok(())
    }
}

pub(super) fn http(vm: &mut Machine) -> Result {
    let params = vm.pop_map("expects a MAP as input.")?;
    let text_of = |vm: &Machine, key: &str| match get(vm, params, key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(Arc::clone(vm.heap.text(text)))),
        Some(_) => Err(vm.error(&format!("expects {key} to be a STRING."))),
    };
    let body = match get(vm, params, "body") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(vm.heap.text(text).as_bytes().to_vec()),
        Some(Value::Bytes(bytes)) => Some(vm.heap.bytes(bytes).to_vec()),
        Some(_) => {
            return Err(vm.error("expects the body of the request to be a STRING or BYTES object."));
        }
    };
    let otherwise = if body.is_some() { "POST" } else { "GET" };
    let method = text_of(vm, "method")?.map_or_else(|| otherwise.to_owned(), |m| m.to_uppercase());
    if body.is_some() && matches!(&*method, "GET" | "TRACE") {
        return Err(vm.error(&format!("{method} cannot be used with a body.")));
    }
    let mut headers = match get(vm, params, "headers") {
        None | Some(Value::Null) => Headers::new(),
        Some(Value::Map(map)) => texts(vm, map)?,
        Some(_) => return Err(vm.error("expects headers to be a MAP.")),
    };
    if get(vm, params, "chunk.size").is_some() {
        return Err(
            vm.error("does not read answers in chunks in this version: leave chunk.size out.")
        );
    }
    let Some(url) = text_of(vm, "url")? else { return Err(vm.error("expects a url.")) };
    if let (Some(user), Some(password)) = (text_of(vm, "username")?, text_of(vm, "password")?) {
        let pair = standard(format!("{user}:{password}").as_bytes());
        headers.push(("Authorization".into(), format!("Basic {pair}").into()));
    }
    let most = get_long(vm, "http.requests", vm.config.http_requests)?;
    vm.settings.http_requests += 1;
    if vm.settings.http_requests > most {
        return Err(vm.error(&format!("is limited to {most} calls per script execution.")));
    }
    let bytes_max = get_long(vm, "http.size", vm.config.http_bytes)?;
    let room = bytes_max.saturating_sub(vm.settings.http_bytes).max(0);
    let call = Http {
        method: method.into(),
        url,
        headers,
        body: body.unwrap_or_default(),
        token: None,
        answer_bytes_max: usize::try_from(room).unwrap_or(usize::MAX),
    };
    let request = vm.request(Request::Http(Box::new(call)));
    vm.push_task(Collect { request, collector: Reply })
}

/// An answer as a map.
struct Reply;

impl Collector for Reply {
    fn take(&mut self, vm: &mut Machine, chunk: Chunk) -> Result {
        let Chunk::Http { status, reason, headers, body } = chunk else { return Ok(()) };
        vm.settings.http_bytes += i64::try_from(body.len()).unwrap_or(i64::MAX);
        let mut names: Vec<(String, Vec<Value>)> = Vec::new();
        for (name, value) in headers {
            let value = vm.heap.string(value)?;
            match names.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                Some((_, values)) => values.push(value),
                None => names.push((name, vec![value])),
            }
        }
        let mut lists = Map::default();
        for (name, values) in names {
            let list = vm.heap.new_list(values)?;
            lists.entries.insert(vm.heap.text_key(&name)?, list);
        }
        let lists = Value::Map(vm.heap.alloc_map(lists)?);
        let message = vm.heap.string(format!("HTTP/1.1 {status} {reason}").trim_end())?;
        let content = Value::Bytes(vm.heap.alloc_bytes(body.into())?);
        let mut map = Map::default();
        for (name, value) in [
            ("status.code", Value::Long(i64::from(status))),
            ("headers", lists),
            ("status.message", message),
            ("content", content),
        ] {
            map.entries.insert(vm.heap.text_key(name)?, value);
        }
        vm.push_map(map)
    }

    fn end(&mut self, _vm: &mut Machine) -> Result {
        Ok(())
    }
}
