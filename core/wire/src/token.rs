//! Tokens: what a text that a client shows allows it to do.
//!
//! The text is `OPB64(wrap(key, hash || struct))`: the hash is a palindromic SipHash of the struct
//! and stands in front. The same struct and keys always give the same text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use weft_gts::{Labels, SipKey, WrapKey};

use crate::opb64;
use crate::thrift::TokenStructError;
pub use crate::thrift::{ReadToken, WriteToken};

/// Bytes of the hash in front of the struct.
const HASH_LEN: usize = 8;

/// Labels that the platform sets.
const PRODUCER: &str = ".producer";
const OWNER: &str = ".owner";
const APPLICATION: &str = ".app";

/// Why a token is not accepted. The texts are the reference's: clients match them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is none, and a read token is needed.
    #[error("Read token missing.")]
    ReadMissing,
    /// There is none, and a write token is needed.
    #[error("Write token missing.")]
    WriteMissing,
    /// It is no token of this platform, or of the other kind.
    #[error("Invalid token.")]
    Invalid,
    /// It cannot be unwrapped with this platform's key.
    #[error("Invalid token.")]
    Aes,
    /// Its hash is not that of this platform's key.
    #[error("Invalid token.")]
    Sip,
    /// It is a write token, and a read token is needed.
    #[error("Token type invalid (READ expected).")]
    NotRead,
    /// It is a read token, and a write token is needed.
    #[error("Token type invalid (WRITE expected).")]
    NotWrite,
    /// It has ended.
    #[error("Token Expired.")]
    Expired,
    /// It was revoked.
    #[error("Token revoked.")]
    Revoked,
    /// Its application was revoked.
    #[error("Application suspended or closed.")]
    ApplicationRevoked,
    /// It has an attribute that this platform does not allow.
    #[error("Invalid token attribute.")]
    BannedAttribute,
}

/// The keys of tokens.
#[derive(Clone, Debug)]
pub struct TokenKeys {
    /// `warp.hash.token`.
    pub sip: SipKey,
    /// `warp.hash.app`.
    pub app: SipKey,
    /// `warp.aes.token`.
    pub aes: WrapKey,
}

impl TokenKeys {
    /// The text of a read token.
    pub fn encode_read(&self, token: &ReadToken) -> String {
        self.text(&token.encode())
    }

    /// The text of a write token.
    pub fn encode_write(&self, token: &WriteToken) -> String {
        self.text(&token.encode())
    }

    /// What identifies a token's text in revocation lists.
    pub fn ident(&self, text: &str) -> i64 {
        self.sip.hash_palindromic(text.as_bytes())
    }

    /// What identifies an application in revocation lists; 0 for none.
    pub fn app_id(&self, app: &str) -> i64 {
        if app.is_empty() { 0 } else { self.app.hash(app.as_bytes()) }
    }

    /// Decodes a read token, whatever its dates.
    pub fn decode_read(&self, text: &str) -> Result<ReadToken, TokenError> {
        ReadToken::decode(&self.open(text)?).map_err(|error| match error {
            TokenStructError::Kind => TokenError::NotRead,
            TokenStructError::Thrift(_) => TokenError::Invalid,
        })
    }

    /// Decodes a write token, whatever its dates.
    pub fn decode_write(&self, text: &str) -> Result<WriteToken, TokenError> {
        WriteToken::decode(&self.open(text)?).map_err(|error| match error {
            TokenStructError::Kind => TokenError::NotWrite,
            TokenStructError::Thrift(_) => TokenError::Invalid,
        })
    }

    fn text(&self, plain: &[u8]) -> String {
        let mut hashed = self.sip.hash_palindromic(plain).to_be_bytes().to_vec();
        hashed.extend_from_slice(plain);
        opb64::encode(&self.aes.wrap(&hashed))
    }

    fn open(&self, text: &str) -> Result<Vec<u8>, TokenError> {
        let wrapped = opb64::decode(text.as_bytes()).map_err(|_| TokenError::Invalid)?;
        let hashed = self.aes.unwrap(&wrapped).map_err(|_| TokenError::Aes)?;
        let (hash, plain) = hashed.split_first_chunk::<HASH_LEN>().ok_or(TokenError::Invalid)?;
        if self.sip.hash_palindromic(plain).to_be_bytes() != *hash {
            return Err(TokenError::Sip);
        }
        Ok(plain.to_vec())
    }
}

