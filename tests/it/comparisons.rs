//! T10: secrets are compared in constant time, or not at all. What holds a secret has no `==`, and each place
//! that holds what is presented against what is right does so by `subtle`.

use portcullis::secret::{MasterKey, PlainToken};
use secrecy::{SecretBox, SecretString};

/// Compiles only while none of these types has `==`: with it, either implementation would do, and the compiler
/// asks which.
macro_rules! have_no_equality {
    ($($secret:ty),*) => {$(
        const _: fn() = || {
            trait Either<Which> {
                fn is_one() {}
            }
            impl<T: ?Sized> Either<()> for T {}
            impl<T: ?Sized + PartialEq> Either<u8> for T {}
            <$secret as Either<_>>::is_one();
        };
    )*};
}

have_no_equality!(PlainToken, MasterKey, SecretString, SecretBox<[u8; 32]>);

/// Every place where a proof that somebody presents is judged by comparing it, and the comparison.
const JUDGED: [(&str, &str); 6] = [
    ("src/secret.rs", "self.0.ct_eq(stored).into()"),
    ("src/service_keys.rs", "let matches = given.matches(stored);"),
    (
        "src/sessions/trusted_browser.rs",
        "proof(&self.cx, facts, email).ct_eq(proven)",
    ),
    (
        "src/hub/bus/message.rs",
        "proof(link, stream, text).as_slice().ct_eq(&given)",
    ),
    ("src/hub/presence/entry.rs", ".ct_eq(proof.as_bytes())"),
    ("src/password/foreign.rs", "computed.ct_eq(digest)"),
];

#[test]
fn t10_what_is_presented_is_compared_in_constant_time() {
    for (file, comparison) in JUDGED {
        let text = std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        assert!(
            code.contains(comparison),
            "{file} compares otherwise than by `{comparison}`"
        );
    }
}
