//! What holds a secret can be neither printed, copied nor compared, and no error repeats what it was given.

use std::{error::Error, fmt, marker::PhantomData};

use der::pem::{LineEnding, encode_string};
use kseal_crypto::{
    Envelope, Failure, Failures, Fingerprint, Handle, KeyRing, Place, Plaintext, PrivateKey, PublicKey, SealedValue,
    Sealer, Subject, Suite, Zeroizing, encode_base64,
    envelope::{DataKeyText, OpenedDataKey},
    identity::{IdentityFingerprint, IdentityKey},
    sealed_secrets::{self, Certificate, Opened, RsaPrivateKey, RsaPublicKey, RsaSize},
};
use rand_core::UnwrapErr;

/// Whether a type has a trait, known when compiling.
///
/// An inherent constant hides a trait's constant of the same name. The inherent one exists only where the bound holds,
/// so its value is found for a type that has the trait, and the other one's for a type that has not.
macro_rules! implements {
    ($type:ty: $($bound:tt)+) => {{
        #[allow(dead_code, reason = "only a constant of it is used")]
        struct Probe<T>(PhantomData<T>);
        #[allow(dead_code, reason = "is hidden where the type has the trait")]
        trait Otherwise {
            const ANSWER: bool = false;
        }
        impl<T> Otherwise for Probe<T> {}
        #[allow(dead_code, reason = "does not exist where the type has not the trait")]
        impl<T: $($bound)+> Probe<T> {
            const ANSWER: bool = true;
        }
        <Probe<$type>>::ANSWER
    }};
}

macro_rules! assert_secret {
    ($($type:ty),+ $(,)?) => {$(
        const { assert!(!implements!($type: fmt::Debug), "it can be printed") };
        const { assert!(!implements!($type: fmt::Display), "it can be printed") };
        const { assert!(!implements!($type: ToString), "it can be printed") };
        const { assert!(!implements!($type: Clone), "it can be copied") };
        const { assert!(!implements!($type: ToOwned), "it can be copied") };
        const { assert!(!implements!($type: PartialEq), "it can be compared, and not in constant time") };
        const { assert!(!implements!($type: PartialOrd), "it can be compared, and not in constant time") };
        const { assert!(!implements!($type: std::hash::Hash), "it can be hashed") };
        const { assert!(!implements!($type: AsRef<[u8]>), "it gives its bytes away") };
    )+};
}

#[test]
fn secret_types_can_be_neither_printed_nor_copied_nor_compared() {
    assert_secret!(PrivateKey, IdentityKey, RsaPrivateKey, KeyRing, Sealer<'static>, OpenedDataKey, Opened, Plaintext);
}

#[test]
fn the_probe_tells_a_type_that_has_the_trait_from_one_that_has_not() {
    const { assert!(implements!(Place: fmt::Debug)) };
    const { assert!(implements!(Place: Clone)) };
    const { assert!(implements!(Place: PartialEq)) };
    const { assert!(!implements!(Place: fmt::Display)) };
    const { assert!(implements!(Suite: fmt::Display)) };
    const { assert!(implements!(PublicKey: Clone)) };
    const { assert!(!implements!(PublicKey: fmt::Debug)) };
}

#[test]
fn what_was_opened_and_what_is_written_out_is_wiped_when_dropped() {
    // These compile only if the types are the wiping ones.
    let _: fn(Zeroizing<Vec<u8>>) -> Plaintext = Plaintext::from;
    let _: fn(&RsaPrivateKey) -> Zeroizing<String> = RsaPrivateKey::to_pkcs1_pem;
    let _: fn(&OpenedDataKey, &str, &SealedValue, &Place) -> Option<Plaintext> = OpenedDataKey::open;
}

fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

/// Stands for every secret: 32 bytes, as long as a key.
const CANARY: &str = "canary-canary-canary-canary-cana";

/// Looks for the canary in everything that an error can say of itself, as text, base64, hex and a list of bytes.
fn assert_silent(error: &(dyn Error + 'static)) {
    let mut said = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        said.push_str(&format!("{error}\n{error:?}\n{error:#?}\n").to_lowercase());
        next = error.source();
    }
    assert!(said.len() > 10, "it says nothing at all");
    let word = &CANARY[..7];
    // Of three beginnings within a group of base64 one is met.
    let base64 = [0, 1, 2].map(|skipped| encode_base64(&CANARY.as_bytes()[skipped..skipped + 6]).to_lowercase());
    let hex = data_encoding::HEXLOWER.encode(word.as_bytes());
    let bytes = format!("{:?}", word.as_bytes());
    let spread = format!("{:#?}", word.as_bytes());
    let listed = |list: &str| list.trim_matches(['[', ']', '\n']).trim().trim_end_matches(',').to_owned();
    for secret in [word, &base64[0], &base64[1], &base64[2], &hex, &listed(&bytes), &listed(&spread)] {
        assert!(!said.contains(secret), "{secret:?} in {said:?}");
    }
}

#[test]
fn the_search_finds_a_canary_in_each_of_its_forms() {
    #[derive(Debug)]
    struct Says<T>(T);
    impl<T> fmt::Display for Says<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("it is broken")
        }
    }
    impl<T: fmt::Debug> Error for Says<T> {}
    let texts = [
        CANARY.to_owned(),
        encode_base64(CANARY.as_bytes()),
        encode_base64(format!("x{CANARY}").as_bytes()),
        encode_base64(format!("xy{CANARY}").as_bytes()),
        data_encoding::HEXUPPER.encode(CANARY.as_bytes()),
    ];
    for text in texts {
        let error = Says(text);
        assert!(std::panic::catch_unwind(|| assert_silent(&error)).is_err(), "{error:?}");
    }
    let error = Says(CANARY.as_bytes().to_vec());
    assert!(std::panic::catch_unwind(|| assert_silent(&error)).is_err());
    assert_silent(&Says("nothing of the kind".to_owned()));
}

