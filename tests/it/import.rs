//! `portcullis user import`: what it writes, what it tells of rows that it does not, and that running it twice
//! changes nothing.

use serde_json::{Value, json};

use crate::support::binary::Installation;
use crate::support::people::BCRYPT;
use crate::support::sql;

const USERS: &str =
    "select email || ' ' || status || ' ' || site_role || ' ' || coalesce(name, '-') from users
    order by email";

/// Writes a file into the installation's folder.
fn write(installation: &Installation, name: &str, lines: &[String]) {
    let path = installation.folder.path().join(name);
    std::fs::write(path, lines.join("\n")).unwrap();
}

/// Runs the import with `--json`; gives the exit code, the report and what was said beside it.
async fn import(installation: &Installation, arguments: &[&str]) -> (i32, Value, String) {
    let arguments = [&["user", "import", "--json"], arguments].concat();
    let output = installation.run(&arguments).await;
    let said = String::from_utf8(output.stderr).unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), report, said)
}

async fn users(installation: &Installation) -> Vec<String> {
    let rows = sql::texts(installation.database_url(), USERS).await;
    rows.into_iter().map(|row| row.unwrap()).collect()
}

fn mixed() -> Vec<String> {
    [
        json!({ "email": "Ada@Example.org", "password_hash": BCRYPT, "name": " Ada ", "role": "moderator",
            "email_verified": true, "created_at": "2020-02-29T12:00:00Z" }),
        json!({ "email": "bob@example.org" }),
        json!({ "email": "not an address", "name": "x".repeat(101) }),
        json!({ "email": "eve@example.org", "password_hash": BCRYPT.replace("$04$", "$31$") }),
        json!({ "email": "ada@example.org" }),
        json!({ "email": "mallory@example.org", "role": "emperor" }),
        json!({ "email": "carol@example.org", "email_verified": true }),
    ]
    .map(|row| row.to_string())
    .to_vec()
}

#[tokio::test]
async fn rows_are_written_and_each_that_is_not_is_told_with_its_line_and_what_to_do() {
    let installation = Installation::new().await;
    write(&installation, "people.jsonl", &mixed());
    let (code, dry, _) = import(&installation, &["people.jsonl", "--dry-run"]).await;
    assert_eq!((code, &dry["dry_run"]), (1, &json!(true)));
    assert_eq!(users(&installation).await, Vec::<String>::new());

    let (code, report, said) = import(&installation, &["people.jsonl"]).await;
    assert_eq!(code, 1, "rows were refused");
    assert!(said.contains("4 row(s) were refused"), "{said}");
    assert_eq!(report["lines"], dry["lines"], "a dry run tells the same");
    assert_eq!(
        (&report["created"], &report["existing"], &report["refused"]),
        (&json!(3), &json!(0), &json!(4))
    );
    // People are written after the rows around them were read, so order is by batch.
    for (line, said) in [
        (3, "email: not an e-mail address"),
        (3, "name: A name has at most 100"),
        (4, "at most 14 are taken"),
        (5, "line 1 has the same address"),
        (6, "there is no role `emperor`"),
    ] {
        let told = report["lines"].as_array().unwrap().iter();
        let row = told.clone().find(|row| row["line"] == line).unwrap();
        assert_eq!(row["outcome"], "refused");
        assert!(row["detail"].as_str().unwrap().contains(said), "{row}");
    }
    assert!(!report.to_string().contains("$2b$"), "no hash is repeated");
    assert_eq!(
        users(&installation).await,
        [
            "ada@example.org active moderator Ada",
            "bob@example.org pending user -",
            "carol@example.org active user -",
        ]
    );
    let ada: Value = serde_json::from_str(
        &installation
            .ask(&["user", "show", "ada@example.org", "--json"])
            .await,
    )
    .unwrap();
    assert_eq!(ada["created_at"], "2020-02-29T12:00:00Z");
    assert_eq!(
        (&ada["email_verified"], &ada["version"]),
        (&json!(true), &json!(1))
    );
    let audit =
        "select cast(count(*) as text) from audit where action = 'user.import' and actor = 'operator'";
    let audit = sql::texts(installation.database_url(), audit).await;
    assert_eq!(audit, [Some("3".to_owned())]);
}

