//! An STS on loopback: the query protocol, the answers of the five calls that presignd makes, and a script for its moods.
//!
//! It keeps AWS's rules on durations and chaining, but may issue sessions of a few seconds, so that a test sees one end.
//! It looks at the access key of a call, not at its signature: those of the AWS SDK are not in question here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Request, Response};

use super::http::{AsyncAnswer, Server, serve};
use super::keys::{ACCOUNT, Key, Keys, unique_id};
use super::now;

/// How the next call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// As it should.
    Answer,
    /// An error of STS, by HTTP status and code.
    Fail(u16, &'static str),
    /// Takes the call and never answers.
    Hang,
    /// Closes the connection.
    Cut,
    /// 200, and a body that is no STS answer.
    Nonsense,
    /// As it should, after so long.
    Late(Duration),
    /// Sends the client elsewhere.
    Redirect(u16, String),
    /// A status, and no body at all.
    Bare(u16),
    /// As it should, but the answer stops in the middle, though it is as long as it says.
    Half,
    /// The same, and the connection breaks off where more was announced.
    Torn,
    /// As it should, but for one element of the credentials, which is not there.
    Lacks(&'static str),
}

/// A call that was made.
#[derive(Debug, Clone)]
pub struct Call {
    pub action: String,
    pub parameters: BTreeMap<String, String>,
    /// Of the key that signed; empty for calls that are not signed.
    pub access_key_id: String,
}

/// The stand-in. Dropped, it is gone, and its connections with it.
pub struct Sts {
    server: Server,
    state: Arc<State>,
}

struct State {
    keys: Keys,
    mood: Mutex<Mood>,
    calls: Mutex<Vec<Call>>,
}

struct Mood {
    script: VecDeque<Turn>,
    standing: Turn,
    lifetime: Option<Duration>,
    role_maximum: u64,
    ahead: i64,
}

impl Sts {
    /// Starts on a free port; the sessions it issues are added to `keys`.
    pub async fn start(keys: Keys) -> Self {
        let mood =
            Mood { script: VecDeque::new(), standing: Turn::Answer, lifetime: None, role_maximum: 43_200, ahead: 0 };
        let state = Arc::new(State { keys, mood: Mutex::new(mood), calls: Mutex::default() });
        Self { server: serve(Handler(Arc::clone(&state))).await, state }
    }

    /// For `endpoint_url`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address
    }

    /// How the next calls that issue a session go; after them the standing mood is back.
    pub fn script(&self, turns: impl IntoIterator<Item = Turn>) {
        self.mood().script.extend(turns);
    }

    /// How calls that issue a session go from now on.
    pub fn stay(&self, turn: Turn) {
        self.mood().standing = turn;
    }

    /// Sessions last this long, whatever is asked for. `None`: as long as was asked for.
    pub fn sessions_last(&self, lifetime: Option<Duration>) {
        self.mood().lifetime = lifetime;
    }

    /// `MaxSessionDuration` of every role, in seconds.
    pub fn role_maximum(&self, seconds: u64) {
        self.mood().role_maximum = seconds;
    }

    /// How far the clock of this STS is ahead of the machine's.
    pub fn ahead(&self, seconds: i64) {
        self.mood().ahead = seconds;
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.state.calls.lock().expect("no holder panics").clone()
    }

    /// How many calls of that name there were, those that failed included.
    pub fn count(&self, action: &str) -> usize {
        self.calls().iter().filter(|call| call.action == action).count()
    }

    fn mood(&self) -> std::sync::MutexGuard<'_, Mood> {
        self.state.mood.lock().expect("no holder panics")
    }
}

#[derive(Clone)]
struct Handler(Arc<State>);

