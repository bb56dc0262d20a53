//! Parameters of fetches and finds: the query, and a form in the body. Each request is refused, or a
//! directory is asked for series, or it waits for one. The first byte picks the endpoint.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use weft_daemons::contract::http::RequestId;
use weft_daemons::contract::{Effect, Event, HttpAction, HttpEvent, Machine, RequestHead};
use weft_daemons::egress::{Egress, EgressConfig};
use weft_daemons::{Mono, Now, Wall};
use weft_gts::{SipKey, WrapKey};
use weft_wire::token::{ReadToken, TokenAuthority, TokenKeys};

const NOW: Now = Now { mono: Mono(1), wall: Wall(1_700_000_000_000_000_000) };

static KEYS: LazyLock<TokenKeys> = LazyLock::new(|| TokenKeys {
    sip: SipKey::new(1, 2),
    app: SipKey::new(3, 4),
    aes: WrapKey::new(&[5; 32]).expect("32 bytes"),
});

static TOKEN: LazyLock<String> = LazyLock::new(|| {
    let now_ms = NOW.wall.as_ms();
    KEYS.encode_read(&ReadToken {
        issuance_ms: now_ms - 1,
        expiry_ms: now_ms + 1_000_000,
        app_name: Some("app".to_owned()),
        apps: vec!["app".to_owned()],
        owners: vec![vec![1; 16]],
        billed_id: vec![1; 16],
        ..ReadToken::default()
    })
});

static CONFIG: LazyLock<EgressConfig> =
    LazyLock::new(|| EgressConfig::minimal(TokenAuthority::new(KEYS.clone()), "/d".to_owned()));

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let query = String::from_utf8_lossy(bytes).into_owned();
    let is_form = kind & 2 > 0;
    let path = if kind & 1 > 0 { "/api/v0/fetch" } else { "/api/v0/find" };
    let mut headers = vec![("x-warp10-token".to_owned(), TOKEN.clone())];
    if is_form {
        let form = "application/x-www-form-urlencoded".to_owned();
        headers.push(("content-type".to_owned(), form));
    }
    let head = RequestHead {
        method: if is_form { "POST" } else { "GET" }.to_owned(),
        path: path.to_owned(),
        query: if is_form { String::new() } else { query.clone() },
        headers,
    };
    let request = RequestId(1);
    let mut egress = Egress::new(CONFIG.clone(), [1; 32]);
    let mut events = vec![HttpEvent::Head { request, head }];
    if is_form {
        events.push(HttpEvent::Body { request, bytes: query.into_bytes().into() });
    }
    events.push(HttpEvent::End { request });
    let mut answers = 0;
    for event in events {
        egress.handle(NOW, Event::Http(event));
        while let Some(effect) = egress.poll() {
            if let Effect::Http(HttpAction::Head { head, .. }) = effect {
                assert!((200..600).contains(&head.status), "{}", head.status);
                answers += 1;
            }
        }
    }
    assert!(answers <= 1, "{answers} answers");
});
