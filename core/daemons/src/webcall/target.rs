//! Where a call may go: URLs, and the hosts and addresses that are allowed.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use weft_gts::percent;
use weft_gts::selector::Pattern;

/// Bytes of a host's name.
const HOST_BYTES_MAX: usize = 253;

/// A URL that is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The host, in lower case, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query, as they are asked for.
    pub path: String,
    is_encrypted: bool,
}

/// Why a call does not go out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is no URL.
    #[error("invalid URL.")]
    Invalid,
    /// Neither `http` nor `https`, or a host that is not allowed.
    #[error("invalid host or scheme in URL.")]
    Denied,
    /// An address that is not allowed.
    #[error("{0} is at {1}, which is not allowed.")]
    Address(String, IpAddr),
    /// It has no address.
    #[error("{0} has no address.")]
    Nowhere(String),
    /// `https`, where nobody can encrypt.
    #[error("https is asked for, and this build, or this processor, has no TLS.")]
    Encrypted,
    /// A redirect to what everybody on the way can read.
    #[error("a redirect from https to http is not followed.")]
    Exposed,
}

impl Target {
    /// Reads an absolute URL. What stands before an `@` and behind a `#` is left out.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        if url.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(TargetError::Invalid);
        }
        let (scheme, rest) = url.split_once("://").ok_or(TargetError::Invalid)?;
        let is_encrypted = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(TargetError::Denied),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(TargetError::Invalid)?;
                let _: Ipv6Addr = host.parse().map_err(|_| TargetError::Invalid)?;
                (host, port.strip_prefix(':').or_else(|| port.is_empty().then_some("")))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, Some("")),
            },
        };
        let port = match port.ok_or(TargetError::Invalid)? {
            "" if is_encrypted => 443,
            "" => 80,
            port => port.parse().map_err(|_| TargetError::Invalid)?,
        };
        let is_named = |c: char| c.is_alphanumeric() || "-._~:".contains(c);
        if host.is_empty()
            || host.len() > HOST_BYTES_MAX
            || !host.chars().all(is_named)
            || path.starts_with('\\')
        {
            return Err(TargetError::Invalid);
        }
        let path = match path {
            path if path.starts_with('/') => path.to_owned(),
            path => format!("/{path}"),
        };
        if !path.is_ascii() {
            return Err(TargetError::Invalid);
        }
        Ok(Self { host: host.to_ascii_lowercase(), port, path, is_encrypted })
    }

    /// Where a redirect leads to: an absolute URL, or a path here.
    ///
    /// # Errors
    /// It is neither, or leaves encryption.
    pub fn redirected(&self, location: &str) -> Result<Self, TargetError> {
        if location.contains("://") {
            let target = Self::parse(location)?;
            let is_exposed = self.is_encrypted && !target.is_encrypted;
            return if is_exposed { Err(TargetError::Exposed) } else { Ok(target) };
        }
        if let Some(rest) = location.strip_prefix("//") {
            let scheme = if self.is_encrypted { "https" } else { "http" };
            return Self::parse(&format!("{scheme}://{rest}"));
        }
        let path = match location.split('#').next().unwrap_or_default() {
            path if path.starts_with('/') => path.to_owned(),
            query if query.starts_with('?') => {
                format!("{}{query}", self.path.split('?').next().unwrap_or_default())
            }
            path => {
                let folder = self.path.split('?').next().unwrap_or_default();
                let folder = folder.rfind('/').map_or("", |end| &folder[..end]);
                format!("{folder}/{path}")
            }
        };
        let is_plain = path.bytes().all(|byte| byte > b' ' && byte < 0x7f);
        if is_plain { Ok(Self { path, ..self.clone() }) } else { Err(TargetError::Invalid) }
    }

    /// Whom the certificate must be for, where the call is encrypted.
    pub fn tls_name(&self) -> Option<&str> {
        self.is_encrypted.then_some(&*self.host)
    }

    /// Whether both are one server, reached the same way.
    pub fn is_same_server(&self, other: &Self) -> bool {
        let of = |target: &Self| (target.port, target.is_encrypted);
        self.host == other.host && of(self) == of(other)
    }

    /// `host` or `host:port`, as in a header.
    pub fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.port, self.is_encrypted) {
            (80, false) | (443, true) => host,
            (port, _) => format!("{host}:{port}"),
        }
    }
}

