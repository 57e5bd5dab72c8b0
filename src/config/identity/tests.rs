//! Identities as a file writes them: what is refused, and in which words.

use std::path::PathBuf;

use super::*;
use crate::config::{Config, Surroundings};

const ROLE: &str = "arn:aws:iam::123456789012:role/uploads";

fn parse(text: &str) -> Result<Config, crate::config::Error> {
    let home = Some(PathBuf::from("/home/web"));
    let surroundings = Surroundings {
        runtime_directory: None,
        xdg_runtime_dir: None,
        state_directory: None,
        xdg_state_home: None,
        home,
        uid: 1000,
    };
    Config::parse(text, &surroundings)
}

fn one(body: &str) -> Result<Identity, crate::config::Error> {
    let name = IdentityName::parse("web").unwrap();
    parse(&format!("[identity.web]\n{body}")).map(|config| config.identities[&name].clone())
}

#[test]
fn a_full_role_is_read_with_every_value() {
    let text = format!(
        "source = \"assume-role\"\nrole_arn = \"{ROLE}\"\nexternal_id = \"ab-1\"\nduration = \"2h\"\nheadroom = \"40m\"\n\
         min_pause = \"20s\"\nsession_policy = '{{\"Statement\": []}}'\npolicy_arns = [\"arn:aws:iam::aws:policy/Read\"]\n\
         tags = {{ team = \"web\" }}\ntransitive_tag_keys = [\"team\"]\nsource_identity = \"web\"\n\
         [identity.web.sts]\nregion = \"eu-central-1\"\nfips = true\n\
         [identity.web.s3]\nregion = \"eu-west-1\"\naddressing = \"path\"\n"
    );
    let identity = one(&text).unwrap();
    let Source::AssumeRole(role) = &identity.source else { panic!("an assume-role") };
    assert_eq!(role.duration, Duration::from_secs(7200));
    assert_eq!(identity.headroom, Some(Duration::from_secs(2400)));
    assert_eq!(role.scope.tags, [("team".to_owned(), "web".to_owned())]);
    assert_eq!(role.session_name_prefix, "presignd");
    assert_eq!(identity.sts.fips, Some(true));
    assert_eq!(identity.s3.addressing.style, crate::s3::Style::Path);
}

