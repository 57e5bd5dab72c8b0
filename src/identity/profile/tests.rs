//! What a line of profiles is, and that looking at the files costs nothing.

use std::path::Path;

use super::*;
use crate::aws::Environment;
use crate::clock::Clock;
use crate::config::identity::{S3, StsEndpoint};
use crate::identity::pace::Budget;
use crate::telemetry::Metrics;

fn source(home: &Path) -> FromProfile {
    let clock = Clock::system();
    let environment = Environment::from_iter([("HOME", home.to_str().unwrap())]);
    let aws = Aws::new(clock.clone(), environment).unwrap();
    let budget = Arc::new(Budget::new(clock, 60));
    let metrics = Arc::new(Metrics::new().unwrap());
    let sts = Sts::new(aws.clone(), StsEndpoint::default(), &S3::default(), None, budget, metrics);
    FromProfile::new(&aws, &sts, &Profile::default(), &Arc::new(Names::new()))
}

fn write(home: &Path, file: &str, text: &str) {
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    std::fs::write(home.join(".aws").join(file), text).unwrap();
}

const KEY: &str = "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret\n";

#[tokio::test]
async fn files_are_news_when_they_have_changed_and_only_then() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "credentials", KEY);
    let source = source(home.path());
    assert!(source.has_news().await, "nothing has been read yet");
    source.mint().await.map(drop).unwrap();
    assert!(!source.has_news().await);
    write(home.path(), "credentials", KEY);
    assert!(!source.has_news().await, "the same words are no news");
    write(home.path(), "config", "[default]\nregion = eu-central-1\n");
    assert!(source.has_news().await);
    source.mint().await.map(drop).unwrap();
    assert!(!source.has_news().await);
    std::fs::remove_file(home.path().join(".aws/credentials")).unwrap();
    assert!(source.has_news().await);
}

#[tokio::test]
async fn a_process_is_not_run_to_see_whether_it_has_news() {
    let home = tempfile::tempdir().unwrap();
    let runs = home.path().join("runs");
    write(home.path(), "config", &format!("[default]\ncredential_process = echo run >> {}; exit 1\n", runs.display()));
    let source = source(home.path());
    assert_eq!(source.mint().await.map(drop).unwrap_err().reason(), "PROFILE");
    for _ in 0..5 {
        assert!(!source.has_news().await);
    }
    assert_eq!(std::fs::read_to_string(runs).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn a_file_that_is_looked_for_may_be_missing_and_one_that_cannot_be_read_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    assert!(source(home.path()).look().await.unwrap().is_none());
    std::fs::create_dir_all(home.path().join(".aws/credentials")).unwrap();
    let refused = source(home.path()).look().await.map(drop).unwrap_err();
    assert!(refused.to_string().contains(".aws/credentials"), "{refused}");
}

/// The line in a word for each of its parts.
async fn line(config: &str) -> Result<String, String> {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "config", config);
    let environment = Environment::from_iter([("HOME", home.path().to_str().unwrap())]);
    let contents = Files::of(&Profile::default(), &environment).read().await.unwrap();
    let Some(line) = line::of(&contents.parse("top").await?)? else { return Ok("nothing".to_owned()) };
    let first = match &line.first {
        First::Keys(keys) => format!("keys {}", keys.id),
        First::Environment => "environment".to_owned(),
        First::Instance => "instance".to_owned(),
        First::Container => "container".to_owned(),
        First::Web(web) => format!("web {}", web.role_arn),
        First::Sso(sso) => format!("sso {} {}", sso.role, sso.region),
        First::Process(command) => format!("process {}", command.as_str()),
    };
    let hops = line.hops.iter().map(|hop| format!(" > {} {}", hop.role_arn, hop.duration.as_secs()));
    Ok(first + &hops.collect::<String>())
}

#[tokio::test]
async fn a_line_is_read_by_the_rules_of_the_sdks() {
    let keys = "aws_access_key_id = A\naws_secret_access_key = s\n";
    let other = |text: &str| format!("[profile other]\n{text}\n");
    let hop = "[profile top]\nrole_arn = R\nsource_profile = other\n";
    for (config, told) in [
        ("[profile top]\nregion = eu-west-1\n".to_owned(), "nothing"),
        (other(keys), "nothing"),
        (format!("[profile top]\n{keys}"), "keys A"),
        (format!("[profile top]\nrole_arn = R\nsource_profile = top\n{keys}"), "keys A > R 3600"),
        (format!("{hop}duration_seconds = 900\n{}", other(keys)), "keys A > R 900"),
        // Behind another profile static keys come first, in the profile itself the role does.
        (format!("{hop}{}{keys}", other("role_arn = Q\ncredential_source = Environment")), "keys A > R 3600"),
        (format!("{hop}{keys}{}", other("credential_process = run me")), "process run me > R 3600"),
        (format!("{hop}{}", other("role_arn = Q\ncredential_source = EcsContainer")), "container > Q 3600 > R 3600"),
        ("[profile top]\nrole_arn = R\nweb_identity_token_file = /t\n".to_owned(), "web R"),
        (format!("{hop}{}", other("role_arn = Q\nweb_identity_token_file = /t")), "web Q > R 3600"),
        ("[profile top]\ncredential_source = ec2instancemetadata\n".to_owned(), "instance"),
        (
            "[profile top]\nsso_account_id = 1\nsso_role_name = N\nsso_region = r\nsso_start_url = u\n".to_owned(),
            "sso N r",
        ),
        ("[profile top]\nsso_session = s\n[sso-session s]\nsso_region = r\nsso_start_url = u\n".to_owned(), "nothing"),
    ] {
        assert_eq!(line(&config).await.as_deref(), Ok(told), "{config}");
    }
    for (config, words) in [
        ("[profile top]\nrole_arn = R\n".to_owned(), "neither source_profile nor credential_source"),
        ("[profile top]\nrole_arn = R\nsource_profile = a\ncredential_source = Environment\n".to_owned(), "both"),
        (format!("{hop}{}", other("region = x")), "\"other\", from which a role is assumed, has no credentials"),
        ("[profile top]\nweb_identity_token_file = /t\n".to_owned(), "no role_arn"),
        ("[profile top]\nlogin_session = arn\n".to_owned(), "login_session"),
        (format!("{hop}mfa_serial = arn\n{}", other(keys)), "\"top\" has an mfa_serial"),
        (format!("{hop}{}mfa_serial = arn\n", other(keys)), "\"other\" has an mfa_serial"),
        ("[profile top]\nsso_session = s\nsso_account_id = 1\nsso_role_name = N\n".to_owned(), "[sso-session s]"),
        ("[profile top]\nsso_account_id = 1\nsso_region = r\nsso_start_url = u\n".to_owned(), "needs both"),
        (format!("{hop}duration_seconds = soon\n{}", other(keys)), "duration_seconds"),
        ("[profile top\n".to_owned(), "cannot be read"),
    ] {
        let refused = line(&config).await.unwrap_err();
        assert!(refused.contains(words), "{refused}\nrather than\n{words}");
    }
}
