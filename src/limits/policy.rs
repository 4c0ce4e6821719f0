//! Which buckets there are, and how large. `docs/SECURITY.md` lists them; a test holds the two together.

use crate::config;
use crate::hub::counters::Bucket;

const HOUR: u32 = 3_600;
const DAY: u32 = 86_400;

/// A guesser has 15 tries, one more every 4 s, after 40 one in 90 s, after 100 one in a quarter of an hour.
const GUESSES: &[(u32, u32, u32)] = &[(15, 15, 60), (40, 40, HOUR), (100, 100, DAY)];

#[derive(Debug)]
pub(super) struct Policy {
    pub sign_in: SignIn,
    pub mails: Mails,
    pub token: Token,
    pub sign_out: SignOut,
    /// No limit, but where one is noted: an account and the address where its owner has just proven to be it.
    pub proven: Bucket,
}

/// Tries to sign in. The first two count every try, the others those that were no success.
#[derive(Debug)]
pub(super) struct SignIn {
    pub total: Bucket,
    pub address: Bucket,
    /// One account from one address: what somebody who mistypes runs into first.
    pub pair: Bucket,
    /// One account from one browser that its owner trusts.
    pub browser: Bucket,
    /// One account from one session of its own: what somebody with a stolen access token runs into.
    pub session: Bucket,
    /// One account from all places that are new to it: what guessing from many addresses runs into.
    pub account: Bucket,
    /// One address, at accounts to which it is new: what stuffing runs into.
    pub failures: Bucket,
    /// All accounts, from all places that are new to them: what spraying runs into.
    pub spraying: Bucket,
}

/// Mails that somebody asks for.
#[derive(Debug)]
pub(super) struct Mails {
    pub total: Bucket,
    pub address: Bucket,
    /// One account from one address, on one route.
    pub pair: Bucket,
    /// One account from everywhere, on one route: nobody is refused, but no more mails are sent.
    pub account: Bucket,
}

/// Secrets of 256 bits that are presented.
#[derive(Debug)]
pub(super) struct Token {
    pub total: Bucket,
    pub address: Bucket,
}

/// Tries to sign out that ended nothing.
#[derive(Debug)]
pub(super) struct SignOut {
    /// Beyond it nobody is refused, but there is one at a time.
    pub address: Bucket,
    /// Other sessions of one's own, by one session.
    pub session: Bucket,
}

impl Policy {
    pub(super) fn new(config: &config::Limits) -> Self {
        let failures = config.failures;
        Self {
            sign_in: SignIn {
                total: Bucket::new("sign_in:total", &[(500, 100, 1)]),
                address: Bucket::new("sign_in:address", &[(60, 60, 60)]),
                pair: Bucket::new("sign_in:pair", GUESSES),
                browser: Bucket::new("sign_in:browser", GUESSES),
                session: Bucket::new("sign_in:session", GUESSES),
                account: Bucket::new("sign_in:account", &[(20, 40, HOUR), (60, 100, DAY)]),
                failures: Bucket::new("sign_in:failures", &[(100, 200, HOUR), (300, 600, DAY)]),
                spraying: Bucket::new("sign_in:spraying", &[(failures / 6, failures, HOUR)]),
            },
            mails: Mails {
                total: Bucket::new("mails:total", &[(500, 50, 1)]),
                address: Bucket::new("mails:address", &[(50, 100, HOUR)]),
                pair: Bucket::new("mails:pair", &[(5, 10, HOUR)]),
                account: Bucket::new("mails:account", &[(10, 20, HOUR)]),
            },
            token: Token {
                total: Bucket::new("token:total", &[(5_000, 2_000, 1)]),
                address: Bucket::new("token:address", &[(240, 600, 60)]),
            },
            sign_out: SignOut {
                address: Bucket::new("sign_out:address", &[(240, 600, 60)]),
                session: Bucket::new("sign_out:session", &[(30, 60, 60)]),
            },
            // What is taken is back, and so forgotten, after a day.
            proven: Bucket::new("sign_in:proven", &[(100, 1, DAY)]),
        }
    }

    /// Every limit, in the order of the document.
    pub(super) fn all(&self) -> [&Bucket; 16] {
        let Self {
            sign_in,
            mails,
            token,
            sign_out,
            proven: _,
        } = self;
        [
            &sign_in.total,
            &sign_in.address,
            &sign_in.pair,
            &sign_in.browser,
            &sign_in.session,
            &sign_in.account,
            &sign_in.failures,
            &sign_in.spraying,
            &mails.total,
            &mails.address,
            &mails.pair,
            &mails.account,
            &token.total,
            &token.address,
            &sign_out.address,
            &sign_out.session,
        ]
    }
}
