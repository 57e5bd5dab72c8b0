//! What is wrong with a URL, or worth knowing of it. Facts that AWS does not confirm are worded as such.

use super::place::{is_aws, region_in_host};
use super::text::Parts;
use super::{Explanation, State, is_whole};

/// Something that was noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Stable, in UPPER_SNAKE_CASE.
    pub reason: &'static str,
    /// For a person.
    pub message: &'static str,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// May fail for some bearers, or sooner than it seems.
    Warning,
    /// S3 refuses it.
    Error,
}

use Severity::{Error, Note, Warning};

/// All that holds of a URL, worst first.
pub(super) fn of(url: &Explanation, parts: &Parts<'_>) -> Vec<Finding> {
    let (v2, v4) = (url.algorithm == "AWS", url.algorithm.starts_with("AWS4-"));
    let temporary = url.access_key_id.starts_with("ASIA");
    let missing = |name: &str| v4 && parts.value(name).is_none();
    let scope_date = parts.value("X-Amz-Credential").and_then(|credential| credential.split('/').nth(1));
    let other_day = url.signed_at.zip(scope_date).is_some_and(|(at, date)| at.scope_date() != date);
    let signature = parts.value(if v2 { "Signature" } else { "X-Amz-Signature" });
    let twice = ["X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature", "X-Amz-Security-Token"];
    let dots = url.key.split('/').any(|segment| matches!(segment, "." | ".."));
    let rows = [
        (
            !v2 && !v4,
            Error,
            "NOT_PRESIGNED",
            "no X-Amz-Algorithm of SigV4 and no key of SigV2: S3 takes this for a plain, anonymous request",
        ),
        (
            parts.is_html,
            Error,
            "HTML_ESCAPED",
            "copied from the source of a web page: as it stands, S3 reads parameters that begin with \"amp;\"",
        ),
        (signature.is_none() && (v2 || v4), Error, "SIGNATURE_MISSING", "the signature is missing"),
        (
            url.algorithm == "AWS4-HMAC-SHA256" && signature.is_some_and(|text| !is_whole(text)),
            Error,
            "SIGNATURE_DAMAGED",
            "the signature is not 64 characters of 0-9 and a-f: it was cut, masked or changed on its way",
        ),
        (
            v4 && ["X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders"].iter().any(|n| missing(n)),
            Error,
            "PARAMETER_MISSING",
            "a parameter of the signature is missing: S3 answers 400 AuthorizationQueryParametersError",
        ),
        (
            v4 && !missing("X-Amz-Credential") && (url.access_key_id.is_empty() || url.service.is_empty()),
            Error,
            "CREDENTIAL_MALFORMED",
            "X-Amz-Credential is not KEY/DATE/REGION/SERVICE/aws4_request",
        ),
        (
            v4 && !missing("X-Amz-Date") && url.signed_at.is_none(),
            Error,
            "DATE_MALFORMED",
            "X-Amz-Date is not of the form 20261122T235959Z",
        ),
        (
            v4 && !missing("X-Amz-Expires") && url.expires_in.is_none_or(|seconds| !(1..=604_800).contains(&seconds)),
            Error,
            "EXPIRES_OUT_OF_RANGE",
            "X-Amz-Expires is not a number from 1 to 604800: S3 answers 400 AuthorizationQueryParametersError",
        ),
        (other_day, Error, "SCOPE_DATE_DIFFERS", "the date in X-Amz-Credential is not the day of X-Amz-Date"),
        (
            v4 && twice.iter().any(|name| parts.count(name) > 1),
            Error,
            "PARAMETER_REPEATED",
            "a parameter of the signature stands there twice",
        ),
        (
            v4 && !missing("X-Amz-SignedHeaders") && !url.signed_headers.iter().any(|name| name == "host"),
            Error,
            "HOST_UNSIGNED",
            "host is not among the signed headers",
        ),
        (
            temporary && !url.has_session_token,
            Error,
            "TOKEN_MISSING",
            "a temporary key without its X-Amz-Security-Token: S3 has been seen to answer 403 InvalidAccessKeyId",
        ),
        (
            url.state == State::Ended,
            Error,
            "ENDED",
            "its own time has passed: S3 answers 403 AccessDenied, \"Request has expired\"",
        ),
        (
            url.state == State::NotYetValid,
            Warning,
            "NOT_YET_VALID",
            "X-Amz-Date lies ahead: \"Request is not yet valid\" until then, or a clock is wrong",
        ),
        (
            url.has_session_token && url.state != State::Ended,
            Warning,
            "SESSION_MAY_END_SOONER",
            "signed with a temporary session, whose end the URL does not show: it dies with the session, with 400 ExpiredToken",
        ),
        (
            region_in_host(&url.host).is_some_and(|region| !url.region.is_empty() && region != url.region),
            Warning,
            "REGION_DIFFERS",
            "the host is of another region than the one that was signed for",
        ),
        (
            dots,
            Warning,
            "KEY_UNUSABLE_IN_BROWSERS",
            "the key has a \".\" or \"..\" segment: browsers rewrite it and break the signature",
        ),
        (
            parts.raw_path.bytes().any(|byte| !byte.is_ascii_graphic()) || parts.raw_path.contains('+'),
            Warning,
            "PATH_NOT_ENCODED",
            "the path has characters that SigV4 signs percent-encoded; programs differ in what they send for them",
        ),
        (
            v2,
            Warning,
            "SIGV2",
            "signed with SigV2, which presignd never makes: no seven-day limit, and s3:signatureAge does not reach it",
        ),
        (url.algorithm == "AWS4-ECDSA-P256-SHA256", Note, "SIGV4A", "signed with SigV4a, for more than one region"),
        (
            url.signed_headers.iter().any(|name| name != "host"),
            Note,
            "HEADERS_REQUIRED",
            "the bearer must send every signed header with the value that was signed",
        ),
        (
            !is_aws(&url.host),
            Note,
            "HOST_NOT_AWS",
            "not a host of AWS: bucket and key are read as in path style, and the store's own rules hold",
        ),
    ];
    let holds = |(holds, severity, reason, message)| {
        let _: bool = holds;
        holds.then_some(Finding { severity, reason, message })
    };
    let mut findings: Vec<Finding> = rows.into_iter().filter_map(holds).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}
