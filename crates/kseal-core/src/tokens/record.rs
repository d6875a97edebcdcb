//! What is known of a published token: an annotation beside it, which tells nothing of the token but whether it is still the
//! one that was put there.

use std::collections::BTreeMap;
use std::time::Duration;

use kseal_api::ServiceAccountTokenSpec;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::object::{hex, request_digest};
use super::{Issued, SecretMetadata};

/// So far behind a clock may be that is another replica's, or was put right.
const TOLERANCE_SECONDS: i64 = 60;
/// Of a token's life, when it is followed by the next one at the latest.
const RENEWAL: f64 = 0.8;
/// So much sooner it may be, so that tokens that were made together are not renewed together.
const SPREAD: f64 = 0.05;
/// Of a token's life, when it is not followed by the next one whatever the API server's clock says: or a controller whose own
/// clock is ahead would ask without end.
const SOONEST: i64 = 16;

/// The record. Times are seconds since 1970. The API server's clock and the controller's may differ: the times at which
/// something was done are by the controller's, with which they are compared, and those of a token by the API server's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// What the token was made for.
    pub request: String,
    /// The UID of the ServiceAccount whose token it is.
    pub account: String,
    /// SHA-256 over the token, which has enough randomness in it that none can be found by it.
    pub digest: String,
    /// When the token was made, by the controller's clock.
    pub issued: i64,
    /// When it was put into the Secret, by the controller's clock.
    pub published: i64,
    /// For how long it is good from then on; none where it does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<i64>,
    /// When it expires, by the API server's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
    /// When it is followed by the next one, by the API server's clock where it expires; none for never. Drawn when the token is
    /// made, so that no restart draws anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renew: Option<i64>,
    /// The period of rotation for which that was drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<i64>,
    /// The UID of the token Secret that it is copied from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The UIDs of the other Secrets that were there by then, and since when they are of no use, by the controller's clock. They
    /// go, and none of them is published again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub retired: BTreeMap<String, i64>,
}

impl Record {
    /// Of a token that expires. `jitter`: from 0 to 1.
    #[must_use]
    pub fn of_bound(
        spec: &ServiceAccountTokenSpec,
        account: &str,
        issued: &Issued,
        retired: BTreeMap<String, i64>,
        now: i64,
        jitter: f64,
    ) -> Self {
        let (life, expires) = (issued.life, issued.expires.unwrap_or(now.saturating_add(issued.life)));
        let left = life.saturating_sub(part(life, RENEWAL, jitter));
        Self {
            request: request_digest(spec),
            account: account.to_owned(),
            digest: digest(&issued.token),
            issued: now,
            published: now,
            life: Some(life),
            expires: Some(expires),
            renew: Some(expires.saturating_sub(left)),
            period: None,
            from: None,
            retired,
        }
    }

    /// Of a token that never expires, which is in a token Secret. That may have been made long before it is published; but the
    /// API server's clock may be wrong, too, and no token is due as soon as it is published.
    pub(super) fn of_secret(
        spec: &ServiceAccountTokenSpec,
        account: &str,
        token: &[u8],
        from: &SecretMetadata,
        retired: BTreeMap<String, i64>,
        now: i64,
        jitter: f64,
    ) -> Self {
        let oldest = spec.rotation.map_or(i64::MIN, |rotation| now.saturating_sub(rotation.period_seconds / 2));
        let record = Self {
            request: request_digest(spec),
            account: account.to_owned(),
            digest: digest(token),
            issued: from.created.min(now).max(oldest),
            published: now,
            life: None,
            expires: None,
            renew: None,
            period: None,
            from: Some(from.uid.clone()),
            retired,
        };
        record.dated(spec, now, jitter)
    }

    /// The same with the time of the next rotation drawn anew, where another period is asked for or the clock was wrong.
    pub(super) fn dated(&self, spec: &ServiceAccountTokenSpec, now: i64, jitter: f64) -> Self {
        let period = spec.rotation.map(|rotation| rotation.period_seconds);
        let (issued, published) = (self.issued.min(now), self.published.min(now));
        let renew = period.map(|period| issued.saturating_add(part(period, 1.0, jitter)));
        Self { issued, published, renew, period, ..self.clone() }
    }