#[test]
fn every_impossible_identity_is_refused_by_its_key() {
    let role = format!("source = \"assume-role\"\nrole_arn = \"{ROLE}\"\n");
    let cases = [
        ("source = \"assume-role\"", "identity.web.role_arn"),
        ("source = \"key-file\"", "identity.web.path"),
        ("source = \"key-file\"\npath = \"relative\"", "identity.web.path"),
        ("source = \"environment\"\nrole_arn = \"x\"", "identity.web.role_arn"),
        ("source = \"default\"\nduration = \"1h\"", "identity.web.duration"),
        ("source = \"session-token\"\ntags = {}", "identity.web.tags"),
        ("source = \"session-token\"\nduration = \"37h\"", "identity.web.duration"),
        ("source = \"federation-token\"\nduration = \"10m\"", "identity.web.duration"),
        (
            "source = \"federation-token\"\nsession_name_prefix = \"a-prefix-of-17-ch\"",
            "identity.web.session_name_prefix",
        ),
        ("source = \"default\"\nmin_pause = \"0s\"", "identity.web.min_pause"),
        ("source = \"environment\"\nassume_life = \"59s\"", "identity.web.assume_life"),
        ("source = \"profile\"\nassume_life = \"37h\"", "identity.web.assume_life"),
        ("source = \"instance\"\nassume_life = \"15m\"", "identity.web.assume_life"),
        ("source = \"container\"\nassume_life = \"15m\"", "identity.web.assume_life"),
        ("source = \"web-identity\"\nassume_life = \"15m\"", "identity.web.assume_life"),
        ("source = \"default\"\n[identity.web.s3]\nendpoint_url = \"ftp://host\"", "identity.web.s3.endpoint_url"),
        ("source = \"default\"\n[identity.web.s3]\nendpoint_url = \"http://u:p@host\"", "identity.web.s3.endpoint_url"),
        ("source = \"default\"\n[identity.web.s3]\nregion = \"EU\"", "identity.web.s3.region"),
        ("source = \"default\"\n[identity.web.s3]\nregion = \"frankfurt\"", "identity.web.s3.region"),
        ("source = \"default\"\n[identity.web.s3]\nendpoint_url = \"http://h\"\nfips = true", "identity.web.s3.fips"),
        ("source = \"default\"\n[sts]\ncalls_per_minute = 0", "sts.calls_per_minute"),
    ];
    for (text, key) in cases {
        assert_eq!(one(text).map(drop).unwrap_err().key, key, "{text}");
    }
    let roles = [
        ("duration = \"13h\"", "duration"),
        ("duration = \"14m\"", "duration"),
        ("headroom = \"1h\"", "headroom"),
        ("headroom = \"3590s\"\nmin_pause = \"1m\"", "min_pause"),
        ("token_file = \"/token\"", "token_file"),
        ("transitive_tag_keys = [\"team\"]", "transitive_tag_keys"),
        ("session_policy = \"allow all\"", "session_policy"),
        ("policy_arns = [\"read\"]", "policy_arns"),
        ("tags = { \"AWS:team\" = \"web\" }", "tags"),
        ("s3 = { region = \"cn-north-1\" }", "s3.region"),
        ("external_id = \"a\"", "external_id"),
        ("session_name_prefix = \"a b\"", "session_name_prefix"),
        ("base = \"nobody\"", "base"),
        ("base = \"web\"", "base"),
    ];
    for (text, key) in roles {
        let refused = one(&format!("{role}{text}")).map(drop).unwrap_err();
        assert_eq!(refused.key, format!("identity.web.{key}"), "{text}");
    }
    let role = "source = \"assume-role\"\nrole_arn = \"arn:aws:iam::123:role/a\"";
    assert_eq!(one(role).map(drop).unwrap_err().key, "identity.web.role_arn");
}

#[test]
fn a_life_is_vouched_for_where_a_source_may_not_tell_it() {
    for source in ["default", "environment", "profile", "key-file\"\npath = \"/key"] {
        let identity = one(&format!("source = \"{source}\"\nassume_life = \"15m\"")).unwrap();
        assert_eq!(identity.assume_life, Some(Duration::from_secs(900)), "{source}");
    }
}

#[test]
fn an_sts_in_another_partition_than_the_role_is_refused() {
    let role = |partition: &str| {
        let role = ROLE.replace("arn:aws:", &format!("arn:{partition}:"));
        format!("[identity.web]\nsource = \"assume-role\"\nrole_arn = \"{role}\"\n")
    };
    let own = |region: &str| format!("sts = {{ region = \"{region}\" }}\n");
    for (partition, region) in [("aws", "eu-central-1"), ("aws-cn", "cn-northwest-1"), ("aws-new", "new-east-1")] {
        parse(&(role(partition) + &own(region))).unwrap();
    }
    let refused = parse(&(role("aws-us-gov") + &own("us-east-1"))).map(drop).unwrap_err();
    assert_eq!(refused.key, "identity.web.sts.region");
    assert!(refused.problem.contains("us-gov-west-1"), "{refused}");
    let wide = "[sts]\nregion = \"cn-north-1\"\n";
    assert_eq!(parse(&(role("aws") + wide)).map(drop).unwrap_err().key, "sts.region");
    parse(&(role("aws") + &own("us-east-1") + wide)).unwrap();
    parse(&(role("aws") + wide + "endpoint_url = \"https://sts.example\"\n")).unwrap();
}

#[test]
fn a_store_names_its_regions_as_it_likes() {
    for region in ["frankfurt", "cn-north-1"] {
        let store = format!("s3 = {{ endpoint_url = \"https://store.example\", region = \"{region}\" }}");
        one(&format!("source = \"assume-role\"\nrole_arn = \"{ROLE}\"\n{store}")).unwrap();
    }
}