/// Revoked tokens and applications.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations {
    tokens: BTreeSet<i64>,
    apps: BTreeSet<i64>,
}

/// A line of a revocation list that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: '{text}' is neither 16 hexadecimal digits nor '+' and an application")]
pub struct RevocationError {
    /// Which line, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
}

impl Revocations {
    /// Adds a list: identifiers of tokens in hexadecimal, `+` and an application, comments (`#`).
    pub fn add_list(&mut self, keys: &TokenKeys, list: &str) -> Result<(), RevocationError> {
        for (index, line) in list.lines().enumerate() {
            let text = line.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if let Some(app) = text.strip_prefix('+') {
                self.apps.insert(keys.app_id(app));
            } else {
                let ident = u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16);
                let error = || RevocationError { line: index + 1, text: text.to_owned() };
                self.tokens.insert(ident.ok_or_else(error)? as i64);
            }
        }
        Ok(())
    }
}

/// A token of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// What the holder may read.
    Read(ReadToken),
    /// What the holder may write.
    Write(WriteToken),
}

/// Tokens whose text is a plain name (`warp.token.file`). They end and are revoked like others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedTokens {
    /// Read tokens by name.
    pub read: BTreeMap<String, ReadToken>,
    /// Write tokens by name.
    pub write: BTreeMap<String, WriteToken>,
}

/// Attributes of tokens that have none of the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributeDefaults {
    /// `warp.token.read.attributes.default`.
    pub read: Labels,
    /// `warp.token.write.attributes.default`.
    pub write: Labels,
}

/// Decides which tokens are good.
#[derive(Clone, Debug)]
pub struct TokenAuthority {
    keys: TokenKeys,
    revocations: Arc<Revocations>,
    names: Arc<NamedTokens>,
    defaults: Arc<AttributeDefaults>,
    /// `warp.token.banned.attributes`.
    banned_attributes: Vec<String>,
}

impl TokenAuthority {
    /// An authority that knows keys only.
    pub fn new(keys: TokenKeys) -> Self {
        Self {
            keys,
            revocations: Arc::default(),
            names: Arc::default(),
            defaults: Arc::default(),
            banned_attributes: Vec::new(),
        }
    }

    /// Its keys.
    pub const fn keys(&self) -> &TokenKeys {
        &self.keys
    }

    /// With revocations.
    #[must_use]
    pub fn with_revocations(mut self, revocations: Revocations) -> Self {
        self.revocations = Arc::new(revocations);
        self
    }

    /// Other revocations are in force from now on.
    pub fn revoke(&mut self, revocations: Arc<Revocations>) {
        self.revocations = revocations;
    }

    /// With attributes that no token may have.
    #[must_use]
    pub fn with_banned_attributes(mut self, attributes: Vec<String>) -> Self {
        self.banned_attributes = attributes;
        self
    }

    /// With tokens that have plain names.
    #[must_use]
    pub fn with_names(mut self, names: NamedTokens) -> Self {
        self.names = Arc::new(names);
        self
    }

    /// Other tokens have plain names from now on.
    pub fn name(&mut self, names: Arc<NamedTokens>) {
        self.names = names;
    }

    /// With attributes that every token has which does not say otherwise.
    #[must_use]
    pub fn with_attribute_defaults(mut self, defaults: AttributeDefaults) -> Self {
        self.defaults = Arc::new(defaults);
        self
    }

    /// The read token of that text, if it is good now.
    pub fn read_token(&self, text: Option<&str>, now_ms: i64) -> Result<ReadToken, TokenError> {
        let text = text.filter(|text| !text.is_empty()).ok_or(TokenError::ReadMissing)?;
        self.check_revoked(text)?;
        let mut token = match self.names.read.get(text) {
            Some(token) => token.clone(),
            None => self.keys.decode_read(text)?,
        };
        let app = token.app_name.as_deref().unwrap_or_default();
        self.check_valid(token.expiry_ms, app, now_ms)?;
        self.check_attributes(token.attributes.as_ref())?;
        complete(&mut token.attributes, &self.defaults.read);
        Ok(token)
    }

