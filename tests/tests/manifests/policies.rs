//! The admission policies, as the controller compares them.

use kseal_api::names;
use serde_json::json;

use super::{documents, files};

/// What the API server would add is written down, so that what is stored can be compared with the files.
#[test]
fn every_policy_says_all_that_the_api_server_would_add() {
    let mut found = 0;
    for path in files() {
        for document in documents(&path) {
            let spec = &document["spec"];
            match document["kind"].as_str().unwrap() {
                "ValidatingAdmissionPolicy" | "MutatingAdmissionPolicy" => {
                    let constraints = &spec["matchConstraints"];
                    assert!(spec["failurePolicy"].is_string(), "{}", path.display());
                    for field in ["matchPolicy", "namespaceSelector", "objectSelector"] {
                        assert!(!constraints[field].is_null(), "{}: {field}", path.display());
                    }
                    for rule in constraints["resourceRules"].as_array().unwrap() {
                        assert!(rule["scope"].is_string(), "{}", path.display());
                    }
                    found += 1;
                }
                "ValidatingAdmissionPolicyBinding" => {
                    assert_eq!(spec["policyName"], document["metadata"]["name"]);
                    assert_eq!(spec["validationActions"], json!(["Deny"]));
                    if let Some(parameters) = spec.get("paramRef") {
                        let beside = json!({
                            "name": names::POLICY, "namespace": names::SYSTEM_NAMESPACE, "parameterNotFoundAction": "Deny",
                        });
                        assert_eq!(*parameters, beside, "{}", path.display());
                    }
                }
                _ => {}
            }
        }
    }
    assert!(found >= 11, "{found}");
}
