//! T05: thousands of altered tokens, for access and for sockets, drawn from a seed, of which none is accepted.
//!
//! Each is made from a good token: characters and bytes changed, parts cut, swapped, repeated or written
//! differently, headers and claims rewritten and signed with other keys. The service judges all of them, the
//! server over HTTP every tenth that fits into a header, and over a socket every fiftieth.

use std::collections::BTreeSet;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use portcullis::secret::PlainToken;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::jwt::{kid, part};

const MUTANTS: usize = 5_000;
const SEED: u64 = 5;
/// The order of the curve's group, little-endian: `S + L` is the same signature to who does not check it.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Makes mutants of one token.
struct Mutator {
    dice: StdRng,
    good: String,
    /// The raw bytes of header, claims and signature.
    parts: [Vec<u8>; 3],
    header: Value,
    claims: Value,
    /// The public key that verifies it.
    public: Vec<u8>,
    /// A key that we never published.
    foreign: Ed25519KeyPair,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL_NOPAD.encode(bytes.as_ref())
}

impl Mutator {
    fn new(good: &str, public: Vec<u8>) -> Self {
        let parts: Vec<Vec<u8>> = good
            .split('.')
            .map(|part| BASE64URL_NOPAD.decode(part.as_bytes()).unwrap())
            .collect();
        Self {
            dice: StdRng::seed_from_u64(SEED),
            good: good.to_owned(),
            parts: parts.try_into().unwrap(),
            header: part(good, 0),
            claims: part(good, 1),
            public,
            foreign: Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.dice.random_range(0..bound)
    }

    fn one_of<T: Clone>(&mut self, items: &[T]) -> T {
        let at = self.below(items.len());
        items[at].clone()
    }

    fn join(parts: &[Vec<u8>; 3]) -> String {
        parts.iter().map(encode).collect::<Vec<_>>().join(".")
    }

    fn next(&mut self) -> String {
        match self.below(8) {
            0 => self.with_another_character(),
            1 => self.with_other_bits(),
            2 => self.cut_or_stretched(),
            3 => self.with_other_parts(),
            4 => self.with_another_signature(),
            5 => self.with_another_header(),
            6 => self.with_other_claims(),
            _ => self.signed_by_another(),
        }
    }

    /// One to three characters of the text are others, of the alphabet or of none.
    fn with_another_character(&mut self) -> String {
        const LETTERS: &[u8] = b"ABCXYZabcxyz0189-_+/=. \t\n\0%,\"\\{}";
        let mut text = self.good.clone().into_bytes();
        for _ in 0..=self.below(3) {
            let at = self.below(text.len());
            let letter = self.one_of(LETTERS);
            match self.below(3) {
                0 => text[at] = letter,
                1 => text.insert(at, letter),
                _ => drop(text.remove(at)),
            }
        }
        String::from_utf8(text).unwrap()
    }

    /// Up to four bits are turned in one part.
    fn with_other_bits(&mut self) -> String {
        let mut parts = self.parts.clone();
        let which = self.below(3);
        for _ in 0..=self.below(4) {
            let at = self.below(parts[which].len() * 8);
            parts[which][at / 8] ^= 1 << (at % 8);
        }
        Self::join(&parts)
    }

    fn cut_or_stretched(&mut self) -> String {
        let (at, how) = (self.below(self.good.len()), self.below(5));
        let (head, tail) = self.good.split_at(at);
        match how {
            0 => head.to_owned(),
            1 => tail.to_owned(),
            2 => format!("{}{tail}", self.good),
            3 => format!("{head}{}", self.good),
            _ => format!("{}{}", self.good, "A".repeat(at % 9 + 1)),
        }
    }

    /// Parts in another order, left out, doubled, or in another writing of base64.
    fn with_other_parts(&mut self) -> String {
        let parts: Vec<String> = self.good.split('.').map(str::to_owned).collect();
        let count = self.below(5);
        let picked: Vec<String> = (0..count).map(|_| self.one_of(&parts)).collect();
        let which = self.below(3);
        let padded = data_encoding::BASE64.encode(&self.parts[which]);
        let hex = data_encoding::HEXLOWER.encode(&self.parts[which]);
        // The last character carries bits that no byte has; other ones there say the same to who is lax.
        let mut lax = self.good.clone();
        let last = lax.pop().unwrap();
        let other = if last == 'A' {
            'B'
        } else {
            char::from(last as u8 + 1)
        };
        lax.push(if other.is_ascii_alphanumeric() { other } else { 'B' });
        let mut rewritten = parts;
        rewritten[which] = self.one_of(&[padded, hex, String::new()]);
        self.one_of(&[
            picked.join("."),
            rewritten.join("."),
            lax,
            format!("{}=", self.good),
        ])
    }

    /// The same message under a signature that is nearly right, trivial, or of something else.
    fn with_another_signature(&mut self) -> String {
        let mut parts = self.parts.clone();
        let signature = &mut parts[2];
        match self.dice.random_range(0..7) {
            0 => signature.fill(0),
            1 => signature[..32].fill(0),
            2 => signature[32..].fill(0),
            3 => signature.rotate_left(32),
            4 => {
                let mut carry = 0;
                for (byte, order) in signature[32..].iter_mut().zip(L) {
                    let sum = u16::from(*byte) + u16::from(order) + carry;
                    (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
                }
            }
            5 => self.dice.fill(signature.as_mut_slice()),
            _ => signature.truncate(self.dice.random_range(0..64)),
        }
        Self::join(&parts)
    }

    /// Another header, under the old signature or none.
    fn with_another_header(&mut self) -> String {
        let kid = self.header["kid"].clone();
        let text = kid.as_str().unwrap();
        let mut header = self.header.clone();
        match self.below(4) {
            0 => {
                let names = [
                    "none", "None", "NONE", "HS256", "HS512", "RS256", "ES256", "PS256", "Ed25519", "eddsa",
                    "",
                ];
                header["alg"] = json!(self.one_of(&names));
            }
            1 => {
                let types = [
                    "JWT",
                    "socket+jwt",
                    "at+jwt",
                    "probe",
                    "at+jwt ",
                    "",
                    "id+jwt",
                    "jwt",
                ];
                header["typ"] = json!(self.one_of(&types));
            }
            2 => {
                let paths = format!("../{text}");
                let upper = text.to_uppercase();
                let names = [
                    paths.as_str(),
                    "/dev/null",
                    "' or '1'='1",
                    "\u{0}",
                    "",
                    &upper,
                    &text[1..],
                    "0",
                ];
                header["kid"] = json!(self.one_of(&names));
            }
            _ => {
                let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(self.foreign.public_key()) });
                let extra = [
                    ("jku", json!("https://evil.example.org/jwks.json")),
                    ("x5u", json!("https://evil.example.org/x")),
                    ("jwk", jwk),
                    ("crit", json!(["exp"])),
                    ("b64", json!(false)),
                    ("zip", json!("DEF")),
                ];
                let (name, value) = self.one_of(&extra);
                header[name] = value;
            }
        }
        let mut parts = self.parts.clone();
        parts[0] = header.to_string().into_bytes();
        if self.below(2) == 0 {
            parts[2].clear();
        }
        Self::join(&parts)
    }