impl AsyncAnswer<Body> for Handler {
    async fn answer(&self, request: Request<Incoming>) -> Option<Response<Body>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        let parameters = form(&String::from_utf8_lossy(&body));
        let authorization = head.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let signer = authorization.split_once("Credential=").and_then(|(_, rest)| rest.split('/').next());
        let token = head.headers.get("x-amz-security-token").and_then(|value| value.to_str().ok());
        let call = Call {
            action: parameters.get("Action").cloned().unwrap_or_default(),
            access_key_id: signer.unwrap_or_default().to_owned(),
            parameters,
        };
        let (turn, lifetime, role_maximum, ahead) = {
            let mut mood = self.0.mood.lock().expect("no holder panics");
            let scripted = if call.action == "GetCallerIdentity" { None } else { mood.script.pop_front() };
            let turn = scripted.unwrap_or_else(|| mood.standing.clone());
            (turn, mood.lifetime, mood.role_maximum, mood.ahead)
        };
        self.0.calls.lock().expect("no holder panics").push(call.clone());
        let answers = || self.0.act(&call, token, lifetime, role_maximum, ahead).unwrap_or_else(|failure| failure);
        let (status, body) = match &turn {
            Turn::Hang => std::future::pending().await,
            Turn::Cut => return None,
            Turn::Nonsense => (200, "<html>the proxy says hello</html>".to_owned()),
            Turn::Fail(status, code) => failure(*status, code, "as the script has it"),
            Turn::Bare(status) | Turn::Redirect(status, _) => (*status, String::new()),
            Turn::Late(wait) => {
                tokio::time::sleep(*wait).await;
                answers()
            }
            Turn::Half => {
                let (status, whole) = answers();
                (status, whole[..whole.len() / 2].to_owned())
            }
            Turn::Lacks(element) => {
                let (status, whole) = answers();
                (status, without(&whole, element))
            }
            Turn::Answer | Turn::Torn => answers(),
        };
        let mut answer = Response::builder()
            .status(status)
            .header("content-type", "text/xml")
            .header("date", http_date(now() + ahead));
        if let Turn::Redirect(_, to) = &turn {
            answer = answer.header("location", to);
        }
        let body = if turn == Turn::Torn { torn(&body) } else { whole(body) };
        Some(answer.body(body).expect("all parts are legal"))
    }
}

type Reply = (u16, String);
type Body = UnsyncBoxBody<Bytes, std::io::Error>;

fn whole(text: String) -> Body {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync()
}

/// Half of it, and then nothing but the end of the connection.
fn torn(text: &str) -> Body {
    let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
    let frames = [Ok(Frame::data(half)), Err(std::io::Error::other("the stand-in hangs up"))];
    StreamBody::new(tokio_stream::iter(frames)).boxed_unsync()
}

/// The XML without that element.
fn without(xml: &str, element: &str) -> String {
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    let (Some(from), Some(to)) = (xml.find(&begin), xml.find(&end)) else { return xml.to_owned() };
    format!("{}{}", &xml[..from], &xml[to + end.len()..])
}

