//! Tokens with plain names (`warp.token.file`).
//!
//! Lines of two forms count, whatever stands between them:
//! `token.read.GROUP.KEY = VALUE` or `token.write.…`, where lines of one group are of one token (`name`
//! or `id`, `producer`, `owner`, `app`, `expiry`; `billed` of those that read, `labels` of those that
//! write), and `token.spec = …`, a map of WarpScript as TOKENGEN takes it, with an `id`.

use std::collections::BTreeMap;

use weft_gts::text::parse_labels;

use crate::token::{NamedTokens, ReadToken, Token, WriteToken, parse_uuid};

/// Understands a map of WarpScript: name and token, or what is wrong with it.
pub type Specify<'a> = &'a mut dyn FnMut(&str) -> Result<(String, Token), String>;

/// A line that is not understood, or a token that is not whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct TokenFileError {
    /// `line 7`, say, or the token.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

/// A token whose lines are being read, and its names.
#[derive(Debug, Default)]
struct Group<T> {
    names: Vec<String>,
    token: T,
}

/// The tokens that a file names. Nothing is taken of a file that is not understood as a whole.
///
/// # Errors
/// A line with `token.` at its beginning that is of neither form; a write token without owner or
/// producer.
pub fn parse(text: &str, specify: Specify<'_>) -> Result<NamedTokens, TokenFileError> {
    let mut named = NamedTokens::default();
    let mut read: BTreeMap<&str, Group<ReadToken>> = BTreeMap::new();
    let mut write: BTreeMap<&str, Group<WriteToken>> = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let Some(line) = line.trim().strip_prefix("token.") else { continue };
        let failed =
            |message: String| TokenFileError { place: format!("line {}", index + 1), message };
        let (path, value) =
            line.split_once('=').ok_or_else(|| failed("it has no value".to_owned()))?;
        let value = value.trim();
        let path: Vec<&str> = path.trim().splitn(3, '.').collect();
        match path[..] {
            ["spec"] => match specify(value).map_err(failed)? {
                (name, Token::Read(token)) => drop(named.read.insert(name, token)),
                (name, Token::Write(token)) => drop(named.write.insert(name, token)),
            },
            ["read", group, key] => {
                let group = read.entry(group).or_insert_with(|| Group {
                    names: Vec::new(),
                    token: ReadToken {
                        expiry_ms: i64::MAX,
                        billed_id: vec![0; 16],
                        ..ReadToken::default()
                    },
                });
                read_line(group, key, value).map_err(failed)?;
            }
            ["write", group, key] => {
                let group = write.entry(group).or_insert_with(|| Group {
                    names: Vec::new(),
                    token: WriteToken { expiry_ms: i64::MAX, ..WriteToken::default() },
                });
                write_line(group, key, value).map_err(failed)?;
            }
            _ => return Err(failed("token.read.…, token.write.… or token.spec".to_owned())),
        }
    }
    for Group { names, token } in read.into_values() {
        named.read.extend(names.into_iter().map(|name| (name, token.clone())));
    }
    for (group, Group { names, token }) in write {
        if token.owner_id.is_empty() || token.producer_id.is_empty() {
            let place = format!("token.write.{group}");
            return Err(TokenFileError { place, message: "no owner, or no producer".to_owned() });
        }
        named.write.extend(names.into_iter().map(|name| (name, token.clone())));
    }
    Ok(named)
}

fn read_line(group: &mut Group<ReadToken>, key: &str, value: &str) -> Result<(), String> {
    let token = &mut group.token;
    match key {
        "producer" => token.producers.push(id(value)?),
        "owner" => token.owners.push(id(value)?),
        "app" => token.apps.push(value.to_owned()),
        "billed" => token.billed_id = id(value)?,
        "expiry" => token.expiry_ms = number(value)?,
        "name" | "id" => group.names.push(name(value)?),
        _ => return Err(format!("{key} is nothing that a read token has")),
    }
    Ok(())
}

fn write_line(group: &mut Group<WriteToken>, key: &str, value: &str) -> Result<(), String> {
    let token = &mut group.token;
    match key {
        "producer" => token.producer_id = id(value)?,
        "owner" => token.owner_id = id(value)?,
        "app" => token.app_name = value.to_owned(),
        "labels" => {
            token.labels = Some(parse_labels(value).map_err(|error| error.to_string())?);
        }
        "expiry" => token.expiry_ms = number(value)?,
        "name" | "id" => group.names.push(name(value)?),
        _ => return Err(format!("{key} is nothing that a write token has")),
    }
    Ok(())
}

fn id(text: &str) -> Result<Vec<u8>, String> {
    parse_uuid(text).map(|id| id.to_vec()).ok_or_else(|| format!("{text}: not a UUID"))
}

fn number(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("{text}: not milliseconds since the epoch"))
}

fn name(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("an empty name".to_owned()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

    fn parsed(text: &str) -> Result<NamedTokens, TokenFileError> {
        parse(text, &mut |spec| match spec {
            "{ }" => Ok(("specified".to_owned(), Token::Read(ReadToken::default()))),
            _ => Err("no map".to_owned()),
        })
    }

    #[test]
    fn groups_of_lines_are_tokens() {
        let text = format!(
            "# a comment\nother = 1\n token.read.a.owner = {ID}\ntoken.write.a.owner={ID}\n\
             token.read.a.app = x\ntoken.read.a.app = y\ntoken.read.a.name = me\n\
             token.read.a.id = myself\ntoken.write.a.producer = {ID}\ntoken.write.a.expiry = 7\n\
             token.write.a.labels = b=c=d,a=b\ntoken.write.a.app = z\ntoken.write.a.name = me\n\
             token.spec = {{ }}\n"
        );
        let named = parsed(&text.replace("b=c=d", "b=c")).expect("tokens");
        assert_eq!(named.read.keys().collect::<Vec<_>>(), ["me", "myself", "specified"]);
        let token = &named.read["me"];
        assert_eq!(
            (&token.apps[..], token.expiry_ms),
            (&["x".to_owned(), "y".to_owned()][..], i64::MAX)
        );
        assert_eq!((token.owners.len(), token.billed_id.len()), (1, 16));
        let token = &named.write["me"];
        assert_eq!((token.owner(), token.producer()), (ID.to_owned(), ID.to_owned()));
        assert_eq!((&*token.app_name, token.expiry_ms), ("z", 7));
        let labels = token.labels.as_ref().map(|labels| labels.iter().collect::<Vec<_>>());
        assert_eq!(labels, Some(vec![("a", "b"), ("b", "c")]));
    }

    #[test]
    fn what_is_not_understood_is_an_error_with_its_place() {
        for (line, says) in [
            ("token.read.a.owner = x", "line 1: x: not a UUID"),
            ("\ntoken.read.a.color = x", "line 2: color"),
            ("token.read.a", "line 1: it has no value"),
            ("token.read.a = x", "line 1: token.read"),
            ("token.admin.a.b = x", "line 1: token.read"),
            ("token.write.a.expiry = soon", "line 1: soon"),
            ("token.write.a.name =", "line 1: an empty name"),
            ("token.write.a.name = me", "token.write.a: no owner"),
            ("token.spec = 1", "line 1: no map"),
        ] {
            let error = parsed(line).expect_err(line).to_string();
            assert!(error.starts_with(says), "{line}: {error}");
        }
    }
}