    /// Claims that would be worth something, under the old signature.
    fn with_other_claims(&mut self) -> String {
        let mut parts = self.parts.clone();
        parts[1] = self.other_claims().to_string().into_bytes();
        Self::join(&parts)
    }

    fn other_claims(&mut self) -> Value {
        let exp = self.claims["exp"].as_i64().unwrap();
        let changes = [
            ("exp", json!(exp + self.dice.random_range(1..1_000_000))),
            ("exp", json!((exp + 1).to_string())),
            ("role", json!("admin")),
            ("sub", json!(uuid::Uuid::from_u128(self.dice.random()))),
            ("sid", json!(uuid::Uuid::from_u128(self.dice.random()))),
            ("aud", json!("https://elsewhere.example.org")),
            ("ver", json!(self.dice.random_range(2..1_000))),
            ("jti", json!(format!("x.{}", self.dice.random_range(0..99)))),
            ("nbf", Value::Null),
        ];
        let mut claims = self.claims.clone();
        let (name, value) = self.one_of(&changes);
        claims[name] = value;
        claims
    }

    /// A right signature by a key that is not ours, under our key's name, or by our public key as a secret.
    fn signed_by_another(&mut self) -> String {
        let claims = if self.below(2) == 0 {
            self.claims.clone()
        } else {
            self.other_claims()
        };
        let mut header = self.header.clone();
        if self.below(3) == 0 {
            header["alg"] = json!("HS256");
            let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
            let secrets = [self.public.clone(), encode(&self.public).into_bytes(), Vec::new()];
            let secret = EncodingKey::from_secret(&self.one_of(&secrets));
            let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &secret, Algorithm::HS256);
            return format!("{message}.{}", signature.unwrap());
        }
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        format!("{message}.{}", encode(self.foreign.sign(message.as_bytes())))
    }
}

