use super::*;

use std::fs;
use std::path::Path;
use std::sync::mpsc;

use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Answers every request on every connection with `status`, and hands out the requests' heads.
async fn server(status: &'static str) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (heads, seen) = mpsc::channel();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let heads = heads.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while let Ok(byte) = connection.read_u8().await {
                    head.push(byte);
                    if head.ends_with(b"\r\n\r\n") {
                        let _ = heads.send(String::from_utf8(std::mem::take(&mut head)).unwrap());
                        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}");
                        connection.write_all(answer.as_bytes()).await.unwrap();
                    }
                }
            });
        }
    });
    (address, seen)
}

fn kubeconfig(folder: &Path, server: &str, user: &str) -> PathBuf {
    let file = folder.join("config");
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: s, user: u}}}}], \
         clusters: [{{name: s, cluster: {{server: \"{server}\"}}}}], users: [{{name: u, user: {user}}}]}}"
    );
    fs::write(&file, text).unwrap();
    file
}

async fn get(client: &Client, path: &str) -> u16 {
    let answer = client.send(http::Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let code = answer.status().as_u16();
    answer.into_body().collect().await.unwrap();
    code
}

#[tokio::test]
async fn requests_say_who_asks_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "first").unwrap();
    let (address, seen) = server("200 OK").await;
    let config = configure(&[kubeconfig(folder.path(), &address, "{tokenFile: token}")]).await.unwrap();
    let metrics = Metrics::new();
    let client = connect(&config, metrics.clone()).unwrap();
    assert_eq!(get(&client, "/api/v1/secrets?limit=1").await, 200);
    let head = seen.recv().unwrap().to_lowercase();
    assert!(head.starts_with("get /api/v1/secrets?limit=1 http/1.1\r\n"), "{head}");
    assert!(head.contains(concat!("user-agent: kseal-controller/", env!("CARGO_PKG_VERSION"), "\r\n")), "{head}");
    assert!(head.contains("authorization: bearer first\r\n"), "{head}");
    let text = metrics.encode();
    assert!(text.contains("kseal_api_requests_total{verb=\"list\",resource=\"secrets\",code=\"200\"} 1\n"), "{text}");
}

#[tokio::test]
async fn a_refusal_is_handed_on_and_not_retried() {
    let folder = tempfile::tempdir().unwrap();
    let (address, seen) = server("503 Service Unavailable").await;
    let config = configure(&[kubeconfig(folder.path(), &address, "{}")]).await.unwrap();
    let client = connect(&config, Metrics::new()).unwrap();
    assert_eq!(get(&client, "/api/v1/namespaces/kube-system").await, 503);
    drop(client);
    assert!(seen.try_recv().is_ok());
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
async fn what_is_given_up_is_counted_as_not_answered() {
    let metrics = Metrics::new();
    let silent = ServiceBuilder::new().layer(CountLayer::new(metrics.clone())).service(tower::service_fn(
        async |_: http::Request<Body>| std::future::pending::<Result<http::Response<Body>, BoxError>>().await,
    ));
    let client = Client::new(silent, "default");
    let request = http::Request::post("/api/v1/namespaces/a/secrets").body(Body::empty()).unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(20), client.send(request)).await.is_err());
    let text = metrics.encode();
    assert!(text.contains("kseal_api_requests_total{verb=\"create\",resource=\"secrets\",code=\"0\"} 1\n"), "{text}");
}

async fn refused(folder: &Path, server: &str, user: &str) -> String {
    let told = match configure(&[kubeconfig(folder, server, user)]).await {
        Ok(config) => connect(&config, Metrics::new()).err().expect("it must be refused"),
        Err(error) => error,
    };
    let mut text = told.to_string();
    let mut source = std::error::Error::source(&told);
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[tokio::test]
async fn nothing_of_a_credential_is_repeated() {
    let folder = tempfile::tempdir().unwrap();
    for (user, words) in [
        ("{token: [hunter2]}", "not the YAML of a kubeconfig"),
        ("{client-key-data: aHVudGVyMg==, client-certificate-data: aHVudGVyMg==}", "TLS cannot be set up"),
        (
            "{exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, args: [-c, 'echo hunter2; exit 1']}}",
            "credentials",
        ),
        (
            "{exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, args: [-c, 'echo hunter2']}}",
            "credentials",
        ),
    ] {
        let text = refused(folder.path(), "https://127.0.0.1:1", user).await;
        assert!(text.contains(words) && !text.contains("hunter2"), "{user}: {text}");
    }
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let error = configure(&["/nowhere/config".into()]).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("/nowhere/config"), "{cause}");
    let folder = tempfile::tempdir().unwrap();
    let text = refused(folder.path(), "https://127.0.0.1:1", "{tokenFile: /nowhere/token}").await;
    assert!(text.starts_with("the token cannot be read: "), "{text}");
}