    /// The write token of that text, if it is good now.
    pub fn write_token(&self, text: Option<&str>, now_ms: i64) -> Result<WriteToken, TokenError> {
        let text = text.filter(|text| !text.is_empty()).ok_or(TokenError::WriteMissing)?;
        self.check_revoked(text)?;
        let mut token = match self.names.write.get(text) {
            Some(token) => token.clone(),
            None => self.keys.decode_write(text)?,
        };
        self.check_valid(token.expiry_ms, &token.app_name, now_ms)?;
        self.check_attributes(token.attributes.as_ref())?;
        complete(&mut token.attributes, &self.defaults.write);
        Ok(token)
    }

    fn check_revoked(&self, text: &str) -> Result<(), TokenError> {
        if self.revocations.tokens.contains(&self.keys.ident(text)) {
            return Err(TokenError::Revoked);
        }
        Ok(())
    }

    fn check_valid(&self, expiry_ms: i64, app: &str, now_ms: i64) -> Result<(), TokenError> {
        if expiry_ms < now_ms {
            return Err(TokenError::Expired);
        }
        if self.revocations.apps.contains(&self.keys.app_id(app)) {
            return Err(TokenError::ApplicationRevoked);
        }
        Ok(())
    }

    fn check_attributes(&self, attributes: Option<&Labels>) -> Result<(), TokenError> {
        let Some(attributes) = attributes else { return Ok(()) };
        if self.banned_attributes.iter().any(|banned| attributes.contains(banned)) {
            return Err(TokenError::BannedAttribute);
        }
        Ok(())
    }
}

/// Adds what is not said.
fn complete(attributes: &mut Option<Labels>, defaults: &Labels) {
    for (name, value) in defaults.iter() {
        let attributes = attributes.get_or_insert_default();
        if !attributes.contains(name) {
            attributes.insert(name, value);
        }
    }
}

impl ReadToken {
    /// The label selectors that restrict what the holder reads: the token's labels, then
    /// producers, applications and owners.
    pub fn label_selectors(&self) -> Labels {
        let mut selectors = Labels::new();
        for (name, selector) in self.labels.iter().flat_map(Labels::iter) {
            if ![PRODUCER, OWNER, APPLICATION].contains(&name) {
                selectors.insert(name, selector);
            }
        }
        let uuids = |ids: &[Vec<u8>]| ids.iter().map(|id| uuid(id)).collect::<Vec<_>>();
        let quoted: Vec<String> = match &self.apps[..] {
            [app] => vec![app.clone()],
            apps => apps.iter().map(|app| quote(app)).collect(),
        };
        let parts = [
            (PRODUCER, uuids(&self.producers)),
            (APPLICATION, quoted),
            (OWNER, uuids(&self.owners)),
        ];
        for (name, values) in parts {
            match &values[..] {
                [] => {}
                [value] => selectors.insert(name, format!("={value}")),
                values => selectors.insert(name, format!("~^({})$", values.join("|"))),
            }
        }
        selectors
    }
}

impl WriteToken {
    /// The producer as text.
    pub fn producer(&self) -> String {
        uuid(&self.producer_id)
    }

    /// The owner as text.
    pub fn owner(&self) -> String {
        uuid(&self.owner_id)
    }
}

/// Sixteen bytes as a UUID; what they lack is zero.
pub fn uuid(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for index in 0..16 {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{:02x}", bytes.get(index).copied().unwrap_or(0));
    }
    text
}

/// The bytes of a UUID's text.
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|character| *character != '-').collect();
    let is_uuid = digits.len() == 32 && text.len() == 36;
    is_uuid.then(|| u128::from_str_radix(&digits, 16).ok()).flatten().map(u128::to_be_bytes)
}

