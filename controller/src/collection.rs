//! Where the kinds of Kubernetes' own are, of one namespace or of all.

pub(crate) fn secrets(namespace: Option<&str>) -> String {
    path(namespace, "secrets")
}

pub(crate) fn service_accounts(namespace: Option<&str>) -> String {
    path(namespace, "serviceaccounts")
}

pub(crate) fn config_maps(namespace: &str) -> String {
    path(Some(namespace), "configmaps")
}

pub(crate) fn events(namespace: &str) -> String {
    path(Some(namespace), "events")
}

fn path(namespace: Option<&str>, resource: &str) -> String {
    match namespace {
        Some(namespace) => format!("/api/v1/namespaces/{namespace}/{resource}"),
        None => format!("/api/v1/{resource}"),
    }
}