#[test]
fn no_error_about_a_key_repeats_it() {
    let long = format!("{CANARY}-");
    for seed in [&long, &CANARY[1..]] {
        for suite in Suite::ALL {
            assert_silent(&PrivateKey::from_seed(suite, seed.as_bytes()).err().unwrap());
            assert_silent(&PublicKey::from_bytes(suite, seed.as_bytes()).err().unwrap());
        }
        assert_silent(&IdentityKey::from_seed(seed.as_bytes()).err().unwrap());
    }
    let mut der = vec![0x30, 32];
    der.extend_from_slice(CANARY.as_bytes());
    let garbage = [&[0x30, 3, 2, 1, 0][..], &der].concat();
    for label in ["RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "CERTIFICATE"] {
        for der in [&der, &garbage] {
            let pem = encode_string(label, LineEnding::LF, der).unwrap();
            assert_silent(&RsaPrivateKey::from_pem(&pem).err().unwrap());
            assert_silent(&Certificate::from_pem(&pem).err().unwrap());
        }
    }
    assert_silent(&RsaPrivateKey::from_pem(CANARY).err().unwrap());
    assert_silent(&Certificate::from_pem(CANARY).err().unwrap());
    assert_silent(&RsaPublicKey::from_spki(CANARY.as_bytes()).err().unwrap());
}

#[test]
fn no_error_about_a_text_repeats_it() {
    // People paste secrets into the wrong field.
    assert_silent(&CANARY.parse::<Fingerprint>().err().unwrap());
    assert_silent(&CANARY.parse::<IdentityFingerprint>().err().unwrap());
    assert_silent(&CANARY.parse::<Handle>().err().unwrap());
    assert_silent(&CANARY.parse::<Suite>().err().unwrap());
    let base64 = encode_base64(CANARY.as_bytes());
    let handle = format!("d{}", "a".repeat(16));
    for text in [
        CANARY.to_owned(),
        format!("ks1.{CANARY}"),
        format!("ks2.{CANARY}"),
        format!("ks1.{CANARY}.{base64}"),
        format!("ks1.{handle}.{CANARY}"),
        format!("ks1.{handle}.{base64}"),
    ] {
        assert_silent(&SealedValue::parse(&text).err().unwrap());
    }
}

#[test]
fn no_failure_to_open_repeats_a_value_or_a_key() {
    let key = PrivateKey::from_seed(Suite::X25519, CANARY.as_bytes()).unwrap();
    let place = Place::Strict { namespace: "prod".into(), name: "db".into() };
    let sealer = Sealer::new(&place, [key.public()], &mut rng()).unwrap();
    let data_key = sealer.data_key();
    let good = sealer.seal("good", CANARY.as_bytes(), &mut rng()).to_string();
    let (handle, name) = (data_key.handle().to_string(), key.fingerprint().to_string());
    let commitment = encode_base64(data_key.commitment.as_bytes());
    let wrap = encode_base64(&data_key.recipients[&key.fingerprint()]);
    let short = format!("ks1.{handle}.{}", encode_base64(CANARY.as_bytes()));
    let values = [
        ("good", good.as_str()),
        ("renamed", &good),
        ("plain", CANARY),
        ("short", &short),
        ("later", "ks2.canary-canary"),
    ];
    let mut ring = KeyRing::default();
    ring.add(key);
    let base64 = encode_base64(CANARY.as_bytes());
    for (commitment, wrap) in [
        (commitment.as_str(), wrap.as_str()),
        (&commitment, CANARY),
        (&commitment, &base64),
        (CANARY, &wrap),
        (&base64, &wrap),
    ] {
        let text = DataKeyText { commitment, recipients: vec![(&name, wrap)] };
        let envelope = Envelope::read([(handle.as_str(), text)], values);
        for place in [&place, &Place::ClusterWide] {
            let failures = envelope.open(&ring, place).err().unwrap();
            assert_silent(&failures);
            failures.iter().for_each(|failure| assert_silent(failure));
            envelope.open_each(&ring, place).values().filter_map(|value| value.as_ref().err()).for_each(|reason| {
                assert_silent(reason);
            });
        }
    }
}

#[test]
fn no_failure_to_open_a_foreign_envelope_repeats_a_value() {
    let key = RsaPrivateKey::generate(RsaSize::Bits2048).unwrap();
    let sealed = sealed_secrets::seal(key.public(), b"prod/db", CANARY.as_bytes(), &mut rng()).unwrap();
    let mut ring = KeyRing::default();
    ring.add_rsa(key);
    let base64 = encode_base64(CANARY.as_bytes());
    let items = [("moved", sealed.as_str()), ("plain", CANARY), ("base64", &base64)];
    let opened = sealed_secrets::open(&ring, items, b"dev/db");
    assert_eq!(opened.items.len(), 3);
    let failures = opened.items.iter().map(|(item, value)| {
        let reason = *value.as_ref().err().unwrap();
        Failure { subject: Subject::Item(item.clone()), reason }
    });
    assert_silent(&Failures::from_vec(failures.collect()).unwrap());
}
