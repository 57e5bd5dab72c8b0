//! What of tenants a file may say, and what their names may be.

use super::*;
use crate::config::{Config, Surroundings};
use crate::session::IdentityName;

const ROLE: &str = "source = \"assume-role\"\nrole_arn = \"arn:aws:iam::123456789012:role/uploads\"\n";

fn parse(body: &str) -> Result<Identity, Error> {
    let around = Surroundings { home: Some("/home/web".into()), ..Surroundings::default() };
    let config = Config::parse(&format!("[identity.web]\n{body}"), &around)?;
    Ok(config.identities[&IdentityName::parse("web").unwrap()].clone())
}

fn role(more: &str) -> Identity {
    parse(&format!("{ROLE}{more}")).unwrap()
}

fn scope(identity: &Identity) -> &Scope {
    scope_of(&identity.source).unwrap()
}

#[test]
fn each_way_to_tell_tenants_apart_is_read() {
    for (text, by, field) in [
        ("caller", PartitionBy::Caller, "caller"),
        ("on_behalf_of", PartitionBy::OnBehalfOf, "on_behalf_of"),
        ("label:team", PartitionBy::Label("team".to_owned()), "labels.team"),
    ] {
        let partitions = role(&format!("partition_by = \"{text}\"\n")).partitions.unwrap();
        assert_eq!((partitions.by.field(), partitions.by), (field.to_owned(), by));
        assert_eq!((partitions.most, partitions.tag), (DEFAULT_MAX_PARTITIONS, None));
    }
    assert_eq!(role("").partitions, None);
    let full = role(
        "partition_by = \"caller\"\nmax_partitions = 7\npartition_tag = \"tenant\"\ntransitive_tag_keys = [\"tenant\"]",
    );
    assert_eq!(full.partitions.unwrap(), Partitions { by: PartitionBy::Caller, tag: Some("tenant".into()), most: 7 });
}

#[test]
fn what_cannot_hold_is_refused_by_its_key() {
    let by = "partition_by = \"on_behalf_of\"\n";
    let named = format!("session_policy = '{{\"Statement\": [\"{PLACEHOLDER}\"]}}'\n");
    let many: Vec<String> = (0..50).map(|number| format!("t{number} = \"x\"")).collect();
    let cases = [
        (format!("{ROLE}partition_by = \"tenant\""), "partition_by"),
        (format!("{ROLE}partition_by = \"label:\""), "partition_by"),
        (format!("{ROLE}partition_by = \"label:{}\"", "x".repeat(65)), "partition_by"),
        (format!("{ROLE}partition_tag = \"tenant\""), "partition_tag"),
        (format!("{ROLE}max_partitions = 5"), "max_partitions"),
        (format!("{ROLE}{by}max_partitions = 0"), "max_partitions"),
        (format!("{ROLE}{by}max_partitions = 1001"), "max_partitions"),
        (format!("{ROLE}{by}partition_tag = \"a*\""), "partition_tag"),
        (format!("{ROLE}{by}partition_tag = \"\""), "partition_tag"),
        (format!("{ROLE}{by}partition_tag = \"Team\"\ntags = {{ team = \"web\" }}"), "partition_tag"),
        (format!("{ROLE}{by}partition_tag = \"tenant\"\ntags = {{ {} }}", many.join(", ")), "partition_tag"),
        (format!("{ROLE}{by}transitive_tag_keys = [\"tenant\"]"), "transitive_tag_keys"),
        (format!("{ROLE}{named}"), "session_policy"),
        (format!("source = \"session-token\"\n{by}"), "partition_by"),
        (format!("source = \"key-file\"\npath = \"/key\"\n{by}"), "partition_by"),
        (format!("source = \"default\"\n{by}"), "partition_by"),
        (format!("source = \"web-identity\"\n{by}partition_tag = \"tenant\""), "partition_tag"),
        (format!("{ROLE}base = \"all\"\n[identity.all]\n{ROLE}{by}"), "base"),
    ];
    for (body, key) in cases {
        let refused = parse(&body).unwrap_err().to_string();
        assert!(refused.contains(&format!("identity.web.{key}")), "{body}: {refused}");
    }
    parse(&format!("source = \"web-identity\"\n{by}")).unwrap();
    parse(&format!("source = \"federation-token\"\n{by}partition_tag = \"tenant\"")).unwrap();
}

#[test]
fn a_tenants_sessions_bear_its_name_where_the_table_says_so_and_nowhere_else() {
    let policy =
        format!("{{\"Statement\": [{{\"Resource\": \"arn:aws:s3:::b/{PLACEHOLDER}/*\"}}, \"{PLACEHOLDER}\"]}}");
    let web = role(&format!(
        "partition_by = \"caller\"\npartition_tag = \"tenant\"\ntags = {{ team = \"web\" }}\nsession_policy = '{policy}'"
    ));
    let own = web.of_tenant("Zürich 1/a@b").unwrap();
    let tags = [("team".to_owned(), "web".to_owned()), ("tenant".to_owned(), "Zürich 1/a@b".to_owned())];
    assert_eq!((scope(&own).tags.as_slice(), &own.partitions), (tags.as_slice(), &None));
    let policy: serde_json::Value = serde_json::from_str(scope(&own).policy.as_ref().unwrap()).unwrap();
    let said = serde_json::json!({"Statement": [{"Resource": "arn:aws:s3:::b/Zürich 1/a@b/*"}, "Zürich 1/a@b"]});
    assert_eq!(policy, said);
    assert!(scope(&own).policy.as_ref().unwrap().is_ascii(), "STS takes nothing beyond U+00FF");

    let plain = role("partition_by = \"caller\"");
    let own = plain.of_tenant("auth0|*").unwrap();
    assert_eq!((own, plain.partitions.is_some()), (Identity { partitions: None, ..plain }, true));
}

#[test]
fn a_tenant_whose_name_would_mean_more_than_itself_is_refused() {
    let by = "partition_by = \"on_behalf_of\"\n";
    let tagged = role(&format!("{by}partition_tag = \"tenant\""));
    let narrowed = role(&format!("{by}session_policy = '{{\"Statement\": [\"{PLACEHOLDER}\"]}}'"));
    let long = "x".repeat(257);
    for name in ["*", "a?", "${aws:username}", "a\"b", "a\\b", "a|b", "a\nb", long.as_str()] {
        for identity in [&tagged, &narrowed] {
            assert!(identity.of_tenant(name).unwrap_err().contains("must have at most 256"), "{name}");
        }
    }
    let filled = format!("{{\"Statement\": [\"{}{PLACEHOLDER}\"]}}", "x".repeat(2000));
    let tight = role(&format!("{by}session_policy = '{filled}'"));
    assert!(tight.of_tenant("short").is_ok());
    assert!(tight.of_tenant(&"y".repeat(60)).unwrap_err().contains("2048"), "the length of what is sent counts");
}

proptest::proptest! {
    #[test]
    fn whatever_is_written_into_a_policy_is_one_string_of_it(text in "\\PC{0,40}") {
        let json = format!("\"{}\"", in_json(&text));
        proptest::prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