impl State {
    fn act(
        &self,
        call: &Call,
        token: Option<&str>,
        lifetime: Option<Duration>,
        maximum: u64,
        ahead: i64,
    ) -> Result<Reply, Reply> {
        let asked = |name: &str| call.parameters.get(name).cloned();
        let want = |name: &str| {
            asked(name)
                .ok_or_else(|| failure(400, "ValidationError", &format!("1 validation error: {name} is missing")))
        };
        let signer = |keys: &Keys| {
            let key = keys.find(&call.access_key_id).filter(|key| key.active && key.token.as_deref() == token);
            let key = key.ok_or_else(|| failure(403, "InvalidClientTokenId", "The security token is invalid."))?;
            if key.is_over() { Err(failure(403, "ExpiredToken", "The security token is expired")) } else { Ok(key) }
        };
        let duration = |default: u64, most: u64| -> Result<u64, Reply> {
            let seconds = asked("DurationSeconds").map_or(Ok(default), |text| text.parse());
            match seconds {
                Ok(seconds) if (900..=most).contains(&seconds) => Ok(seconds),
                _ => Err(failure(400, "ValidationError", "1 validation error: DurationSeconds is out of range")),
            }
        };
        let issue = |arn: String, user_id: String, seconds: u64| {
            let seconds = lifetime.map_or(seconds, |lifetime| lifetime.as_secs());
            let key = self.keys.session(arn, user_id, now() + i64::try_from(seconds).unwrap_or(i64::MAX / 2));
            let xml = credentials(&key, ahead);
            (key, xml)
        };
        match call.action.as_str() {
            "GetCallerIdentity" => {
                let key = signer(&self.keys)?;
                let result =
                    format!("<Arn>{}</Arn><UserId>{}</UserId><Account>{ACCOUNT}</Account>", key.arn, key.user_id);
                Ok(success("GetCallerIdentity", &result))
            }
            "GetSessionToken" => {
                let key = signer(&self.keys)?;
                if key.token.is_some() {
                    return Err(failure(403, "AccessDenied", "Cannot call GetSessionToken with session credentials"));
                }
                let (_, xml) = issue(key.arn, key.user_id, duration(43_200, 129_600)?);
                Ok(success("GetSessionToken", &xml))
            }
            "GetFederationToken" => {
                let (key, name) = (signer(&self.keys)?, want("Name")?);
                if key.token.is_some() {
                    return Err(failure(
                        403,
                        "AccessDenied",
                        "Cannot call GetFederationToken with session credentials",
                    ));
                }
                let arn = format!("arn:aws:sts::{ACCOUNT}:federated-user/{name}");
                let id = format!("{ACCOUNT}:{name}");
                let (_, xml) = issue(arn.clone(), id.clone(), duration(43_200, 129_600)?);
                let user =
                    format!("<FederatedUser><FederatedUserId>{id}</FederatedUserId><Arn>{arn}</Arn></FederatedUser>");
                Ok(success("GetFederationToken", &(xml + &user)))
            }
            "AssumeRole" | "AssumeRoleWithWebIdentity" => {
                let chained = if call.action == "AssumeRole" {
                    signer(&self.keys)?.arn.contains(":assumed-role/")
                } else {
                    let token = want("WebIdentityToken")?;
                    if token.trim() == "expired" {
                        return Err(failure(400, "ExpiredTokenException", "Token expired"));
                    }
                    false
                };
                let (role, session) = (want("RoleArn")?, want("RoleSessionName")?);
                let seconds = duration(3600, 43_200)?;
                if seconds > maximum {
                    let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
                    return Err(failure(400, "ValidationError", text));
                }
                if chained && seconds > 3600 {
                    let text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
                    return Err(failure(400, "ValidationError", text));
                }
                // The ARN of a session leaves the role's path out.
                let name = role.rsplit('/').next().unwrap_or_default().to_owned();
                if name == "forbidden" {
                    return Err(failure(403, "AccessDenied", "not authorized to perform: sts:AssumeRole"));
                }
                let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}");
                let id = format!("{}:{session}", unique_id("AROA", &name));
                let (_, mut xml) = issue(arn.clone(), id.clone(), seconds);
                xml += &format!(
                    "<AssumedRoleUser><AssumedRoleId>{id}</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser><PackedPolicySize>6</PackedPolicySize>"
                );
                if let Some(source) = asked("SourceIdentity") {
                    xml += &format!("<SourceIdentity>{source}</SourceIdentity>");
                }
                if call.action != "AssumeRole" {
                    xml += "<SubjectFromWebIdentityToken>system:serviceaccount:default:web</SubjectFromWebIdentityToken>\
                            <Audience>sts.amazonaws.com</Audience><Provider>https://oidc.example.com</Provider>";
                }
                Ok(success(&call.action, &xml))
            }
            other => Err(failure(400, "InvalidAction", &format!("Could not find operation {other}"))),
        }
    }
}

fn credentials(key: &Key, ahead: i64) -> String {
    let ends_at = rfc3339(key.ends_at.expect("a session has an end") + ahead);
    let token = key.token.as_deref().expect("a session has a token");
    format!(
        "<Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>{token}</SessionToken><Expiration>{ends_at}</Expiration></Credentials>",
        key.access_key_id, key.secret
    )
}

fn success(action: &str, result: &str) -> Reply {
    let body = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata></{action}Response>"
    );
    (200, body)
}

fn failure(status: u16, code: &str, message: &str) -> Reply {
    let fault = if status < 500 { "Sender" } else { "Receiver" };
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>{fault}</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ErrorResponse>"
    );
    (status, body)
}

fn form(body: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    body.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decode(name), decode(value))).collect()
}

fn calendar(at: i64) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(at).expect("tests live in our age")
}

/// As STS writes `Expiration`.
fn rfc3339(at: i64) -> String {
    calendar(at).format(&time::format_description::well_known::Rfc3339).expect("a year of four digits")
}

/// As HTTP writes `Date`.
fn http_date(at: i64) -> String {
    let form = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    calendar(at).format(&form).expect("a year of four digits")
}
