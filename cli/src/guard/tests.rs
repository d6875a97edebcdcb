use super::*;

fn rules(text: &str) -> Vec<(usize, Rule)> {
    look("file.yaml", text).findings.into_iter().map(|finding| (finding.line, finding.rule)).collect()
}

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\n";

#[test]
fn a_secret_with_a_value_is_found_at_its_value() {
    let text = format!("{SECRET}stringData:\n  a: ''\n  password: hunter2\n");
    let found = look("db.yaml", &text).findings;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].line, found[0].rule), (6, Rule::PlaintextSecret));
    assert_eq!(found[0].message, "Secret db holds plaintext: password");
    assert_eq!(found[0].hint, "kseal encrypt -i db.yaml");
    assert_eq!(rules(&format!("{SECRET}data: {{n: 12}}\n")), [(4, Rule::PlaintextSecret)]);
    assert_eq!(rules(&format!("{SECRET}data: aHVudGVy\n")), [(4, Rule::PlaintextSecret)]);
}

#[test]
fn a_secret_without_a_value_is_fine() {
    for rest in [
        "",
        "data:\n",
        "data: {}\n",
        "data: {a: }\n",
        "stringData: {a: ''}\n",
        "type: kubernetes.io/service-account-token\n",
    ] {
        assert_eq!(rules(&format!("{SECRET}{rest}")), [], "{rest}");
    }
}

#[test]
fn placeholders_are_no_plaintext_but_what_stands_around_them_is() {
    for value in ["{{ .Values.a }}", "{{ a }}{{ b }}", "${PASSWORD}", "ENC[AES256_GCM,data:x,type:str]"] {
        assert_eq!(rules(&format!("{SECRET}stringData: {{a: \"{value}\"}}\n")), [], "{value}");
    }
    for value in ["user:{{ .Values.a }}", "${a:-hunter2}", "$a", "${}"] {
        assert_eq!(
            rules(&format!("{SECRET}stringData: {{a: \"{value}\"}}\n")),
            [(4, Rule::PlaintextSecret)],
            "{value}"
        );
    }
}

#[test]
fn a_template_is_searched_line_by_line() {
    let head = "{{- if .Values.on }}\napiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ .Release.Name }}\n";
    let guarded = |rest: &str| look("t.yaml", &format!("{head}{rest}{{{{- end }}}}\n"));
    let clean = guarded(
        "stringData:\n  a: {{ .Values.a | quote }}\n  b: |\n    x={{ .b }}\n    y=1\n{{- if .c }}\n  c: {{ .c }}\n{{- end }}\n",
    );
    assert!(clean.unread.is_some() && clean.findings.is_empty(), "{clean:?}");
    let found =
        guarded("stringData:\n{{- if .c }}\n  a: {{ .a }}\n{{- end }}\n  b: hunter2 # c\ntype: Opaque\n").findings;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].line, found[0].message.as_str()), (10, "a template of a Secret holds plaintext: b"));
    assert!(!format!("{found:?}").contains("hunter2"));
    assert_eq!(guarded("data: {a: aHVudGVy}\n").findings.len(), 1);
    assert_eq!(guarded("data:\n  a: |\n    hunter2\n---\nkind: ConfigMap\ndata:\n  x: y\n").findings.len(), 1);
}

#[test]
fn a_broken_secret_is_found_because_it_cannot_be_checked() {
    let found = look("t.json", "{\"kind\": \"Secret\", \"data\": {\"a\": }\n").findings;
    assert_eq!((found.len(), found[0].rule), (1, Rule::Unreadable));
    assert_eq!(rules("a: [\n# Secret\n"), []);
    assert!(look("a.yaml", "a: [\n# Secret\n").unread.is_some());
    assert_eq!(look("a.yaml", "a: [\n"), Guarded::default(), "what names no Secret is not even parsed");
}

