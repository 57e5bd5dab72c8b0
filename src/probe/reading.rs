//! What an answer says of a session, and no more than that (SEMANTICS.md 1.5, 1.7). Pure.

use crate::identity::Told;

/// What one look says of one thing: that a key lives, or that an object can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// So it is.
    Alive,
    /// It is not.
    Dead,
    /// It is not, and never will be again: AWS says that its time is over.
    Expired,
    /// Nothing: the answer came from something else, or none came.
    Nothing,
}

impl Sight {
    /// Whether what was looked at is not so, for whatever cause.
    pub(super) fn is_dead(self) -> bool {
        matches!(self, Self::Dead | Self::Expired)
    }
}

/// What a canary's answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OfCanary {
    /// Of the key that signed it.
    pub(super) key: Sight,
    /// Of the right to read it, from here.
    pub(super) read: Sight,
}

/// The answer to a session that has not come to its end, as its source told it. GetCallerIdentity succeeds under an
/// explicit Deny, so it says nothing of policies. Of its refusals one means that the key is inactive or deleted, and one
/// that its source told another end than AWS knows; others are of clocks, rates and secrets.
pub(super) fn of_key(told: &Told) -> Sight {
    match told {
        Told::Known => Sight::Alive,
        Told::Refused(code) if code == "InvalidClientTokenId" => Sight::Dead,
        Told::Refused(code) if code == "ExpiredToken" => Sight::Expired,
        Told::Refused(_) | Told::Nothing => Sight::Nothing,
    }
}

/// The answer to a presigned GET by a session that has not come to its end. `was_readable`: this session has read the
/// object before, so that a refusal is news, and not a canary that it never could read.
pub(super) fn of_canary(status: u16, body: &str, was_readable: bool) -> OfCanary {
    let nothing = OfCanary { key: Sight::Nothing, read: Sight::Nothing };
    match (status, code(body)) {
        (200 | 206, _) => OfCanary { key: Sight::Alive, read: Sight::Alive },
        (403, "InvalidAccessKeyId") => OfCanary { key: Sight::Dead, ..nothing },
        (400, "ExpiredToken") => OfCanary { key: Sight::Expired, ..nothing },
        (403, "AccessDenied") if was_readable && !is_of_something_else(body) => {
            OfCanary { read: Sight::Dead, ..nothing }
        }
        _ => nothing,
    }
}

/// S3 says `AccessDenied`, too, where the clock is wrong, where the object is gone and may not be listed, and where a KMS
/// key may not be used; its message tells them apart where it names more than "Access Denied".
fn is_of_something_else(body: &str) -> bool {
    ELSEWHERE.iter().any(|words| body.contains(words))
}

fn code(body: &str) -> &str {
    let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    code.map_or("", |(code, _)| code)
}

const ELSEWHERE: &[&str] =
    &["Request has expired", "Request is not yet valid", "HeadersNotSigned", "not signed", "s3:ListBucket", "kms:"];

#[cfg(test)]
mod tests {
    use super::*;
    use Sight::{Alive, Dead, Expired, Nothing};

    fn error(code: &str, message: &str) -> String {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>")
    }

    #[test]
    fn two_codes_of_sts_alone_mean_that_a_key_is_dead() {
        let refused = |code: &str| of_key(&Told::Refused(code.to_owned()));
        assert_eq!((of_key(&Told::Known), of_key(&Told::Nothing)), (Alive, Nothing));
        assert_eq!((refused("InvalidClientTokenId"), refused("ExpiredToken")), (Dead, Expired));
        for code in [
            "SignatureDoesNotMatch",
            "Throttling",
            "RequestExpired",
            "AccessDenied",
            "ServiceUnavailable",
            "InternalFailure",
            "RegionDisabledException",
            "UnrecognizedClientException",
            "",
        ] {
            assert_eq!(refused(code), Nothing, "{code}");
        }
    }

    #[test]
    fn a_canary_says_what_the_table_says() {
        let by = "User: arn:aws:sts::1:assumed-role/web/a is not authorized to perform:";
        for (status, code, message, key, read) in [
            (403, "AccessDenied", "Access Denied", Nothing, Dead),
            (403, "AccessDenied", &*format!("{by} s3:GetObject with an explicit deny"), Nothing, Dead),
            (403, "AccessDenied", &*format!("{by} s3:ListBucket on resource"), Nothing, Nothing),
            (403, "AccessDenied", &*format!("{by} kms:Decrypt on the resource"), Nothing, Nothing),
            (403, "AccessDenied", "Request has expired", Nothing, Nothing),
            (403, "AccessDenied", "Request is not yet valid", Nothing, Nothing),
            (403, "AccessDenied", "There were headers present in the request which were not signed", Nothing, Nothing),
            (403, "InvalidAccessKeyId", "", Dead, Nothing),
            (400, "ExpiredToken", "", Expired, Nothing),
            (400, "InvalidToken", "", Nothing, Nothing),
            (400, "TokenRefreshRequired", "", Nothing, Nothing),
            (403, "SignatureDoesNotMatch", "", Nothing, Nothing),
            (403, "RequestTimeTooSkewed", "", Nothing, Nothing),
            (403, "InvalidObjectState", "", Nothing, Nothing),
            (404, "NoSuchKey", "", Nothing, Nothing),
            (404, "NoSuchBucket", "", Nothing, Nothing),
            (400, "KMS.DisabledException", "", Nothing, Nothing),
            (400, "AuthorizationQueryParametersError", "", Nothing, Nothing),
            (301, "PermanentRedirect", "", Nothing, Nothing),
            (307, "TemporaryRedirect", "", Nothing, Nothing),
            (500, "InternalError", "", Nothing, Nothing),
            (503, "SlowDown", "", Nothing, Nothing),
            // A code stands under the status that S3 gives it, or it is not S3 that answers.
            (200, "AccessDenied", "", Alive, Alive),
            (404, "AccessDenied", "", Nothing, Nothing),
            (400, "InvalidAccessKeyId", "", Nothing, Nothing),
        ] {
            assert_eq!(
                of_canary(status, &error(code, message), true),
                OfCanary { key, read },
                "{status} {code} {message}"
            );
        }
        let nothing = OfCanary { key: Nothing, read: Nothing };
        assert_eq!(of_canary(403, "<html>the proxy says no</html>", true), nothing);
        assert_eq!(of_canary(206, "", false), OfCanary { key: Alive, read: Alive });
    }

    #[test]
    fn what_was_never_readable_is_not_denied() {
        let read = |was_readable| of_canary(403, &error("AccessDenied", "Access Denied"), was_readable).read;
        assert_eq!((read(false), read(true)), (Nothing, Dead));
    }
}