    /// Since when each of these Secrets is of no use, if another one takes their place now.
    #[must_use]
    pub fn retire<'s>(
        before: Option<&Self>,
        old: impl Iterator<Item = &'s SecretMetadata>,
        now: i64,
    ) -> BTreeMap<String, i64> {
        let since = |uid: &str| before.and_then(|before| before.retired.get(uid)).map_or(now, |since| now.min(*since));
        old.map(|secret| (secret.uid.clone(), since(&secret.uid))).collect()
    }

    /// The same with these noted as of no use, too: only what is noted goes, since another controller could publish it meanwhile.
    pub(super) fn retiring<'s>(mut self, old: impl Iterator<Item = &'s SecretMetadata>, now: i64) -> Self {
        for secret in old {
            self.retired.entry(secret.uid.clone()).or_insert(now);
        }
        self
    }

    /// Whether the token is the one that was put there for this request, of the account as it is now.
    pub(super) fn vouches_for(&self, token: &[u8], spec: &ServiceAccountTokenSpec, account: &str) -> bool {
        self.request == request_digest(spec) && self.account == account && self.digest == digest(token)
    }

    /// When the next token is due, by the controller's clock; at once where the times do not go together, since somebody wrote
    /// them by hand.
    pub(super) fn due(&self) -> Option<i64> {
        let after = |seconds: i64| self.issued.saturating_add(seconds);
        let is_within = |part: i64, whole: i64, percent: [i128; 2]| {
            let (part, whole) = (i128::from(part) * 100, i128::from(whole));
            (whole * percent[0]..=whole * percent[1]).contains(&part)
        };
        match (self.life, self.expires, self.renew, self.period) {
            (Some(life), Some(expires), Some(renew), _) => {
                let left = expires.saturating_sub(renew);
                if !is_within(left, life, [15, 30]) {
                    return Some(i64::MIN);
                }
                let by_own_clock = after(life.saturating_sub(left));
                Some(by_own_clock.min(renew.max(after(life / SOONEST))))
            }
            (None, None, Some(renew), Some(period)) => {
                let is_sound = is_within(renew.saturating_sub(self.issued), period, [90, 100]);
                Some(if is_sound { renew } else { i64::MIN })
            }
            (None, None, None, None) => None,
            _ => Some(i64::MIN),
        }
    }

    /// Whether the next token is due. A time that is outside of what is recorded says that a clock was wrong, and nothing of
    /// the token's age.
    pub(super) fn is_due(&self, now: i64) -> bool {
        self.due().is_some_and(|due| now >= due || self.is_from_the_future(now))
    }

    /// Whether it was written by a clock that is far ahead of this time.
    pub(super) fn is_from_the_future(&self, now: i64) -> bool {
        now.saturating_add(TOLERANCE_SECONDS) < self.issued.max(self.published)
    }
}

fn part(life: i64, share: f64, jitter: f64) -> i64 {
    let life = Duration::from_secs(life.max(0).unsigned_abs());
    i64::try_from(life.mul_f64(share - SPREAD * jitter.clamp(0.0, 1.0)).as_secs()).unwrap_or(i64::MAX)
}

fn digest(token: &[u8]) -> String {
    hex(&Sha256::digest(token))
}

#[cfg(test)]
mod tests {
    use kseal_api::{Rotation, TokenMode};
    use serde_json::json;

    use super::*;
    use crate::tokens::rfc3339;

    const NOW: i64 = 1_795_323_600;

    fn spec(rotation: Option<i64>) -> ServiceAccountTokenSpec {
        ServiceAccountTokenSpec {
            service_account_name: "ci".into(),
            mode: if rotation.is_some() { TokenMode::Secret } else { TokenMode::Bound },
            secret_name: None,
            audiences: vec![],
            expiration_seconds: None,
            rotation: rotation.map(|period_seconds| Rotation { period_seconds, overlap_seconds: None }),
            kubeconfig: None,
        }
    }