#[tokio::test]
async fn who_exists_stays_as_they_are() {
    let installation = Installation::new().await;
    // More than a batch, and a batch that ends in the middle.
    let person = |number: u32| json!({ "email": format!("person{number}@example.org") }).to_string();
    let people: Vec<_> = (0..450).map(person).collect();
    write(&installation, "people.jsonl", &people);
    let (code, report, said) = import(&installation, &["people.jsonl"]).await;
    assert_eq!((code, &report["created"]), (0, &json!(450)), "{said}");
    let before = users(&installation).await;
    let changed: Vec<_> = (0..450)
        .map(|number| {
            json!({ "email": format!("person{number}@example.org"), "role": "admin", "email_verified": true,
                "password_hash": BCRYPT })
            .to_string()
        })
        .collect();
    write(&installation, "people.jsonl", &changed);
    let (code, report, said) = import(&installation, &["people.jsonl"]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(
        (&report["created"], &report["existing"]),
        (&json!(0), &json!(450))
    );
    assert_eq!(report["lines"][7]["line"], 8);
    assert_eq!(report["lines"][7]["outcome"], "exists");
    assert_eq!(users(&installation).await, before);
}

#[tokio::test]
async fn csv_is_taken_as_well_and_the_report_is_for_people_too() {
    let installation = Installation::new().await;
    let rows = [
        "email,name,password_hash,email_verified".to_owned(),
        format!("ada@example.org,\"Lovelace, Ada\",{BCRYPT},t"),
        "bob@example.org,Bob,,".to_owned(),
        "eve@example.org,Eve\u{7},,".to_owned(),
        "ada@example.org,Ada".to_owned(),
    ];
    write(&installation, "people.csv", &rows);
    let output = installation.run(&["user", "import", "people.csv"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].starts_with("line 4: refused: name: "), "{said}");
    assert!(lines[1].starts_with("line 5: refused: 2 columns"), "{said}");
    assert_eq!(lines[2..], ["2 created, 0 existing, 2 refused"]);
    assert_eq!(
        users(&installation).await,
        [
            "ada@example.org active user Lovelace, Ada",
            "bob@example.org pending user Bob",
        ]
    );
    let said = installation
        .ask_with(&["user", "import", "-"], "email,name\ncarol@example.org,Carol\n")
        .await;
    assert_eq!(said, "1 created, 0 existing, 0 refused\n");
    assert_eq!(
        users(&installation).await[2..],
        ["carol@example.org pending user Carol"]
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_imported_ends_with_1_and_says_why() {
    let installation = Installation::new().await;
    write(&installation, "empty.csv", &[]);
    write(
        &installation,
        "clear.csv",
        &["email,password".to_owned(), "ada@example.org,secret".to_owned()],
    );
    for (file, wanted) in [
        ("nothing.csv", "cannot be opened"),
        ("empty.csv", "empty"),
        ("clear.csv", "passwords in clear"),
    ] {
        let (code, report, said) = import(&installation, &[file]).await;
        assert_eq!((code, report), (1, Value::Null), "{file}");
        assert!(said.contains(file) && said.contains(wanted), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
    assert_eq!(installation.run(&["user", "import"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn without_a_hash_a_recovery_mail_is_the_way_in() {
    let mut installation = Installation::new().await;
    installation.set("PORTCULLIS_LIMITS__ENABLED", "false");
    let people = [
        json!({ "email": "ada@example.org", "email_verified": true }).to_string(),
        json!({ "email": "bob@example.org", "name": "Bob" }).to_string(),
    ];
    write(&installation, "people.jsonl", &people);
    let server = installation.serve().await;
    // Beside the running hub.
    let (code, _, said) = import(&installation, &["people.jsonl"]).await;
    assert_eq!(code, 0, "{said}");
    let hub = &server.caller;
    for email in ["ada@example.org", "bob@example.org"] {
        hub.try_sign_in(email, "")
            .await
            .problem(401, "invalid_credentials");
        hub.post("/api/auth/recovery", json!({ "email": email }))
            .await
            .expect(202);
        let token = hub.mailed_token(email, 1).await;
        let password = json!({ "password": crate::support::people::PASSWORD });
        hub.post(&format!("/api/auth/recovery/{token}"), password)
            .await
            .expect(204);
        hub.sign_in(email).await;
    }
}
