//! What a policy and its binding say, as one number that can be compared.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Policy;

/// What stands for the controller's own namespace: no name of any.
const OWN_NAMESPACE: &str = "<the controller's>";
/// Written by `cargo xtask generate` from `deploy/policies`; below it those of the last release, kept by hand.
const EXPECTED: &str = include_str!("expected.txt");

/// ``SHA-256(canonical JSON of {"binding": …, "policy": …})`` of the specs of both, in hexadecimal digits. Where the binding
/// looks for its parameters in `own_namespace`, and only there, that namespace does not count: it is where the controller is
/// installed.
///
/// Canonical is JSON without spaces and with sorted keys. That is RFC 8785 for what such specs hold, which have no numbers with
/// fractions and no keys beyond ASCII.
#[must_use]
pub fn digest(policy: &Value, binding: &Value, own_namespace: &str) -> String {
    let mut binding = binding.clone();
    if let Some(namespace) = binding.pointer_mut("/paramRef/namespace")
        && namespace == own_namespace
    {
        *namespace = OWN_NAMESPACE.into();
    }
    let mut text = String::from("{\"binding\":");
    write(&mut text, &binding);
    text.push_str(",\"policy\":");
    write(&mut text, policy);
    text.push('}');
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        // A String takes everything.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// A map's order is another with another feature of `serde_json`, which any crate of a program may switch on.
fn write(text: &mut String, value: &Value) {
    let mut first = true;
    let mut separate = |text: &mut String| {
        if !std::mem::take(&mut first) {
            text.push(',');
        }
    };
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            text.push('{');
            for key in keys {
                separate(text);
                let _ = write!(text, "{}:", Value::from(key.as_str()));
                write(text, &map[key]);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                separate(text);
                write(text, item);
            }
            text.push(']');
        }
        scalar => drop(write!(text, "{scalar}")),
    }
}

impl Policy {
    /// Whether the policy and its binding, of that digest, are those of this release or the last one.
    #[must_use]
    pub fn is_expected(self, digest: &str) -> bool {
        let lines = EXPECTED.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once(' ')).any(|line| line == (self.name(), digest))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn binding(namespace: &str) -> Value {
        json!({"policyName": "a", "validationActions": ["Deny"], "paramRef": {"name": "p", "namespace": namespace}})
    }

    /// The vector was made by another program: `printf '%s' '{"binding":…,"policy":…}' | sha256sum`.
    #[test]
    fn the_digest_is_that_of_sorted_keys_without_spaces() {
        let policy = json!({"b": [true, null, {"z": "\u{e9}\n\"", "y": 1}], "a": {}, "c": []});
        let binding = json!({"policyName": "a"});
        let digest = digest(&policy, &binding, "kseal-system");
        assert_eq!(digest, "735a7fb33084fc735f528235f3707c950f535d35369426208c94204a121be450");
    }

    #[test]
    fn the_order_of_keys_means_nothing_and_all_else_does() {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let of = |policy: &str| digest(&read(policy), &Value::Null, "");
        assert_eq!(of(r#"{"a": 1, "b": {"c": 2, "d": 3}}"#), of(r#"{"b":{"d":3,"c":2},"a":1}"#));
        let all = [
            "{}",
            "[]",
            "null",
            r#"{"a":null}"#,
            r#"{"a":""}"#,
            r#"["a","b"]"#,
            r#"["b","a"]"#,
            r#"["a,b"]"#,
            r#"{"a":{}}"#,
        ];
        for (index, one) in all.iter().enumerate() {
            for other in &all[index + 1..] {
                assert_ne!(of(one), of(other));
            }
        }
        // What moves from one to the other is another thing.
        assert_ne!(digest(&json!(1), &json!(2), ""), digest(&json!(2), &json!(1), ""));
    }

    #[test]
    fn where_the_parameters_are_counts_unless_it_is_beside_the_controller() {
        let of = |namespace, own| digest(&json!({}), &binding(namespace), own);
        assert_eq!(of("kube-system", "kube-system"), of("kseal-system", "kseal-system"));
        assert_ne!(of("kube-system", "kseal-system"), of("kseal-system", "kseal-system"));
        assert_ne!(of("tenant", "kseal-system"), of("kube-system", "kseal-system"));
        // A namespace that stands elsewhere is not the one of the parameters.
        let elsewhere = |namespace: &str| json!({"matchResources": {"namespace": namespace}});
        assert_ne!(digest(&json!({}), &elsewhere("a"), "a"), digest(&json!({}), &elsewhere("b"), "b"));
    }

    #[test]
    fn every_policy_has_an_expected_digest_and_no_other_is() {
        for policy in Policy::ALL {
            let of = |line: &&str| line.split(' ').next() == Some(policy.name());
            let line = EXPECTED.lines().find(of).unwrap();
            let (_, digest) = line.split_once(' ').unwrap();
            assert!(digest.len() == 64 && policy.is_expected(digest));
            assert!(!policy.is_expected("") && !policy.is_expected(&digest[1..]));
            for other in Policy::ALL.into_iter().filter(|other| *other != policy) {
                assert!(!other.is_expected(digest));
            }
        }
    }
}