    /// Of a token that was made at the controller's `now`, when it was `ahead` of the API server's clock.
    fn bound(life: i64, ahead: i64, jitter: f64) -> Record {
        let answer = json!({
            "metadata": {"creationTimestamp": rfc3339(NOW - ahead)},
            "status": {"token": "t", "expirationTimestamp": rfc3339(NOW - ahead + life)},
        });
        let issued = Issued::read(answer.to_string().as_bytes()).unwrap();
        Record::of_bound(&spec(None), "a1", &issued, BTreeMap::new(), NOW, jitter)
    }

    #[test]
    fn a_bound_token_is_renewed_at_four_fifths_of_its_life_or_a_little_sooner() {
        for (jitter, share) in [(0.0, 480), (1.0, 450), (0.5, 465)] {
            let record = bound(600, 0, jitter);
            assert_eq!((record.renew, record.due()), (Some(NOW + share), Some(NOW + share)));
            assert!(!record.is_due(NOW) && !record.is_due(NOW + share - 1) && record.is_due(NOW + share));
            assert!(record.is_due(NOW + 10_000) && record.is_due(NOW - 61) && !record.is_due(NOW - 60));
        }
        assert!(!bound(1 << 32, 0, 0.0).is_due(NOW));
    }

    #[test]
    fn clocks_that_differ_make_no_token_late_and_no_end_of_asking() {
        // The controller's is ahead: the token seems to be over before it is a second old.
        assert_eq!(bound(1_600, 5_000, 0.0).due(), Some(NOW + 100));
        assert_eq!(bound(1_600, 1_000, 0.0).due(), Some(NOW + 280));
        // It is behind: what counts is how old it is.
        assert_eq!(bound(1_600, -5_000, 0.0).due(), Some(NOW + 1_280));
    }

    #[test]
    fn a_clock_that_was_ahead_and_is_put_right_makes_no_token_expire() {
        for life in [600, 3_600, 100_000] {
            for jitter in [0.0, 1.0] {
                for percent in 0..200 {
                    let ahead = life * percent / 100;
                    let record = bound(life, ahead, jitter);
                    let made = NOW - ahead;
                    // Put right when it is so old, by the true time. Before that it was not due.
                    for put_right in
                        (0..life).step_by(usize::try_from(life / 50).unwrap()).filter(|age| !record.is_due(NOW + age))
                    {
                        let is_due = |age: i64| record.is_due(made + age);
                        assert!(is_due(put_right) || is_due(life - 1), "{life} {jitter} {ahead} {put_right}");
                    }
                }
            }
        }
    }

    #[test]
    fn times_that_do_not_go_together_are_due() {
        for time in [i64::MIN, NOW - 1_000, NOW + 1_000, i64::MAX] {
            for record in [
                Record { renew: Some(time), ..bound(600, 0, 0.0) },
                Record { expires: Some(time), ..bound(600, 0, 0.0) },
                Record { life: Some(time), ..bound(600, 0, 0.0) },
                Record { life: None, ..bound(600, 0, 0.0) },
            ] {
                assert!(record.is_due(NOW), "{record:?}");
            }
        }
    }

    #[test]
    fn rotation_counts_from_when_the_token_was_made() {
        let made = |at: i64| {
            let metadata = json!({"name": "db", "uid": "s1", "resourceVersion": "1", "creationTimestamp": rfc3339(at)});
            SecretMetadata::read(json!({"metadata": metadata}).to_string().as_bytes()).unwrap()
        };
        let record =
            |period, at, jitter| Record::of_secret(&spec(period), "a1", b"t", &made(at), BTreeMap::new(), NOW, jitter);
        let rotating = record(Some(1_000), NOW - 400, 0.0);
        assert_eq!((rotating.issued, rotating.published, rotating.renew), (NOW - 400, NOW, Some(NOW + 600)));
        let ahead = record(Some(1_000), NOW + 900, 1.0);
        assert_eq!((ahead.issued, ahead.renew), (NOW, Some(NOW + 950)));
        let old = record(Some(1_000), NOW - 9_000, 0.0);
        assert_eq!(old.renew, Some(NOW + 500), "or every one would be due at once");
        let never = record(None, NOW, 0.0);
        assert!(!never.is_due(i64::MAX) && !never.is_due(0));
    }
}
