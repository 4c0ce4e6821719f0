//! The forms in which a secret could be told: as it is, as an address or a program would write it, and as the bits that
//! it stands for.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

/// What our tokens begin with.
const PREFIXES: [&str; 7] = ["pcm_", "pcr_", "pcs_", "pck_", "pcb_", "pci_", "pco_"];

/// Every form of `secret`, each long enough to be no chance.
pub fn forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let mut forms = vec![
        bytes.to_vec(),
        percent(secret, b"").into(),
        percent(secret, b" ").replace(' ', "+").into(),
        HEXLOWER.encode(bytes).into(),
        HEXUPPER.encode(bytes).into(),
        // As a list of numbers, which is how `Debug` shows bytes.
        numbers(bytes).into(),
    ];
    // Inside of a longer text base64 depends on where it begins: whole letters of each of the three ways.
    for skip in 0..3 {
        let Some(part) = bytes.get(skip..) else { continue };
        let whole = &part[..part.len() / 3 * 3];
        forms.push(BASE64.encode(whole).into());
        forms.push(BASE64URL.encode(whole).into());
    }
    let bare = PREFIXES
        .iter()
        .find_map(|prefix| secret.strip_prefix(prefix))
        .unwrap_or(secret);
    forms.push(bare.into());
    if let Ok(bits) = BASE64URL_NOPAD.decode(bare.as_bytes()) {
        forms.extend([
            BASE64_NOPAD.encode(&bits).into(),
            HEXLOWER.encode(&bits).into(),
            HEXUPPER.encode(&bits).into(),
            numbers(&bits).into(),
            bits,
        ]);
    }
    forms.retain(|form| form.len() >= 16);
    forms
}

fn percent(text: &str, plain: &[u8]) -> String {
    let written = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || plain.contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(written).collect()
}

fn numbers(bytes: &[u8]) -> String {
    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
    numbers.join(", ")
}

#[test]
fn t14_a_secret_is_found_in_every_form() {
    let secret = "canary &first/0123456789+word";
    let places = [
        format!("said {secret} aloud"),
        "x=canary%20%26first%2F0123456789%2Bword".to_owned(),
        "x=canary+%26first%2F0123456789%2Bword&y".to_owned(),
        format!("Basic {}", BASE64.encode(format!("ada:{secret}").as_bytes())),
        format!("Basic {}", BASE64URL.encode(format!("bob7:{secret}").as_bytes())),
        format!("{:?}", secret.as_bytes()),
        format!("\\x{}", HEXLOWER.encode(secret.as_bytes())),
    ];
    for place in places {
        assert_eq!(super::told(place.as_bytes(), [secret]), Some(secret), "{place}");
    }
    let bits = [7; 32];
    let token = format!("pcr_{}", BASE64URL_NOPAD.encode(&bits));
    assert!(super::told(&bits, [token.as_str()]).is_some());
    let nothing = b"nothing of it, whatever is said here";
    assert_eq!(super::told(nothing, [secret, &token]), None);
}
