//! Texts of native objects: values, handles, fingerprints, base64, versions and suites, and keys that are not held.

use super::{
    case::{
        Case,
        Expect::{Malformed, NoKey, Unsupported},
    },
    craft::{DataKey, Key, base64, named, unbase64},
    good::Good,
};

pub(super) fn cases() -> Vec<Case> {
    [values(), not_base64(), handles(), fingerprints(), later(), keyless()].into_iter().flatten().collect()
}

fn values() -> Vec<Case> {
    let text = |what: &str, words: &str, edit: fn(&str) -> String| {
        Good::strict(&format!("value-{what}"))
            .changed(|good| {
                let value = good.value("user");
                *value = edit(value.as_str().expect("is a text")).into();
            })
            .fails(Malformed, words)
    };
    vec![
        text("plaintext", "a plaintext that nobody sealed", |_| "admin".to_owned()),
        text("text-empty", "an empty text is no value", |_| String::new()),
        text("upper-case", "the version is written in lower case", |text| text.replacen("ks1", "KS1", 1)),
        text("version-none", "no digits before the dot", |text| text.replacen("ks1", "ks", 1)),
        text("version-letters", "no digits, but letters", |text| text.replacen("ks1", "ks1a", 1)),
        text("version-undotted", "a version and nothing else", |_| "ks1".to_owned()),
        text("blank-before", "a blank before the version", |text| format!(" {text}")),
        text("handle-alone", "a handle without octets behind it", |text| text[..21].to_owned()),
        text("octets-none", "no octets behind the handle", |text| text[..22].to_owned()),
        text("handle-none", "octets without a handle", |text| format!("ks1.{}", &text[22..])),
        text("dots-three", "one more dot", |text| format!("{text}.")),
        Good::strict("value-too-short")
            .changed(|good| {
                let octets = &[7; 59];
                *good.value("user") = good.data_key.text(octets).into();
            })
            .fails(Malformed, "59 octets are no value"),
        Good::strict("value-data-key-missing")
            .changed(|good| {
                let other = DataKey::draw(&mut good.rng);
                let octets = other.seal("user", b"admin", &good.place, &mut good.rng);
                *good.value("user") = other.text(&octets).into();
            })
            .fails(Malformed, "a value names a data key that is not there"),
    ]
}

fn not_base64() -> Vec<Case> {
    let value = |what: &str, words: &str, edit: fn(&str) -> String| {
        let good = Good::strict(&format!("base64-{what}"));
        good.changed(|good| {
            // 61 octets end in two characters of padding, and the first of these begins with a set bit.
            let octets = [vec![0xfb; 60], vec![0xf0]].concat();
            *good.value("user") = good.data_key.text(&octets).into();
            good.edit_base64("user", edit);
        })
        .fails(Malformed, words)
    };
    let trimmed = |text: &str| text.trim_end_matches('=').to_owned();
    vec![
        value("unpadded", "base64 without its padding", |text| text.trim_end_matches('=').to_owned()),
        value("half-padded", "base64 with one of its two characters of padding", |text| text[..text.len() - 1].into()),
        value("over-padded", "base64 with padding too much", |text| format!("{text}=")),
        value("trailing-bits", "base64 with a trailing bit set", |text| text.replace("8A==", "8B==")),
        value("line-break", "base64 with a line break inside", |text| format!("{}\n{}", &text[..20], &text[20..])),
        value("line-end", "base64 with a line end behind it", |text| format!("{text}\n")),
        value("blank", "base64 with a blank inside", |text| format!("{} {}", &text[..20], &text[20..])),
        value("url", "base64 of the alphabet for URLs", |text| text.replace('+', "-").replace('/', "_")),
        value("padding-inside", "two base64 texts, one behind the other", |text| format!("AA=={text}")),
        Good::strict("base64-commitment")
            .changed(|good| {
                let text = trimmed(good.entry()["commitment"].as_str().expect("is a text"));
                good.entry()["commitment"] = text.into();
            })
            .fails(Malformed, "a commitment's base64 without its padding"),
        Good::strict("base64-wrap")
            .changed(|good| {
                let text = trimmed(good.wrap().as_str().expect("is a text"));
                *good.wrap() = text.into();
            })
            .fails(Malformed, "a wrap's base64 without its padding"),
        Good::strict("base64-wrap-unheld")
            .changed(|good| good.entry()["recipients"][Key::x25519("stranger").fingerprint()] = "AA".into())
            .fails(Malformed, "a stranger's wrap that is not base64"),
        Good::strict("base64-wrap-unreferenced")
            .changed(|good| {
                let other = good.add_data_key(&[good.key]);
                let fingerprint = good.key.fingerprint();
                good.object["spec"]["dataKeys"][other.handle()]["recipients"][fingerprint] = "AA".into();
            })
            .fails(Malformed, "a wrap that is not base64, of a data key that no value names"),
    ]
}