/// The hosts and addresses that are allowed.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// Patterns of hosts, and whether they allow; the last one that matches decides.
    patterns: Vec<(Pattern, bool)>,
    /// Addresses inside that are allowed: prefixes and their lengths in bits.
    inside: Vec<(IpAddr, u8)>,
    has_tls: bool,
}

/// What is wrong with a list of hosts or addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AllowedError(String);

impl Allowed {
    /// Hosts by `webcall.host.patterns` (everybody without it), and addresses of loopback, private and
    /// other special ranges by `weft.webcall.inside` (none without it): `127.0.0.1,10.0.0.0/8`.
    ///
    /// # Errors
    /// A pattern that is none, or an address.
    pub fn new(patterns: Option<&str>, inside: Option<&str>) -> Result<Self, AllowedError> {
        let mut all = Vec::new();
        for pattern in patterns.into_iter().flat_map(|patterns| patterns.split(',')) {
            let failed = |what: &dyn std::fmt::Display| AllowedError(format!("{pattern}: {what}"));
            let decoded = percent::decode(pattern.trim()).map_err(|error| failed(&error))?;
            let (text, allows) = match decoded.strip_prefix('!') {
                Some(text) => (text, false),
                None => (&*decoded, true),
            };
            let compiled = Pattern::new(text).map_err(|error| failed(&error))?;
            all.push((compiled, allows));
        }
        let mut ranges = Vec::new();
        for range in inside.into_iter().flat_map(|inside| inside.split(',')) {
            let failed =
                || AllowedError(format!("{range}: an address, or ADDRESS/BITS, is expected"));
            let range = range.trim();
            let (address, bits) =
                range.split_once('/').map_or((range, None), |(a, b)| (a, Some(b)));
            let address: IpAddr = address.parse().map_err(|_| failed())?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = match bits {
                None => most,
                Some(bits) => bits.parse().ok().filter(|b| *b <= most).ok_or_else(failed)?,
            };
            ranges.push((address, bits));
        }
        Ok(Self { patterns: all, inside: ranges, has_tls: true })
    }

    /// The same, where nobody can encrypt: `https` is refused.
    pub fn without_tls(self) -> Self {
        Self { has_tls: false, ..self }
    }

    /// Whether a call may go to a host of that name.
    ///
    /// # Errors
    /// It may not.
    pub fn check(&self, target: &Target) -> Result<(), TargetError> {
        if !self.allows(&target.host, self.is_open()) {
            return Err(TargetError::Denied);
        }
        if target.is_encrypted && !self.has_tls {
            return Err(TargetError::Encrypted);
        }
        Ok(())
    }

    /// Whether a call may go to an address; it must be for each one that a host has, so that nobody can
    /// choose.
    ///
    /// # Errors
    /// It may not, for one of them.
    pub fn check_addresses(
        &self,
        target: &Target,
        addresses: &[IpAddr],
    ) -> Result<SocketAddr, TargetError> {
        let first = addresses.first().ok_or_else(|| TargetError::Nowhere(target.host.clone()))?;
        for address in addresses.iter().map(IpAddr::to_canonical) {
            // What patterns exclude by address is excluded by name, too.
            let is_denied = !self.allows(&address.to_string(), true);
            if is_denied || is_inside(address) && !self.is_allowed_inside(address) {
                return Err(TargetError::Address(target.host.clone(), address));
            }
        }
        Ok(SocketAddr::new(first.to_canonical(), target.port))
    }

    /// Whether everybody is allowed whom nothing excludes.
    fn is_open(&self) -> bool {
        self.patterns.iter().all(|(_, allows)| !allows)
    }

