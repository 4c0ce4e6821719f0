//! `make timing`: does the time of an answer tell whether an address has an account (T09)?
//!
//! Asks the release server, one request after another, about addresses that have an account and others that have
//! none, in an order drawn by lot, on every route that takes an address from whoever asks; on both databases. A
//! report and no gate: a busy machine can make any clock say anything. What must hold at all times is counted
//! instead, in `tests/it/enumeration.rs`.

mod ranks;

use std::time::{Duration, Instant};

use portcullis::store::users::Status;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::ground::{Ground, PASSWORD};
use super::http::{Line, post};
use super::node::PublicUrl;
use super::report::quantile;

/// Nothing here may hang for ever.
pub const BOUND: Duration = Duration::from_hours(3);
/// How often each kind of address is asked about on each route, and in a quick look.
pub const FULL: usize = 2000;
pub const QUICK: usize = 200;
/// Asked before anything is noted.
const WARM_UP: usize = 25;
/// Between these nothing can be told.
const EXPECTED: std::ops::RangeInclusive<f64> = 0.45..=0.55;
/// What a stranger types.
const GUESS: &str = "not the password of anybody";

/// A route that takes an address from whoever asks.
struct Route {
    name: &'static str,
    path: &'static str,
    /// Part of its addresses: those of another route are left as they are.
    label: &'static str,
    /// What is typed beside the address.
    password: Option<&'static str>,
    /// Whether the caller is signed in.
    bearer: bool,
    /// Of the accounts that are asked about: the one for which the route does most.
    account: Status,
    answer: u16,
}

const ROUTES: [Route; 5] = [
    Route {
        name: "sign-in",
        path: "/api/auth",
        label: "sign",
        password: Some(GUESS),
        bearer: false,
        account: Status::Active,
        answer: 401,
    },
    Route {
        name: "registration",
        path: "/api/users",
        label: "make",
        password: Some(PASSWORD),
        bearer: false,
        account: Status::Active,
        answer: 202,
    },
    Route {
        name: "recovery",
        path: "/api/auth/recovery",
        label: "lost",
        password: None,
        bearer: false,
        account: Status::Active,
        answer: 202,
    },
    Route {
        name: "activation, once more",
        path: "/api/auth/activate",
        label: "send",
        password: None,
        bearer: false,
        account: Status::Pending,
        answer: 202,
    },
    Route {
        name: "another address",
        path: "/api/users/me/email",
        label: "move",
        password: Some(PASSWORD),
        bearer: true,
        account: Status::Active,
        answer: 202,
    },
];

impl Route {
    /// The `number`th address with an account, or without one: as long either way.
    fn address(&self, known: bool, number: usize) -> String {
        let kind = if known { "some" } else { "none" };
        format!("{kind}.{}{number:05}@example.org", self.label)
    }

    fn request(&self, email: &str, bearer: &str) -> Vec<u8> {
        let mut body = json!({ "email": email });
        if let Some(password) = self.password {
            body["password"] = password.into();
        }
        let bearer = if self.bearer { bearer } else { "" };
        post(self.path, bearer, &body.to_string())
    }
}

/// Milliseconds of each answer, by whether the address has an account.
#[derive(Default)]
struct Times {
    known: Vec<f64>,
    unknown: Vec<f64>,
}

/// Measures `count` answers of each kind for each route and prints a table.
pub async fn run(count: usize) -> anyhow::Result<()> {
    let site = PublicUrl::find()?;
    println!("{count} answers of each kind on each route, in an order drawn by lot; limits off.");
    println!(
        "AUC: how often a known address took longer than an unknown one; 0.5 when nothing tells them apart,"
    );
    println!("± its standard error then; expected are 0.45 to 0.55.\n");
    println!("database    route                    known (median)   unknown (median)   AUC");
    let databases = [
        ("SQLite", site.sqlite("timing")),
        ("PostgreSQL", site.postgres("timing").await?),
    ];
    for (name, database) in databases {
        on(&site, name, &database, count).await?;
    }
    Ok(())
}

async fn on(site: &PublicUrl, name: &str, database: &str, count: usize) -> anyhow::Result<()> {
    let ground = Ground::lay(database, &site.folder).await?;
    let hash = ground.hash().await?;
    for route in &ROUTES {
        let addresses = (0..count + WARM_UP).map(|number| route.address(true, number));
        ground.accounts(addresses, route.account, Some(&hash)).await?;
    }
    let (_, asker) = ground.users("asker", 1).await?.swap_remove(0);
    // After the accounts are there: it counts at its start what hashes there are.
    let node = site.node(database).await?;
    let mut line = Line::open(node.address).await?;
    let sign_in = json!({ "email": asker, "password": PASSWORD }).to_string();
    let answer = line.ask(&post("/api/auth", "", &sign_in)).await?;
    let pair: Value = serde_json::from_slice(answer.expect(200)?.body)?;
    let bearer = pair["access_token"].as_str().unwrap_or_default();
    for route in &ROUTES {
        let times = measure(&mut line, route, bearer, count).await?;
        print(name, route, times);
    }
    node.stop().await?;
    ground.close().await;
    Ok(())
}

/// Which of a pair comes first is drawn: what one request leaves to be done, such as a mail, meets the next one of
/// either kind.
async fn measure(line: &mut Line, route: &Route, bearer: &str, count: usize) -> anyhow::Result<Times> {
    let (mut times, mut lot) = (Times::default(), StdRng::seed_from_u64(9));
    for number in 0..count + WARM_UP {
        let first = lot.random_range(0..2) == 0;
        for known in [first, !first] {
            let request = route.request(&route.address(known, number), bearer);
            let began = Instant::now();
            line.ask(&request).await?.expect(route.answer)?;
            let time = began.elapsed().as_secs_f64() * 1e3;
            if number >= WARM_UP {
                let times = if known {
                    &mut times.known
                } else {
                    &mut times.unknown
                };
                times.push(time);
            }
        }
    }
    Ok(times)
}

fn print(database: &str, route: &Route, mut times: Times) {
    let auc = ranks::auc(&times.known, &times.unknown);
    let error = ranks::standard_error(times.known.len(), times.unknown.len());
    for times in [&mut times.known, &mut times.unknown] {
        times.sort_by(f64::total_cmp);
    }
    let [known, unknown] = [&times.known, &times.unknown].map(|times| quantile(times, 0.5));
    let verdict = if EXPECTED.contains(&auc) { "" } else { ": TELLS" };
    println!(
        "{database:<11} {:<24} {known:>11.2} ms   {unknown:>13.2} ms   {auc:.3} ± {error:.3}{verdict}",
        route.name
    );
}