fn handles() -> Vec<Case> {
    let handle = |what: &str, words: &str, edit: fn(&str) -> String| {
        Good::strict(&format!("handle-{what}"))
            .changed(|good| {
                let handle = good.data_key.handle();
                good.rename_handle(&edit(&handle));
            })
            .fails(Malformed, words)
    };
    let commitment = |what: &str, words: &str, edit: fn(&mut Vec<u8>)| {
        Good::strict(&format!("commitment-{what}")).changed(|good| good.edit_commitment(edit)).fails(Malformed, words)
    };
    vec![
        handle("upper-case", "a handle in upper case", str::to_uppercase),
        handle("short", "a handle that lacks a character", |text| text[..16].to_owned()),
        handle("long", "a handle with a character too much", |text| format!("{text}a")),
        handle("letter", "a handle that begins with another letter", |text| text.replacen('d', "k", 1)),
        handle("alphabet", "1 is no character of base32", |text| format!("{}1", &text[..16])),
        handle("other", "a handle that is not its commitment's", |_| named('d', &[7; 10])),
        commitment("truncated", "a commitment of 31 octets", |octets| octets.truncate(31)),
        commitment("long", "a commitment of 33 octets", |octets| octets.push(0)),
        commitment("flipped-in-handle", "a bit of the commitment's beginning is changed", |octets| octets[0] ^= 1),
        Good::strict("handle-unreferenced")
            .changed(|good| {
                let entry = good.entry().clone();
                good.object["spec"]["dataKeys"][named('d', &[7; 10])] = entry;
            })
            .fails(Malformed, "a wrong handle, of a data key that no value names"),
    ]
}

fn fingerprints() -> Vec<Case> {
    let fingerprint = |what: &str, words: &str, edit: fn(&str) -> String| {
        Good::strict(&format!("fingerprint-{what}"))
            .changed(|good| {
                let fingerprint = good.key.fingerprint();
                good.rename_recipient(&edit(&fingerprint));
            })
            .fails(Malformed, words)
    };
    vec![
        fingerprint("upper-case", "a fingerprint in upper case", str::to_uppercase),
        fingerprint("short", "a fingerprint as it is shown to people", |text| text[..13].to_owned()),
        fingerprint("long", "a fingerprint with a character too much", |text| format!("{text}a")),
        fingerprint("letter", "a fingerprint that begins with another letter", |text| text.replacen('k', "d", 1)),
        fingerprint("trailing-bits", "a fingerprint whose last character has trailing bits set", |_| {
            format!("k{}b", "a".repeat(25))
        }),
    ]
}

fn later() -> Vec<Case> {
    let version = |what: &str, words: &str, version: &str| {
        Good::strict(what)
            .changed(|good| {
                let value = good.value("user");
                *value = value.as_str().expect("is a text").replacen("ks1", version, 1).into();
            })
            .fails(Unsupported, words)
    };
    let wrap = |what: &str, words: &str, held: bool, len: usize| {
        Good::strict(what)
            .changed(|good| {
                good.edit_wrap(|octets| octets.resize(len, 0));
                good.held.truncate(usize::from(held));
            })
            .fails(Unsupported, words)
    };
    vec![
        version("version-2", "a value of version 2", "ks2"),
        version("version-0", "a value of version 0", "ks0"),
        version("version-01", "01 is not 1", "ks01"),
        version("version-10", "nor is 10", "ks10"),
        Good::strict("version-2-bare")
            .changed(|good| *good.value("user") = "ks2.".into())
            .fails(Unsupported, "nothing is known of what follows another version's dot"),
        wrap("wrap-truncated", "a held recipient's wrap that lacks an octet", true, 79),
        wrap("wrap-empty", "a held recipient's wrap of no octets", true, 0),
        wrap("wrap-unknown-suite", "a wrap of a length that no suite has, and no key", false, 81),
        Good::x_wing("wrap-truncated-x-wing")
            .changed(|good| good.edit_wrap(|octets| octets.truncate(1_167)))
            .fails(Unsupported, "a held X-Wing recipient's wrap that lacks an octet"),
        Good::with_recipients("wrap-unknown-suite-of-two", &[Key::x25519("prod"), Key::x25519("stage")])
            .changed(|good| {
                good.edit_wrap(|octets| octets.push(0));
                good.held.clear();
            })
            .fails(Unsupported, "two recipients, none held, one of them of an unknown suite"),
    ]
}

fn keyless() -> Vec<Case> {
    vec![
        Good::strict("key-none").changed(|good| good.held.clear()).fails(NoKey, "no key at all"),
        Good::strict("key-other")
            .changed(|good| good.held = vec![Key::x25519("stage"), Key::x_wing("prod")])
            .fails(NoKey, "held keys that are no recipients, one of the recipient's seed and another suite"),
        Good::strict("key-of-one-data-key")
            .changed(|good| {
                let other = good.add_data_key(&[Key::x25519("stage")]);
                good.add_under(&other, "token", b"fresh");
            })
            .fails(NoKey, "a key for one of two data keys"),
        Good::strict("recipients-none")
            .changed(|good| good.entry()["recipients"] = serde_json::json!({}))
            .fails(NoKey, "a data key without recipients"),
        Good::strict("recipients-missing")
            .changed(|good| drop(good.entry().as_object_mut().expect("is a map").shift_remove("recipients")))
            .fails(NoKey, "recipients that are missing are none"),
        Good::strict("recipient-other")
            .changed(|good| {
                let octets = unbase64(good.wrap());
                good.rename_recipient(&Key::x25519("stranger").fingerprint());
                good.entry()["recipients"][Key::x25519("stranger").fingerprint()] = base64(&octets).into();
            })
            .fails(NoKey, "there is no trial: a wrap that would open stands under another fingerprint"),
    ]
}
