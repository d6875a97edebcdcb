use axum::body::{Body, to_bytes};
use http::{Method, Request};
use kseal_api::KeyState;
use kseal_core::bundle::BundleKey;
use kseal_core::keys::{Publication, RsaKey};
use kseal_crypto::identity::IdentityKey;
use kseal_crypto::sealed_secrets::{RsaPrivateKey, RsaSize};
use kseal_crypto::{PrivateKey, Suite};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::ServiceExt as _;

use super::*;

/// What is answered: code, content type, body.
async fn ask(router: &Router, method: Method, path: &str) -> (u16, String, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let content_type = answer.headers().get(CONTENT_TYPE).map(|it| it.to_str().unwrap().to_owned());
    let code = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (code, content_type.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
}

async fn get_from(router: &Router, path: &str) -> (u16, String) {
    let (code, _, body) = ask(router, Method::GET, path).await;
    (code, body)
}

type Held = watch::Sender<Arc<HeldKeys>>;
type PublishedKeys = watch::Sender<Option<Arc<Published>>>;

fn endpoints() -> (Held, PublishedKeys, Router) {
    let (held_in, held) = watch::channel(Arc::default());
    let (published_in, published) = watch::channel(None);
    (held_in, published_in, service(Endpoints { held, published }))
}

#[tokio::test]
async fn ready_is_who_has_keys_and_an_api_server() {
    let (held, _published, router) = endpoints();
    assert_eq!(get_from(&router, "/healthz").await, (200, "ok\n".into()));
    for (synced, reachable, expected) in [
        (false, false, (503, "the API server does not answer\n")),
        (true, false, (503, "the API server does not answer\n")),
        (false, true, (503, "the keys are not loaded yet\n")),
        (true, true, (200, "ok\n")),
    ] {
        let mut now = HeldKeys::default();
        (now.synced, now.reachable) = (synced, reachable);
        held.send_replace(Arc::new(now));
        assert_eq!(get_from(&router, "/readyz").await, (expected.0, expected.1.into()));
    }
}

#[tokio::test]
async fn the_newest_certificate_is_served_as_upstream_serves_it() {
    let (held, _published, router) = endpoints();
    let none = (500, "text/plain; charset=utf-8".into(), "cannot get certificate\n".into());
    assert_eq!(ask(&router, Method::GET, "/v1/cert.pem").await, none);
    let fingerprint = RsaPrivateKey::generate(RsaSize::Bits2048).unwrap().public().fingerprint().clone();
    let key = |certificate: Option<&str>| RsaKey {
        secret: "a".into(),
        uid: "u".into(),
        fingerprint: fingerprint.clone(),
        certificate: certificate.map(str::to_owned),
        since: 1,
        created: 1,
    };
    let mut now = HeldKeys::default();
    now.ledger.rsa = vec![key(None), key(Some("PEM")), key(Some("old"))];
    held.send_replace(Arc::new(now));
    let expected = (200, "application/x-pem-file".into(), "PEM".into());
    assert_eq!(ask(&router, Method::GET, "/v1/cert.pem").await, expected);
}

#[tokio::test]
async fn the_bundle_is_served_as_it_is_published() {
    let (_held, published, router) = endpoints();
    let none = (503, "no keys are published yet\n".into());
    assert_eq!(get_from(&router, "/v1/keys").await, none);
    let key = PrivateKey::from_seed(Suite::X25519, &[7; 32]).unwrap();
    let key = BundleKey {
        public: key.public().clone(),
        epoch: 1,
        created_at: "2026-11-01T00:00:00Z".into(),
        state: KeyState::Active,
    };
    let publication = Publication { name: "prod".into(), cluster_uid: "u".into(), keys: vec![key], certificate: None };
    let identity = IdentityKey::from_seed(&[7; 32]).unwrap();
    let text = serde_json::to_string(&publication.sign(&identity, 1, "2026-11-01T00:00:00Z")).unwrap();
    let hand_on = |text: &str| {
        let metadata = json!({"uid": "u", "resourceVersion": "1"});
        let config_map = json!({"metadata": metadata, "data": {"bundle.json": text}});
        published.send_replace(Published::read(config_map.to_string().as_bytes(), None).map(Arc::new));
    };
    hand_on(&text);
    assert_eq!(ask(&router, Method::GET, "/v1/keys").await, (200, "application/json".into(), text.clone()));
    // What somebody else put there is not handed out under our name.
    hand_on(&text.replace("\"epoch\":1", "\"epoch\":2"));
    assert_eq!(get_from(&router, "/v1/keys").await, none);
}

#[tokio::test]
async fn nothing_else_is_there() {
    let (_held, _published, router) = endpoints();
    for path in ["/", "/metrics", "/v1/rotate", "/v1/verify", "/v1/keys/", "/healthz/x"] {
        assert_eq!(get_from(&router, path).await.0, 404, "{path}");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        assert_eq!(ask(&router, method.clone(), "/v1/keys").await.0, 405, "{method}");
    }
    assert_eq!(ask(&router, Method::HEAD, "/healthz").await.0, 200);
    let router = measurements(Metrics::new());
    let (code, content_type, body) = ask(&router, Method::GET, "/metrics").await;
    assert_eq!((code, content_type.as_str()), (200, metrics::CONTENT_TYPE));
    assert!(body.ends_with("# EOF\n"));
    assert_eq!(get_from(&router, "/healthz").await.0, 404);
}

/// A server of `/healthz` on a port of its own, and what stops it.
async fn served() -> (std::net::SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let router = Router::new().route("/healthz", get(|| async { "ok\n" }));
    (address, stop.clone(), tokio::spawn(serve(listener, router, stop)))
}

/// Everything until the server ends the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A connection that is reset has ended, too.
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8(text).unwrap()
}

async fn probe(address: std::net::SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    rest(&mut stream).await
}

#[tokio::test]
async fn a_probe_gets_through_whoever_else_holds_connections() {
    let (address, _stop, _task) = served().await;
    let mut held = Vec::new();
    for _ in 0..200 {
        held.push(TcpStream::connect(address).await.unwrap());
    }
    assert!(probe(address).await.starts_with("HTTP/1.1 200"));
    assert_eq!(rest(&mut held[0]).await, "", "the oldest has ended");
}

#[tokio::test]
async fn a_connection_takes_only_so_much() {
    let (address, _stop, _task) = served().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut written = 0;
    while written < 10 * 1024 * 1024 && stream.write_all(&[b'a'; 1024]).await.is_ok() {
        written += 1024;
    }
    assert!(written < 10 * 1024 * 1024, "it is read for ever");
    assert!(probe(address).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_stop_ends_idle_connections_at_once() {
    let (address, stop, task) = served().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(4), task).await.unwrap().unwrap();
    rest(&mut stream).await;
}