#[test]
fn an_sts_that_is_not_awss_has_neither_fips_nor_both_protocols() {
    let one = |own: &str, wide: &str| {
        parse(&format!("[sts]\n{wide}\n[identity.web]\nsource = \"default\"\nsts = {{ {own} }}\n"))
    };
    let url = "endpoint_url = \"https://sts.example\"";
    let key = |own: &str, wide: &str| one(own, wide).map(drop).unwrap_err().key;
    assert_eq!(key(&format!("{url}, fips = true"), ""), "identity.web.sts.fips");
    assert_eq!(key("dual_stack = true", url), "identity.web.sts.dual_stack");
    assert_eq!(key(url, "fips = true"), "sts.fips");
    one(&format!("{url}, fips = false"), "fips = true").unwrap();
}

#[test]
fn unknown_keys_and_sources_are_errors() {
    assert!(one("source = \"default\"\nroles = 1").unwrap_err().to_string().contains("unknown field `roles`"));
    assert!(one("source = \"magic\"").unwrap_err().to_string().contains("unknown variant `magic`"));
    assert!(
        one("source = \"default\"\n[identity.web.s3]\nbucket = \"b\"").unwrap_err().to_string().contains("unknown")
    );
    assert!(one("headroom = \"1h\"").unwrap_err().to_string().contains("missing field `source`"));
}

fn with_base(base: &str, top: &str) -> Result<Config, crate::config::Error> {
    parse(&format!("[identity.base]\n{base}\n[identity.web]\nbase = \"base\"\n{top}"))
}

#[test]
fn chaining_allows_one_hour_whatever_session_the_base_is() {
    let long = format!("source = \"assume-role\"\nrole_arn = \"{ROLE}\"\nduration = \"2h\"");
    let hour = format!("source = \"assume-role\"\nrole_arn = \"{ROLE}\"\nduration = \"1h\"");
    let role = format!("source = \"assume-role\"\nrole_arn = \"{ROLE}\"");
    let sessions = [
        role.as_str(),
        "source = \"web-identity\"",
        "source = \"session-token\"",
        "source = \"instance\"",
        "source = \"container\"",
    ];
    for base in sessions {
        let refused = with_base(base, &long).map(drop).unwrap_err();
        assert_eq!(refused.key, "identity.web.duration", "{base}");
        assert!(refused.problem.contains("at most 1h") && refused.problem.contains("set duration"), "{refused}");
        with_base(base, &hour).unwrap();
    }
    for base in [
        "source = \"default\"",
        "source = \"profile\"",
        "source = \"environment\"",
        "source = \"key-file\"\npath = \"/key\"",
    ] {
        with_base(base, &long).unwrap();
    }
}

#[test]
fn tokens_are_minted_from_long_term_keys_only() {
    for top in ["source = \"session-token\"", "source = \"federation-token\""] {
        for base in [
            "source = \"web-identity\"",
            "source = \"session-token\"",
            "source = \"federation-token\"",
            "source = \"instance\"",
        ] {
            assert_eq!(with_base(base, top).map(drop).unwrap_err().key, "identity.web.base", "{base} {top}");
        }
        with_base("source = \"environment\"", top).unwrap();
    }
    let role = format!("source = \"assume-role\"\nrole_arn = \"{ROLE}\"");
    let refused = with_base("source = \"federation-token\"", &role).map(drop).unwrap_err();
    assert!(refused.problem.contains("GetCallerIdentity"), "{refused}");
}

#[test]
fn a_circle_of_bases_is_refused() {
    let role = format!("source = \"assume-role\"\nrole_arn = \"{ROLE}\"");
    let refused = with_base(&format!("base = \"web\"\n{role}"), &role).map(drop).unwrap_err();
    assert!(refused.key == "identity.base.base" && refused.problem.contains("circle"), "{refused}");
}

#[test]
fn without_identities_the_default_chain_is_served() {
    let config = parse("").unwrap();
    let name = IdentityName::parse("default").unwrap();
    assert_eq!(config.default_identity.as_ref(), Some(&name));
    assert_eq!(config.identities[&name], Identity::of_default_chain());
}

#[test]
fn a_default_identity_must_be_configured() {
    let refused = parse("default_identity = \"x\"\n[identity.web]\nsource = \"default\"").map(drop).unwrap_err();
    assert_eq!(refused.key, "default_identity");
}
