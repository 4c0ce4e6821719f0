//! Proofs on small lists: every line is found and nothing else is, and what is no such list is refused.

use data_encoding::HEXUPPER;
use secrecy::SecretString;

use super::*;
use crate::config;
use crate::password::{Hasher, policy};

/// A file that goes away with the test.
struct Temporary(PathBuf);

impl Temporary {
    fn with(name: &str, content: &str) -> Self {
        let path = std::env::temp_dir().join(format!("portcullis-breached-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// SHA-1 of `password`, of nothing, and of `123456`, by `sha1sum`; in no order.
const KNOWN: [(&str, &str); 3] = [
    ("password", "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8"),
    ("", "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"),
    ("123456", "7C4A8D09CA3762AF61E59520943DC26494F8941B"),
];

const OTHER_FORM: &str = "40 hexadecimal digits, a colon, a number";

/// A list of `passwords` in order, its lines of several lengths.
fn list_of<'a>(passwords: impl IntoIterator<Item = &'a str>, newline: &str) -> String {
    let hash = |text: &str| {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        HEXUPPER.encode(hash.as_ref())
    };
    let mut hashes: Vec<String> = passwords.into_iter().map(hash).collect();
    hashes.sort_unstable();
    let lines = hashes.iter().enumerate();
    let lines = lines.map(|(number, hash)| format!("{hash}:{}{newline}", "1".repeat(1 + number % 9)));
    lines.collect::<Vec<_>>().concat()
}

#[test]
fn known_hashes_are_found_in_either_case_and_passwords_as_typed() {
    let mut lines = KNOWN.map(|(_, hash)| format!("{hash}:3\n"));
    lines.sort_unstable();
    for content in [lines.concat(), lines.concat().to_lowercase()] {
        let file = Temporary::with("known", &content);
        let list = Breached::open(&file.0).unwrap();
        for (password, _) in KNOWN {
            assert!(list.contains(password).unwrap(), "{password}");
        }
        for other in ["Password", "password ", " ", "1234567"] {
            assert!(!list.contains(other).unwrap(), "{other}");
        }
    }
}

#[test]
fn every_line_is_found_and_nothing_else_in_lists_of_any_size_and_either_end() {
    let passwords: Vec<String> = (0..2000).map(|number| format!("password {number}")).collect();
    for size in [1, 2, 3, 7, 64, 1000] {
        let (inside, outside) = passwords.split_at(size);
        let inside = || inside.iter().map(String::as_str);
        let unix = list_of(inside(), "\n");
        let cut = unix.trim_end().to_owned();
        for content in [unix, cut, list_of(inside(), "\r\n")] {
            let file = Temporary::with("sizes", &content);
            let list = Breached::open(&file.0).unwrap();
            for text in inside() {
                assert!(list.contains(text).unwrap(), "{text} of {size}");
            }
            for text in outside {
                assert!(!list.contains(text).unwrap(), "{text} beside {size}");
            }
        }
    }
}

#[test]
fn what_is_no_such_list_is_refused_with_its_name_and_what_to_do() {
    let whole = list_of((0..500).map(|_| "").chain(["x", "y"]), "\n");
    let reversed = whole.lines().rev().collect::<Vec<_>>().join("\n");
    let cut = &whole[..whole.len() - 20];
    for (content, told) in [
        ("", "is empty"),
        ("\n", OTHER_FORM),
        ("password\n123456\n", OTHER_FORM),
        // The list of NTLM hashes, which is offered beside the right one.
        ("8846F7EAEE8FB117AD06BDD830B7586C:3\n", OTHER_FORM),
        ("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8\n", OTHER_FORM),
        ("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:\n", OTHER_FORM),
        ("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:many\n", OTHER_FORM),
        ("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FDX:3\n", OTHER_FORM),
        (cut, "not downloaded to its end"),
        (reversed.as_str(), "not ordered by hash"),
    ] {
        let file = Temporary::with("unfit", content);
        let unfit = Breached::open(&file.0).unwrap_err().to_string();
        assert!(unfit.contains(told), "{content:.60}: {unfit}");
        assert!(unfit.starts_with(file.0.to_str().unwrap()), "{unfit}");
    }
    let folder = Breached::open(&std::env::temp_dir()).unwrap_err().to_string();
    assert!(folder.ends_with("is not a file"), "{folder}");
    let missing = Breached::open(Path::new("/nonexistent")).unwrap_err().to_string();
    assert!(missing.starts_with("/nonexistent cannot be read"), "{missing}");
}

/// What tells where a search failed would tell what the password's hash begins with.
#[test]
fn a_list_that_fails_later_lets_no_password_through_and_does_not_say_where() {
    let whole = list_of((0..500).map(|_| "x"), "\n");
    for (name, later) in [("truncated", ""), ("overwritten", &*"?".repeat(whole.len()))] {
        let file = Temporary::with(name, &whole);
        let list = Breached::open(&file.0).unwrap();
        assert!(!list.contains("y").unwrap());
        std::fs::write(&file.0, later).unwrap();
        let typed = SecretString::from("plinth gravel otter quench");
        let error = policy::check(typed, "password", &[], Some(&list)).unwrap_err();
        let error = error.to_string();
        assert!(!error.contains(|c: char| c.is_ascii_digit()), "{error}");
    }
}

#[tokio::test]
async fn a_breached_password_is_refused_and_a_list_that_will_not_do_is_a_fault() {
    let breached = "plinth gravel otter quench";
    let file = Temporary::with("hasher", &list_of([breached, "password1234"], "\n"));
    let config = config::Passwords {
        breached: Some(file.0.clone()),
        memory_kib: 1024,
        iterations: 1,
        ..config::Passwords::default()
    };
    let hasher = Hasher::new(&config).unwrap();
    let check = async |text: &str| {
        let typed = SecretString::from(text.to_owned());
        hasher.check(&typed, "password", &[]).await.unwrap()
    };
    let fault = check(breached).await.unwrap_err();
    assert_eq!((fault.field.as_str(), fault.code), ("password", "weak_password"));
    assert!(fault.detail.contains("broken into"), "{}", fault.detail);
    check("plinth gravel otter quenched").await.unwrap();
    // What is easy to guess is told as such, listed or not.
    assert!(
        !check("password1234")
            .await
            .unwrap_err()
            .detail
            .contains("broken into")
    );
    std::fs::write(&file.0, "no list").unwrap();
    assert!(Hasher::new(&config).is_err());
}