/// A text as a regular expression that matches it alone, the way Java quotes.
fn quote(text: &str) -> String {
    if text.contains("\\E") {
        format!("\\Q{}\\E", text.replace("\\E", "\\E\\\\E\\Q"))
    } else {
        format!("\\Q{text}\\E")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> TokenKeys {
        TokenKeys {
            sip: SipKey::new(1, 2),
            app: SipKey::new(3, 4),
            aes: WrapKey::new(&[5; 32]).expect("32 bytes"),
        }
    }

    fn token(expiry_ms: i64) -> WriteToken {
        WriteToken {
            expiry_ms,
            producer_id: vec![1; 16],
            owner_id: vec![2; 16],
            app_name: "app".to_owned(),
            ..WriteToken::default()
        }
    }

    #[test]
    fn a_token_is_good_until_it_ends() {
        let keys = keys();
        let text = keys.encode_write(&token(1_000));
        let authority = TokenAuthority::new(keys);
        assert_eq!(authority.write_token(Some(&text), 1_000), Ok(token(1_000)));
        assert_eq!(authority.write_token(Some(&text), 1_001), Err(TokenError::Expired));
        assert_eq!(authority.read_token(Some(&text), 0), Err(TokenError::Invalid));
        assert_eq!(authority.write_token(None, 0), Err(TokenError::WriteMissing));
        assert_eq!(authority.write_token(Some("zz"), 0), Err(TokenError::Aes));
    }

    #[test]
    fn tokens_and_applications_can_be_revoked() {
        let keys = keys();
        let text = keys.encode_write(&token(1_000));
        let mut revoked = Revocations::default();
        revoked.add_list(&keys, &format!("# x\n{:016x}\n", keys.ident(&text))).expect("a list");
        let authority = TokenAuthority::new(keys.clone()).with_revocations(revoked);
        assert_eq!(authority.write_token(Some(&text), 0), Err(TokenError::Revoked));
        let mut revoked = Revocations::default();
        revoked.add_list(&keys, "+app").expect("a list");
        let authority = TokenAuthority::new(keys.clone()).with_revocations(revoked);
        assert_eq!(authority.write_token(Some(&text), 0), Err(TokenError::ApplicationRevoked));
        assert!(Revocations::default().add_list(&keys, "12").is_err());
    }

    #[test]
    fn attributes_come_from_the_token_and_else_from_the_defaults() {
        let keys = keys();
        let one = |name: &str, value: &str| -> Labels { [(name, value)].into_iter().collect() };
        let read = [(".a", "default"), (".b", "default")].into_iter().collect();
        let defaults = AttributeDefaults { read, write: one(".c", "default") };
        let banned = vec![".b".to_owned()];
        let authority = TokenAuthority::new(keys.clone())
            .with_banned_attributes(banned)
            .with_attribute_defaults(defaults);
        let own = ReadToken { attributes: Some(one(".a", "own")), ..ReadToken::default() };
        let token = authority.read_token(Some(&keys.encode_read(&own)), 0).expect("it is good");
        let all: Vec<_> = token.attributes.iter().flat_map(Labels::iter).collect();
        // What nobody may bring the platform may give.
        assert_eq!(all, [(".a", "own"), (".b", "default")]);
        let none = keys.encode_write(&WriteToken::default());
        let token = authority.write_token(Some(&none), 0).expect("it is good");
        assert_eq!(token.attributes, Some(one(".c", "default")));
    }

    #[test]
    fn tokens_with_names_end_and_are_revoked_like_others() {
        let keys = keys();
        let token =
            ReadToken { app_name: Some("app".to_owned()), expiry_ms: 5, ..ReadToken::default() };
        let mut names = NamedTokens::default();
        names.read.insert("me".to_owned(), token.clone());
        let mut authority = TokenAuthority::new(keys.clone()).with_names(names);
        assert_eq!(authority.read_token(Some("me"), 5), Ok(token));
        assert_eq!(authority.read_token(Some("me"), 6), Err(TokenError::Expired));
        assert!(authority.write_token(Some("me"), 5).is_err());
        for (list, error) in [
            ("+app".to_owned(), TokenError::ApplicationRevoked),
            (format!("{:016x}", keys.ident("me")), TokenError::Revoked),
        ] {
            let mut revoked = Revocations::default();
            revoked.add_list(&keys, &list).expect("a list");
            authority.revoke(Arc::new(revoked));
            assert_eq!(authority.read_token(Some("me"), 5), Err(error));
        }
        authority.name(Arc::default());
        assert_eq!(authority.read_token(Some("me"), 5), Err(TokenError::Revoked));
    }

    #[test]
    fn uuids_are_read_and_written() {
        let text = "01234567-89ab-cdef-0123-456789abcdef";
        assert_eq!(parse_uuid(text).map(|bytes| uuid(&bytes)).as_deref(), Some(text));
        assert_eq!(parse_uuid("0123"), None);
    }
}