#[test]
fn copies_of_plaintext_in_the_metadata_are_found() {
    let last = "kubectl.kubernetes.io/last-applied-configuration";
    let copy = |inner: &str| {
        format!("{SECRET}  # c\n").replace("{name: db}", &format!("\n  annotations:\n    {last}: '{inner}'"))
    };
    let plain = r#"{"apiVersion":"v1","kind":"Secret","data":{"a":"aHVudGVy"}}"#;
    assert_eq!(rules(&copy(plain)), [(5, Rule::PlaintextCopy)]);
    assert_eq!(rules(&copy(&plain[..50])), [(5, Rule::PlaintextCopy)], "what cannot be read may hold it");
    assert_eq!(rules(&copy(r#"{"apiVersion":"v1","kind":"Secret"}"#)), []);
    let managed =
        |fields: &str| format!("apiVersion: v1\nkind: Secret\nmetadata:\n  managedFields: [{{fieldsV1: {fields}}}]\n");
    assert_eq!(rules(&managed("{\"f:data\": {\"f:a\": {}}}")), []);
    assert_eq!(rules(&managed("{\"f:data\": {\"f:a\": x}}")), [(4, Rule::PlaintextCopy)]);
    let template = format!(
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {{name: a}}\nspec:\n  encryptedData: {{}}\n  \
         template: {{metadata: {{annotations: {{{last}: '{plain}'}}}}}}\n"
    );
    assert_eq!(rules(&template), [(6, Rule::PlaintextCopy)]);
}

#[test]
fn private_keys_are_found_wherever_they_stand() {
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj".repeat(2);
    let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n");
    let indented = pem.replace('\n', "\n  ");
    assert_eq!(rules(&format!("a: |\n  {indented}")), [(2, Rule::PrivateKey)]);
    assert_eq!(rules(&format!("{{\"a\": \"{}\"}}", pem.replace('\n', "\\n"))), [(1, Rule::PrivateKey)]);
    let encoded = kseal_crypto::encode_base64(pem.as_bytes());
    assert_eq!(rules(&format!("users:\n- user: {{client-key-data: {encoded}}}\n")), [(2, Rule::PrivateKey)]);
    assert_eq!(rules("a: '-----BEGIN RSA PRIVATE KEY-----...'\n"), [], "an example is no key");
    assert_eq!(rules(&pem.replace("RSA PRIVATE", "PUBLIC")), []);
    let certificate = kseal_crypto::encode_base64(pem.replace("RSA PRIVATE KEY", "CERTIFICATE").as_bytes());
    assert_eq!(rules(&format!("a: {certificate}\n")), []);
    // In a Secret it is one of the values that are found anyway.
    assert_eq!(
        rules(&format!("{SECRET}stringData:\n  a: |\n    {}", pem.replace('\n', "\n    "))),
        [(5, Rule::PlaintextSecret)]
    );
    assert_eq!(rules(&format!("{SECRET}data: {{a: {encoded}}}\n")), [(4, Rule::PlaintextSecret)]);
}

#[test]
fn secrets_of_sealing_keys_are_called_what_they_are() {
    let native = format!("{SECRET}type: kseal.dev/sealing-key\ndata: {{seed: aHVudGVy}}\n");
    assert_eq!(rules(&native), [(1, Rule::PrivateKey)]);
    let labels = "{name: db, labels: {sealedsecrets.bitnami.com/sealed-secrets-key: compromised}}";
    let upstream = SECRET.replace("{name: db}", labels);
    assert_eq!(rules(&format!("{upstream}data: {{tls.key: aHVudGVy}}\n")), [(1, Rule::PrivateKey)]);
    assert_eq!(rules(&upstream), []);
}

#[test]
fn what_kustomize_would_make_a_secret_of_is_found() {
    let text =
        "secretGenerator:\n- name: db\n  literals:\n  - password=hunter2\n  - empty=\n- {name: files, envs: [a]}\n";
    let found = look("kustomization.yaml", text).findings;
    assert_eq!((found.len(), found[0].line, found[0].rule), (1, 4, Rule::PlaintextSecret));
    assert_eq!(found[0].message, "secretGenerator db holds plaintext: password");
}

#[test]
fn sealed_objects_that_break_a_rule_are_found_where_they_break_it() {
    let head = "apiVersion: kseal.dev/v1alpha1\nkind: SealedSecret\nmetadata: {name: db, namespace: dev}\n";
    assert_eq!(rules(head), [(1, Rule::Malformed)]);
    let spec = "spec:\n  scope: Strict\n  sealedFor: {namespace: prod, name: db}\n  encryptedData:\n    a: hunter2\n";
    assert_eq!(rules(&format!("{head}{spec}")), [(1, Rule::Moved), (8, Rule::Malformed)]);
    assert!(!format!("{:?}", look("a", &format!("{head}{spec}"))).contains("hunter2"));
    let kustomized = format!("{head}{spec}").replace(", namespace: dev", "");
    assert_eq!(rules(&kustomized), [(8, Rule::Malformed)]);
    assert_eq!(rules(&format!("{head}data: {{a: b}}\nspec: {{scope: Strict}}\n")), [(4, Rule::PlaintextSecret)]);
    assert_eq!(rules(&head.replace("v1alpha1", "v9")), [(1, Rule::Malformed)]);
    assert_eq!(rules(&head.replace("kseal.dev", "other.dev")), []);
}

#[test]
fn a_secret_is_found_in_whatever_it_stands() {
    let secret = "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {p: aHVudGVy}}";
    for text in [
        format!("kind: List\napiVersion: v1\nitems:\n-\n- {secret}\n"),
        format!("kind: List\napiVersion: v1\nmetadata: {{name: x}}\nitems:\n  {secret}\n"),
        "kind: SecretList\napiVersion: v1\nmetadata: {name: x}\nitems:\n- data: {p: aHVudGVy}\n".to_owned(),
        format!("- a\n- b\n\n\n- {secret}\n"),
        format!("kind: Template\napiVersion: template.openshift.io/v1\n\nobjects:\n- {secret}\n"),
        format!("\n\n\nextraDeploy:\n- {secret}\n"),
        "patches:\n- patch: |-\n    kind: Secret\n    stringData:\n      p: hunter2\n".to_owned(),
        "patches:\n- |-\n  kind: Secret\n  stringData:\n    p: hunter2\n  target: {}\n".to_owned(),
    ] {
        assert_eq!(rules(&text), [(5, Rule::PlaintextSecret)], "{text}");
    }
    assert_eq!(rules("[\n{\"kind\": \"Secret\", \"data\": {\"a\": \"b\"}}]\n"), [(2, Rule::PlaintextSecret)]);
    for fine in [
        "a: {secretRef: {kind: Secret, name: a}}\n",
        "a: [{kind: Secret, data: {}}]\n",
        "a: |\n  kind: Secret\n  data: {a: }\n",
    ] {
        assert_eq!(rules(fine), [], "{fine}");
    }
}

#[test]
fn a_long_line_of_headers_takes_no_longer_than_its_length() {
    #[expect(clippy::disallowed_methods, reason = "a test may look at the clock")]
    let start = std::time::Instant::now();
    for text in ["PRIVATE KEY-----", "LS0tLS1CRUdJTi", "-----BEGIN PRIVATE KEY-----", "PRIVATE KEY-----\\n\\n"] {
        look("a", &format!("x: {}\n", text.repeat(1_000_000 / text.len())));
    }
    assert!(start.elapsed().as_secs() < 8, "{:?}", start.elapsed());
}
