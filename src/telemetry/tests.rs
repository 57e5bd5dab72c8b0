//! The table of metrics in docs/ is what the code exports, and nothing secret is a label.

use std::collections::BTreeSet;

use super::*;

fn started() -> Metrics {
    let metrics = Metrics::new().unwrap();
    metrics.identity_begins(&IdentityName::parse("web").unwrap());
    metrics.reasons_start_at_zero(&["DENIED"]);
    metrics.method_starts_at_zero("presignd.v1.Signer", "Presign");
    metrics
}

#[test]
fn series_that_the_code_knows_start_at_zero() {
    let text = started().encode();
    for line in [
        "presignd_denied_total{dimension=\"prefix\"} 0",
        "presignd_urls_issued_total{identity=\"web\",operation=\"GetObject\"} 0",
        "presignd_renewals_total{identity=\"web\",outcome=\"failed\"} 0",
        "presignd_session_expiry_timestamp_seconds{identity=\"web\"} 0",
        "presignd_refused_total{reason=\"DENIED\"} 0",
        "grpc_server_handled_total{grpc_code=\"Unavailable\",grpc_method=\"Presign\",grpc_service=\"presignd.v1.Signer\"} 0",
        "presignd_registry_queue_depth 0",
    ] {
        assert!(text.lines().any(|given| given == line), "no line {line} in\n{text}");
    }
}

#[test]
fn what_is_counted_is_shown() {
    let metrics = started();
    metrics.issued(&IdentityName::parse("web").unwrap(), Operation::GetObject);
    metrics.denied(Dimension::Bucket);
    let text = metrics.encode();
    assert!(text.contains("presignd_urls_issued_total{identity=\"web\",operation=\"GetObject\"} 1\n"));
    assert!(text.contains("presignd_denied_total{dimension=\"bucket\"} 1\n"));
}

#[test]
fn two_daemons_in_one_process_count_apart() {
    let (one, other) = (started(), started());
    one.refused("DENIED");
    assert!(other.encode().contains("presignd_refused_total{reason=\"DENIED\"} 0\n"));
}

/// A row is `| name | type | labels | help |`.
#[test]
fn the_table_in_the_docs_is_the_code() {
    let metrics = started();
    let in_code: BTreeSet<String> = metrics.registry.gather().iter().map(row).collect();
    let doc = include_str!("../../docs/metrics.md");
    let in_doc: BTreeSet<String> = doc.lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect();
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
        one.difference(other).cloned().collect::<Vec<_>>().join("\n")
    };
    assert_eq!(only(&in_code, &in_doc), "", "rows that docs/metrics.md lacks");
    assert_eq!(only(&in_doc, &in_code), "", "rows that the code does not have");
}

/// A family without series is not gathered, so the comparison above would not see it.
#[test]
fn every_declared_family_is_compared() {
    let text = started().encode();
    let source = include_str!("families.rs");
    let is_name = |word: &&str| ["presignd_", "grpc_server_", "process_"].iter().any(|prefix| word.starts_with(prefix));
    let names = source.split('"').filter(is_name);
    let absent: Vec<_> = names.filter(|name| !text.contains(&format!("# TYPE {name} "))).collect();
    assert_eq!(absent, Vec::<&str>::new());
}

fn row(family: &prometheus::proto::MetricFamily) -> String {
    let labels = family.get_metric()[0].get_label().iter().map(|pair| format!("`{}`", pair.name()));
    let labels = labels.collect::<Vec<_>>().join(", ");
    let kind = format!("{:?}", family.get_field_type()).to_lowercase();
    format!("| `{}` | {kind} | {labels} | {} |", family.name(), family.help())
}

#[test]
fn a_filter_that_is_none_is_refused() {
    assert!(check_filter("info,presignd=debug").is_ok());
    assert!(check_filter("presignd=loud").unwrap_err().to_string().starts_with("log.filter: "));
}