    fn allows(&self, text: &str, otherwise: bool) -> bool {
        let last = self.patterns.iter().rev().find(|(pattern, _)| pattern.is_match(text));
        last.map_or(otherwise, |(_, allows)| *allows)
    }

    fn is_allowed_inside(&self, address: IpAddr) -> bool {
        self.inside.iter().any(|(range, bits)| match (range, address) {
            (IpAddr::V4(range), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(*bits);
                u32::from(*range).checked_shr(shift) == u32::from(address).checked_shr(shift)
            }
            (IpAddr::V6(range), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(*bits);
                u128::from(*range).checked_shr(shift) == u128::from(address).checked_shr(shift)
            }
            _ => false,
        })
    }
}

/// Whether an address is not one of the public network: loopback, private, shared, link-local,
/// multicast, reserved, for documentation.
fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_inside_v4(address),
        IpAddr::V6(address) => is_inside_v6(address),
    }
}

fn is_inside_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || a >= 224
        || a == 100 && (64..128).contains(&b)
        || a == 198 && (18..20).contains(&b)
        || (a, b, c) == (192, 0, 0)
}

fn is_inside_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    // Unspecified, loopback, and addresses of IPv4 in one of their forms.
    if [a, b, c, d, e] == [0; 5] && (f == 0 || f == 0xffff) {
        return f == 0 && g == 0 && h <= 1 || is_inside_v4(v4(g, h));
    }
    // By way of translators.
    if (a, b) == (0x64, 0xff9b) {
        return c != 0 || is_inside_v4(v4(g, h));
    }
    if a == 0x2002 {
        return is_inside_v4(v4(b, c));
    }
    // Only 2000::/3 is the public network.
    a & 0xe000 != 0x2000 || (a, b) == (0x2001, 0xdb8) || (a, b) == (0x2001, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn urls_are_taken_apart() {
        let parts = |url: &str| {
            let Target { host, port, path, .. } = target(url);
            (host, port, path)
        };
        let of = |host: &str, port, path: &str| (host.to_owned(), port, path.to_owned());
        assert_eq!(parts("http://Example.com"), of("example.com", 80, "/"));
        assert_eq!(parts("http://h:81?q=1"), of("h", 81, "/?q=1"));
        assert_eq!(parts("http://user:pw@h/a?b#c"), of("h", 80, "/a?b"));
        assert_eq!(parts("http://good.com@evil.com/"), of("evil.com", 80, "/"));
        assert_eq!(parts("http://[::1]:9/x"), of("::1", 9, "/x"));
        assert_eq!(parts("https://h/"), of("h", 443, "/"));
        for wrong in [
            "",
            "h",
            "/p",
            "http://",
            "http://h:x/",
            "http://h /",
            "http://[::1/",
            "http://h\r\n/",
            "http://[g]/",
            "http://a\\@b/",
            "http://h\\x",
            "http://h%2e/",
        ] {
            assert_eq!(Target::parse(wrong), Err(TargetError::Invalid), "{wrong}");
        }
        assert_eq!(Target::parse("ftp://h/"), Err(TargetError::Denied));
        assert_eq!(target("http://[::1]:9/x").authority(), "[::1]:9");
        assert_eq!(target("http://h/x").authority(), "h");
    }

    #[test]
    fn redirects_lead_elsewhere() {
        let from = target("http://h:1/a/b?c");
        let to = |location: &str| from.redirected(location).map(|to| (to.authority(), to.path));
        let of = |authority: &str, path: &str| Ok((authority.to_owned(), path.to_owned()));
        assert_eq!(to("http://i/x"), of("i", "/x"));
        assert_eq!(to("//i/x"), of("i", "/x"));
        assert_eq!(to("/x?y#z"), of("h:1", "/x?y"));
        assert_eq!(to("x"), of("h:1", "/a/x"));
        assert_eq!(to("?d"), of("h:1", "/a/b?d"));
        assert_eq!(to("file:///etc"), Err(TargetError::Denied));
        assert_eq!(to("/a b"), Err(TargetError::Invalid));
        assert_eq!(to("https://h/").map(|(authority, _)| authority), Ok("h".to_owned()));
        let from = target("https://h/");
        assert_eq!(from.redirected("http://h/"), Err(TargetError::Exposed));
        let names = ["//i:1/", "/x", "https://j/"].map(|location| {
            let to = from.redirected(location).expect("a target");
            to.tls_name().map(str::to_owned)
        });
        assert_eq!(names, ["i", "h", "j"].map(|name| Some(name.to_owned())));
    }

    #[test]
    fn the_last_pattern_decides() {
        let check = |patterns: Option<&str>, host: &str| {
            let allowed = Allowed::new(patterns, None).expect("patterns");
            allowed.check(&target(&format!("http://{host}/"))).is_ok()
        };
        assert!(check(None, "a.com"));
        let some = Some(".*%5C.com,!b%5C.com,!^10%5C..*");
        assert!(check(some, "a.com") && !check(some, "b.com") && !check(some, "c.org"));
        assert!(check(Some("!b.com"), "a.com") && !check(Some("!b.com"), "b.com"));
        // The whole host must match.
        assert!(!check(Some("a.com"), "a.com.evil"));
        assert!(Allowed::new(Some("("), None).is_err());
        assert!(Allowed::new(None, Some("10.0.0.0/33")).is_err());
        let allowed = Allowed::new(None, None).expect("none");
        assert_eq!(allowed.check(&target("https://a.com")), Ok(()));
        let https = allowed.without_tls().check(&target("https://a.com"));
        assert_eq!(https, Err(TargetError::Encrypted));
    }

    #[test]
    fn addresses_inside_are_denied_unless_they_are_named() {
        let check = |patterns, inside, addresses: &[&str]| {
            let addresses: Vec<IpAddr> =
                addresses.iter().map(|a| a.parse().expect("an address")).collect();
            let allowed = Allowed::new(patterns, inside).expect("patterns");
            allowed.check_addresses(&target("http://a.com:7/"), &addresses).is_ok()
        };
        for inside in [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "fec0::1",
        ] {
            assert!(!check(None, None, &[inside]), "{inside}");
            assert!(!check(None, None, &["93.184.216.34", inside]), "one of two: {inside}");
        }
        for outside in ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8"] {
            assert!(check(None, None, &[outside]), "{outside}");
        }
        assert!(check(None, Some("127.0.0.1, 10.0.0.0/8"), &["127.0.0.1", "10.9.9.9"]));
        assert!(!check(None, Some("127.0.0.1"), &["127.0.0.2"]));
        assert!(check(None, Some("::/0"), &["::1"]));
        assert!(!check(Some("!8[.]8[.].*"), None, &["8.8.8.8"]), "excluded by its address");
        assert!(check(Some("a.com"), None, &["8.8.8.8"]), "allowed by its name");
        assert!(!check(None, None, &[]));
    }

    proptest::proptest! {
        /// Whatever comes: a URL that is understood goes to a host and a port, and can be written in
        /// a head as it is.
        #[test]
        fn any_text_is_a_plain_target_or_none(
            host in "[a-z0-9.@:\\[\\]/?#\\\\%-]{0,20}",
            rest in "[ -~\r\n\u{e9}]{0,20}",
            location in "[ -~\r\n]{0,20}",
        ) {
            let Ok(target) = Target::parse(&format!("http://{host}{rest}")) else { return Ok(()) };
            let plain = |text: &str| text.bytes().all(|byte| byte > b' ' && byte < 0x7f);
            proptest::prop_assert!(plain(&target.path) && target.path.starts_with('/'));
            proptest::prop_assert!(!target.host.is_empty());
            if let Ok(next) = target.redirected(&location) {
                proptest::prop_assert!(plain(&next.path));
            }
        }
    }
}
