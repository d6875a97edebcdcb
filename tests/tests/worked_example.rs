//! The worked example of docs/format.md, recomputed step by step.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{convert::Infallible, fs, path::Path};

use data_encoding::HEXLOWER;
use hkdf::Hkdf;
use kseal_crypto::{Envelope, KeyRing, Place, PrivateKey, Sealer, Suite, encode_base64, envelope::DataKeyText};
use rand_core::{TryCryptoRng, TryRng};
use sha2::Sha256;

/// Every random octet is 07.
struct Sevens;

impl TryRng for Sevens {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0x0707_0707)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0x0707_0707_0707_0707)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.fill(7);
        Ok(())
    }
}

impl TryCryptoRng for Sevens {}

#[test]
fn the_worked_example_is_what_kseal_computes() {
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/format.md")).unwrap();
    let section = document.split("## Worked example").nth(1).expect("the section is there");
    let block = section.split("```").nth(1).expect("its block is there");
    let wanted = example();
    assert_eq!(block.trim(), wanted.trim(), "the block should be:\n{wanted}");
}

fn example() -> String {
    let seed: Vec<u8> = (1..=32).collect();
    let key = PrivateKey::from_seed(Suite::X25519, &seed).unwrap();
    let place = Place::Strict { namespace: "prod".into(), name: "db".into() };
    let sealer = Sealer::new(&place, [key.public()], &mut Sevens).unwrap();
    let value = sealer.seal("password", b"hunter2", &mut Sevens);
    let data_key = sealer.data_key();
    let wrap = &data_key.recipients[&key.fingerprint()];

    let mut padded = b"hunter2\x80".to_vec();
    padded.resize(32, 0);
    let aad = [b"kseal/1/value", place.to_bytes().as_slice(), b"\0\0\0\x08password"].concat();
    let text = value.to_string();
    let bytes = kseal_crypto::decode_base64(text.rsplit('.').next().unwrap()).unwrap();
    assert_eq!(data_key.commitment.as_bytes(), &derive("kseal/1/commit"));
    opens(key, &place, &data_key.handle().to_string(), data_key.commitment.as_bytes(), wrap, &text);

    let hex = |octets: &[u8]| HEXLOWER.encode(octets);
    let public = PrivateKey::from_seed(Suite::X25519, &seed).unwrap();
    [
        ("suite", "X25519".to_owned()),
        ("seed", hex(&seed)),
        ("public key", hex(&public.public().to_bytes())),
        ("fingerprint", public.fingerprint().to_string()),
        ("namespace, name", "prod, db".to_owned()),
        ("place", hex(&place.to_bytes())),
        ("data key", hex(&[7; 32])),
        ("commitment", hex(data_key.commitment.as_bytes())),
        ("handle", data_key.handle().to_string()),
        ("enc", hex(&wrap[..32])),
        ("ct", hex(&wrap[32..])),
        ("item key, value", "password, hunter2".to_owned()),
        ("value key", hex(&derive("kseal/1/encrypt"))),
        ("padded", hex(&padded)),
        ("aad", hex(&aad)),
        ("nonce", hex(&bytes[..12])),
        ("ciphertext, tag", hex(&bytes[12..])),
        ("text", text),
    ]
    .map(|(name, octets)| format!("{name:<16} {octets}\n"))
    .concat()
}

fn derive(info: &str) -> [u8; 32] {
    let mut out = [0; 32];
    Hkdf::<Sha256>::new(None, &[7; 32]).expand(info.as_bytes(), &mut out).unwrap();
    out
}

/// The example opens, as any object does.
fn opens(key: PrivateKey, place: &Place, handle: &str, commitment: &[u8], wrap: &[u8], text: &str) {
    let (commitment, wrap) = (encode_base64(commitment), encode_base64(wrap));
    let fingerprint = key.fingerprint().to_string();
    let recipients = vec![(fingerprint.as_str(), wrap.as_str())];
    let data_key = DataKeyText { commitment: &commitment, recipients };
    let mut ring = KeyRing::default();
    ring.add(key);
    let opened = Envelope::read([(handle, data_key)], [("password", text)]).open(&ring, place).unwrap();
    assert_eq!(&*opened["password"], b"hunter2");
}
