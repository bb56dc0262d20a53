//! WEBCALL and HTTP. What HTTP gives to a macro in chunks has come as a whole before: it may not be
//! longer than an answer that is not cut.

use std::sync::Arc;

use super::params::{get, text};
use super::{Collect, Collector};
use crate::error::Result;
use crate::heap::Map;
use crate::machine::{Flow, Machine, Task};
use crate::macros::Macro;
use crate::requests::{Chunk, Hosts, Http, Request};
use crate::value::{Handle, Value};
use crate::words::capabilities::get_long;
use crate::words::conversions::base::standard;

/// Names and values.
pub(super) type Headers = Vec<(Arc<str>, Arc<str>)>;

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
    let call = Http {
        method,
        url,
        headers,
        body,
        token: Some(token),
        answer_bytes_max: 0,
        hosts: Hosts::WebCall,
    };
    let request = vm.request(Request::Http(Box::new(call)));
    vm.push_task(Collect { request, collector: Name })
}

/// A map as texts.
pub(super) fn texts(vm: &mut Machine, map: Handle<Map>) -> Result<Headers> {
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
    let chunks = chunks_of(vm, params)?;
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
        hosts: Hosts::Http,
    };
    let request = vm.request(Request::Http(Box::new(call)));
    vm.push_task(Collect { request, collector: Reply { chunks, response: None } })
}

/// In which pieces an answer is wanted, and who takes them.
#[derive(Clone, Copy)]
struct Chunks {
    bytes: usize,
    body: Option<Handle<Macro>>,
}

fn chunks_of(vm: &Machine, params: Handle<Map>) -> Result<Option<Chunks>> {
    let bytes = match get(vm, params, "chunk.size") {
        None | Some(Value::Null) => None,
        Some(Value::Long(bytes)) if bytes > 0 => {
            let most = get_long(vm, "http.chunksize", vm.config.http_chunk_bytes)?;
            if bytes > most {
                return Err(vm.error(&format!(
                    "expects a chunk size in number of bytes that do not exceed {most}."
                )));
            }
            Some(usize::try_from(bytes).unwrap_or(usize::MAX))
        }
        Some(Value::Long(_)) => {
            return Err(vm.error("expects chunk.size value to be greater than 0."));
        }
        Some(_) => return Err(vm.error("expects chunk.size to be a LONG.")),
    };
    let body = match get(vm, params, "chunk.macro") {
        None | Some(Value::Null) => None,
        Some(Value::Macro(body)) => Some(body),
        Some(_) => {
            return Err(
                vm.error("expects a macro in the input parameters map as value of chunk.macro")
            );
        }
    };
    Ok(bytes.map(|bytes| Chunks { bytes, body }))
}

/// An answer as a map, or as many.
struct Reply {
    chunks: Option<Chunks>,
    response: Option<Response>,
}

/// An answer.
struct Response {
    status: u16,
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// The first line of an answer.
pub(super) fn status_line(status: u16, reason: &str) -> String {
    format!("HTTP/1.1 {status} {reason}").trim_end().to_owned()
}

/// Headers as a map of lists.
pub(super) fn header_lists(vm: &mut Machine, headers: Vec<(String, String)>) -> Result<Value> {
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
    Ok(Value::Map(vm.heap.alloc_map(lists)?))
}

impl Response {
    /// What every map of it has.
    fn push(&self, vm: &mut Machine, content: Option<&[u8]>, number: Option<i64>) -> Result {
        let lists = header_lists(vm, self.headers.clone())?;
        let mut map = Map::default();
        let status = Value::Long(i64::from(self.status));
        map.entries.insert(vm.heap.text_key("status.code")?, status);
        map.entries.insert(vm.heap.text_key("headers")?, lists);
        let line = vm.heap.string(&*self.line)?;
        map.entries.insert(vm.heap.text_key("status.message")?, line);
        if let Some(content) = content {
            let content = Value::Bytes(vm.heap.alloc_bytes(content.into())?);
            map.entries.insert(vm.heap.text_key("content")?, content);
        }
        if let Some(number) = number {
            map.entries.insert(vm.heap.text_key("chunk.number")?, Value::Long(number));
        }
        vm.charge(self.headers.len() + content.map_or(0, <[u8]>::len) / 16);
        vm.push_map(map)
    }
}

/// Gives an answer to a macro, chunk by chunk: numbers from 1 on, an empty one numbered -1, and in the
/// end a map without content.
struct Giving {
    response: Response,
    chunks: Chunks,
    /// Bytes that were given.
    given: usize,
    number: i64,
    has_told_end: bool,
}

impl Task for Giving {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        let rest = &self.response.body[self.given..];
        let piece = &rest[..rest.len().min(self.chunks.bytes)];
        if self.has_told_end {
            self.response.push(vm, None, None)?;
            return Ok(Flow::Done);
        }
        if piece.is_empty() {
            self.has_told_end = true;
            self.response.push(vm, Some(&[]), Some(-1))?;
        } else {
            self.number += 1;
            self.response.push(vm, Some(piece), Some(self.number))?;
            self.given += piece.len();
        }
        if let Some(body) = self.chunks.body {
            vm.exec(body)?;
        }
        Ok(Flow::Again)
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.chunks.body.map(Value::Macro).into_iter().for_each(visit);
    }
}

impl Collector for Reply {
    fn take(&mut self, vm: &mut Machine, chunk: Chunk) -> Result {
        let Chunk::Http { status, reason, headers, body } = chunk else { return Ok(()) };
        vm.settings.http_bytes += i64::try_from(body.len()).unwrap_or(i64::MAX);
        let line = status_line(status, &reason);
        self.response = Some(Response { status, line, headers, body });
        Ok(())
    }

    fn end(&mut self, vm: &mut Machine) -> Result {
        let Some(response) = self.response.take() else { return Ok(()) };
        match self.chunks {
            None => response.push(vm, Some(&response.body), None),
            Some(chunks) => {
                let task = Giving { response, chunks, given: 0, number: 0, has_told_end: false };
                vm.push_task(task)
            }
        }
    }

    fn trace(&self, visit: &mut dyn FnMut(Value)) {
        self.chunks.and_then(|chunks| chunks.body).map(Value::Macro).into_iter().for_each(visit);
    }
}
