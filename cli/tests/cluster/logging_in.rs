//! Logging in by OpenID Connect, by an identity provider that is a server of the test.

use kseal_crypto::encode_base64;
use serde_json::json;

use crate::{harness::Folder, published::PATH, scene, server::Server};

/// A JSON Web Token of that end, without a signature.
fn token(end: u64, name: &str) -> String {
    let claims = encode_base64(json!({"exp": end, "sub": name}).to_string().as_bytes());
    format!("e30.{}.x", claims.trim_end_matches('=').replace('+', "-").replace('/', "_"))
}

/// A kubeconfig of the server, whose user has this token; the provider is the same server.
fn log_in_with(folder: &Folder, server: &Server, id_token: &str, more: &str) {
    let user = format!(
        "auth-provider: {{name: oidc, config: {{id-token: {id_token}, idp-issuer-url: {}/, client-id: kubernetes{more}}}}}",
        server.url()
    );
    folder.write(".kube/config", &format!("# mine\n{}", server.kubeconfig(&user)));
}

/// A provider that gives `tokens`.
fn provides(server: &Server, tokens: &serde_json::Value) {
    server.has("/.well-known/openid-configuration", json!({"token_endpoint": format!("{}/token", server.url())}));
    server.has("/token", tokens);
}

#[test]
fn a_token_that_is_valid_goes_along() {
    let (folder, server) = scene();
    let valid = token(9_999_999_999, "ada");
    log_in_with(&folder, &server, &valid, "");
    folder.kseal(&["keys", "fetch"]).succeeds();
    assert_eq!(server.seen()[0].header("authorization"), Some(format!("Bearer {valid}").as_str()));
}

#[test]
fn a_token_that_has_expired_is_renewed_and_kept() {
    let (folder, server) = scene();
    let new = token(9_999_999_999, "new");
    provides(&server, &json!({"id_token": new, "refresh_token": "second"}));
    log_in_with(&folder, &server, &token(1, "old"), ", client-secret: 'a&b', refresh-token: first");
    let before = folder.read(".kube/config");
    folder.kseal(&["keys", "fetch"]).succeeds();
    let seen = server.seen();
    let lines: Vec<&str> = seen.iter().map(|seen| seen.line.as_str()).collect();
    assert_eq!(lines, ["GET /.well-known/openid-configuration", "POST /token", &format!("GET {PATH}")]);
    assert_eq!(seen[1].body, "grant_type=refresh_token&refresh_token=first");
    let pair = format!("Basic {}", encode_base64(b"kubernetes:a%26b"));
    assert_eq!(seen[1].header("authorization"), Some(pair.as_str()));
    assert_eq!(seen[2].header("authorization"), Some(format!("Bearer {new}").as_str()));
    let after = before.replace(&token(1, "old"), &new).replace("refresh-token: first", "refresh-token: second");
    assert_eq!(folder.read(".kube/config"), after);
    folder.kseal(&["keys", "fetch"]).succeeds();
    assert_eq!(server.lines().len(), 4, "the kept one serves");
}

#[test]
fn a_provider_that_wants_the_secret_in_the_form_gets_it_there() {
    let (folder, server) = scene();
    server.says_with("/token", 401, "", "{}", 1);
    provides(&server, &json!({"id_token": token(9_999_999_999, "new")}));
    log_in_with(&folder, &server, &token(1, "old"), ", client-secret: hush, refresh-token: first");
    folder.kseal(&["keys", "fetch"]).succeeds();
    let seen = server.seen();
    assert_eq!(seen[2].header("authorization"), None);
    let form = "grant_type=refresh_token&refresh_token=first&client_id=kubernetes&client_secret=hush";
    assert_eq!(seen[2].body, form);
    assert!(folder.read(".kube/config").contains("refresh-token: first"), "the provider gave no other");
}

#[test]
fn a_provider_that_does_not_help_is_named_and_no_token_is_shown() {
    let (folder, server) = scene();
    let old = token(1, "a-canary");
    let with_refresh = ", refresh-token: refresh-canary";
    let cases = [
        (json!({"access_token": "access-canary"}), 200, "has no id_token"),
        (json!(["access-canary"]), 200, "is not what it must be"),
        (json!({"id_token": ["access-canary"]}), 200, "is not what it must be"),
        (json!({"error": "invalid_grant", "echo": "refresh-canary"}), 400, "answers 400"),
    ];
    for (answer, code, message) in cases {
        provides(&server, &answer);
        server.forgets("/token").says("/token", code, answer);
        log_in_with(&folder, &server, &old, with_refresh);
        let before = folder.read(".kube/config");
        let run = folder.kseal(&["keys", "fetch"]).exits_with(8);
        assert!(run.stderr.contains(message) && run.stderr.contains("hint: log in anew"), "{}", run.stderr);
        assert!(!run.stderr.contains("canary") && !run.stderr.contains(&old), "{}", run.stderr);
        assert_eq!(folder.read(".kube/config"), before);
    }
    server.forgets("/.well-known/openid-configuration");
    let run = folder.kseal(&["keys", "fetch"]).exits_with(8);
    assert!(run.stderr.contains("the identity provider answers 404"), "{}", run.stderr);
    log_in_with(&folder, &server, &old, "");
    let run = folder.kseal(&["keys", "fetch"]).exits_with(8);
    assert!(run.stderr.contains("no valid id-token, and no refresh-token"), "{}", run.stderr);
    assert!(!server.lines().contains(&format!("GET {PATH}")));
}