/// The public key that verifies `token`.
async fn public_key(hub: &TestApp, token: &str) -> Vec<u8> {
    let set = hub.get("/.well-known/jwks.json").await.expect(200).json();
    let kid = kid(token);
    let key = set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == kid);
    let public = BASE64URL_NOPAD.decode(key.unwrap()["x"].as_str().unwrap().as_bytes());
    public.unwrap()
}

/// So many mutants of `token`, each another one.
async fn mutants_of(hub: &TestApp, token: &str) -> BTreeSet<String> {
    let mut mutator = Mutator::new(token, public_key(hub, token).await);
    let mut mutants = BTreeSet::new();
    while mutants.len() < MUTANTS {
        let mutant = mutator.next();
        if mutant != token {
            mutants.insert(mutant);
        }
    }
    mutants
}

#[tokio::test]
async fn t05_of_5000_mutants_of_an_access_token_none_is_accepted() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in("ada@example.org", "admin").await;
    let mutants = mutants_of(&hub, &pair.access).await;
    let accepts = async |token: &str| {
        hub.app
            .sessions
            .authenticate(&PlainToken::presented(token))
            .await
            .is_ok()
    };
    // Before, so that whatever is remembered of the good one is of no use to the others.
    assert!(accepts(&pair.access).await);
    for (number, mutant) in mutants.iter().enumerate() {
        assert!(!accepts(mutant).await, "accepted: {mutant}");
        let fits = !mutant.is_empty() && mutant.bytes().all(|byte| byte.is_ascii_graphic());
        if number % 10 == 0 && fits {
            hub.get_as(mutant, "/api/users/me")
                .await
                .problem(401, "invalid_token");
        }
    }
    assert!(accepts(&pair.access).await, "the good one still is");
}

#[tokio::test]
async fn t05_of_5000_mutants_of_a_socket_token_none_opens_a_socket() {
    // Time stands still: the token is as good at the end as at the beginning.
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, pair) = hub.signed_in("ada@example.org", "admin").await;
    let token = hub.socket_token(&pair.access).await;
    let accepts = async |token: &str| {
        hub.app
            .sessions
            .verify_socket_token(&PlainToken::presented(token))
            .await
            .is_ok()
    };
    assert!(accepts(&token).await);
    for (number, mutant) in mutants_of(&hub, &token).await.iter().enumerate() {
        assert!(!accepts(mutant).await, "accepted: {mutant}");
        if number % 50 == 0 {
            let mut socket = hub.connect().await;
            socket.hello(mutant).await;
            assert_eq!(socket.closed().await, 4102, "{mutant}");
        }
    }
    // None of them has spent it.
    let mut socket = hub.connect().await;
    socket.hello(&token).await;
    socket.frame("ready").await;
}
