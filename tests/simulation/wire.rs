//! The way to AWS without a network: an HTTP connector behind which the model answers as STS and as metadata services,
//! with their delays, outages and moods.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use fastrand::Rng;
use presignd::time::Timestamp;
use tokio::time::Instant;

use crate::cast::Source;
use crate::model::principal::Credential;
use crate::model::sts::Refused;
use crate::model::{Aws, HOME, Millis};
use crate::told::seconds;

/// AWS and all that lies between.
pub(crate) struct Cloud {
    pub aws: Aws,
    pub sources: Vec<Source>,
    /// Until when nothing answers as it should.
    pub away_until: Millis,
    /// Calls under way, and when something happens to each; `None`: only its caller's patience ends it.
    pub under_way: BTreeMap<u64, Option<Instant>>,
    calls: u64,
    /// Answers of STS that brought a session, and other answers and silences of it.
    pub gave: u64,
    pub failed: u64,
    /// Answers since somebody looked: what they set going may not have come to its end.
    pub answered: usize,
    began: Instant,
    start: Millis,
    /// How much faster AWS's clock runs, in millionths.
    drift: i64,
}

/// Shared by the connector and the run.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Mutex<Cloud>>);

impl Wire {
    pub(crate) fn new(aws: Aws, sources: Vec<Source>, rng: &mut Rng, start: Millis) -> Self {
        let drift = [0, rng.i64(-60..60)][rng.usize(..2)];
        let start = start + rng.i64(0..1000);
        let began = presignd::clock::Clock::system().monotonic();
        Self(Arc::new(Mutex::new(Cloud {
            aws,
            sources,
            away_until: 0,
            under_way: BTreeMap::new(),
            calls: 0,
            gave: 0,
            failed: 0,
            answered: 0,
            began,
            start,
            drift,
        })))
    }

    pub(crate) fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cloud {
    /// By AWS's clock.
    pub(crate) fn now(&self) -> Millis {
        let elapsed = i64::try_from(self.began.elapsed().as_millis()).expect("days, not ages");
        self.start + elapsed + elapsed * self.drift / 1_000_000
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Wire")
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(answer(self.clone(), request))
    }
}

/// A call that is under way, until it is answered or given up.
struct UnderWay(Wire, u64);

impl UnderWay {
    async fn wait(&self, length: Duration) {
        let due = presignd::clock::Clock::system().monotonic() + length;
        self.0.cloud().under_way.insert(self.1, Some(due));
        tokio::time::sleep_until(due).await;
    }

    async fn forever<T>(&self) -> T {
        self.0.cloud().under_way.insert(self.1, None);
        std::future::pending().await
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut cloud = self.0.cloud();
        cloud.under_way.remove(&self.1);
        cloud.answered += 1;
    }
}

/// How a call goes.
enum Mood {
    Fine,
    Refuses(u16, &'static str),
    NoConnection,
    Hangs,
}

async fn answer(wire: Wire, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let (there, back, mood, call) = {
        let mut cloud = wire.cloud();
        cloud.calls += 1;
        let mut dice = cloud.dice(&request);
        let away = cloud.now() < cloud.away_until;
        let mood = match dice.u8(..4) {
            _ if !away => Mood::Fine,
            0 => Mood::Refuses(400, "Throttling"),
            1 => Mood::Refuses(503, "ServiceUnavailable"),
            2 => Mood::NoConnection,
            _ => Mood::Hangs,
        };
        let slowest = if dice.u8(..25) == 0 { 4500 } else { 150 };
        let mut delay = || Duration::from_millis(dice.u64(5..slowest));
        (delay(), delay(), mood, cloud.calls)
    };
    let call = UnderWay(wire.clone(), call);
    call.wait(there).await;
    wire.cloud().failed += u64::from(!matches!(mood, Mood::Fine));
    let (status, body, dated) = match mood {
        Mood::NoConnection => return Err(ConnectorError::io("the network is away".into())),
        Mood::Hangs => return call.forever().await,
        Mood::Refuses(status, code) => (status, failure(status, code, "not now"), wire.cloud().now()),
        Mood::Fine => {
            let mut cloud = wire.cloud();
            let (status, body) = cloud.act(&request);
            (status, body, cloud.now())
        }
    };
    call.wait(back).await;
    let mut response = HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body));
    response.headers_mut().insert("date", http_date(seconds(dated)));
    response.headers_mut().insert("x-aws-ec2-metadata-token-ttl-seconds", "21600");
    Ok(response)
}

impl Cloud {
    /// Chance for one call. It hangs on what is asked, by whom and when, and not on the order of those who ask at the same
    /// time: tokio may wake them as it likes.
    fn dice(&self, request: &HttpRequest) -> Rng {
        let asked = form(request.body().bytes().unwrap_or_default());
        let get = |name: &str| asked.get(name).map_or("", String::as_str);
        let by = request.headers().get("authorization").and_then(|text| text.split(',').next()).unwrap_or_default();
        let place = [request.uri(), get("Action"), get("RoleArn")].concat();
        Rng::with_seed(self.aws.draw(self.now().unsigned_abs(), (&place, by)))
    }

    fn act(&mut self, request: &HttpRequest) -> (u16, String) {
        let uri = request.uri().to_owned();
        let now = self.now();
        if uri.contains("/latest/api/token") {
            return (200, "token".to_owned());
        }
        // Metadata services are told apart by port; the container's has the usual one.
        let number = uri.split_once("127.0.0.1:8").and_then(|(_, rest)| rest.get(..3)?.parse().ok());
        if let Some(number) = number.or(uri.starts_with("http://169.254.170.2/").then(|| self.container())) {
            return self.metadata(now, number, uri.ends_with("/security-credentials/"));
        }
        match self.sts(now, request) {
            Ok(body) => (200, body),
            Err(refused) => {
                self.failed += 1;
                (refused.status, failure(refused.status, refused.code, refused.message))
            }
        }
    }

    fn container(&self) -> usize {
        let is_container = |source: &Source| matches!(source, Source::Read(machine) if machine.kind == crate::model::principal::Kind::Ecs);
        self.sources.iter().position(is_container).expect("the environment names its endpoint only if there is one")
    }

    fn metadata(&mut self, now: Millis, number: usize, list: bool) -> (u16, String) {
        let Source::Read(machine) = &mut self.sources[number] else { return (404, String::new()) };
        if list {
            return (200, "its-role".to_owned());
        }
        let Some(shown) = machine.read(&mut self.aws, now, true) else { return (404, String::new()) };
        let credential = &self.aws.credentials[&shown];
        let ends_at = Timestamp::from_unix(credential.ends_at.expect("a session ends"));
        let token = credential.token.as_deref().expect("a session has a token");
        let Credential { access_key_id, secret, .. } = credential;
        let json = format!(
            r#"{{"Code":"Success","AccessKeyId":"{access_key_id}","SecretAccessKey":"{secret}","Token":"{token}","Expiration":"{ends_at}"}}"#
        );
        (200, json)
    }

    fn sts(&mut self, now: Millis, request: &HttpRequest) -> Result<String, Refused> {
        let asked = form(request.body().bytes().unwrap_or_default());
        let get = |name: &str| asked.get(name).cloned().unwrap_or_default();
        let duration = get("DurationSeconds").parse().unwrap_or(0);
        let action = get("Action");
        if action == "AssumeRoleWithWebIdentity" {
            let given = self.aws.web_identity(now, &get("RoleArn"), &get("RoleSessionName"), duration)?;
            return Ok(self.given(&action, &given));
        }
        let header = |name: &str| request.headers().get(name).unwrap_or_default().to_owned();
        let authorization = header("authorization");
        let key = authorization.split_once("Credential=").and_then(|(_, rest)| rest.split('/').next());
        // A signature that is off by more than a quarter of an hour is refused, and the answer tells the time (1.5).
        let dated = Timestamp::parse_amz_date(&header("x-amz-date")).expect("every call is dated").unix();
        if (dated - now / 1000).abs() > 900 {
            return Err(Refused { code: "RequestTimeTooSkewed", status: 403, message: "too far", because: None });
        }
        let token = Some(header("x-amz-security-token")).filter(|token| !token.is_empty());
        let by = self.aws.caller(now, key.unwrap_or_default(), token.as_deref())?;
        let given = match action.as_str() {
            "GetCallerIdentity" => {
                let (arn, userid) = (self.aws.arn(&by), self.aws.userid(&by));
                let result = format!("<Arn>{arn}</Arn><UserId>{userid}</UserId><Account>{HOME}</Account>");
                return Ok(success(&action, &result));
            }
            "GetSessionToken" => self.aws.session_token(now, &by, duration)?,
            "GetFederationToken" => self.aws.federation_token(now, &by, &get("Name"), duration)?,
            _ => self.aws.assume_role(now, &by, &get("RoleArn"), &get("RoleSessionName"), duration)?,
        };
        Ok(self.given(&action, &given))
    }

    fn given(&mut self, action: &str, given: &Credential) -> String {
        self.gave += 1;
        let ends_at = Timestamp::from_unix(given.ends_at.expect("a session ends"));
        let token = given.token.as_deref().expect("a session has a token");
        let Credential { access_key_id, secret, .. } = given;
        let credentials = format!(
            "<Credentials><AccessKeyId>{access_key_id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
             <SessionToken>{token}</SessionToken><Expiration>{ends_at}</Expiration></Credentials>"
        );
        let (arn, userid) = (self.aws.arn(given), self.aws.userid(given));
        let user = match action {
            "GetSessionToken" => String::new(),
            "GetFederationToken" => {
                format!("<FederatedUser><FederatedUserId>{userid}</FederatedUserId><Arn>{arn}</Arn></FederatedUser>")
            }
            _ => format!("<AssumedRoleUser><AssumedRoleId>{userid}</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>"),
        };
        success(action, &(credentials + &user))
    }
}

fn success(action: &str, result: &str) -> String {
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
    )
}

fn failure(status: u16, code: &str, message: &str) -> String {
    let fault = if status < 500 { "Sender" } else { "Receiver" };
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>{fault}</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    )
}

fn form(body: &[u8]) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let text = String::from_utf8_lossy(body);
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decode(name), decode(value))).collect()
}

/// As HTTP writes `Date`.
fn http_date(at: Timestamp) -> String {
    let form = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let at = time::OffsetDateTime::from_unix_timestamp(at.unix()).expect("our age");
    at.format(&form).expect("a year of four digits")
}
