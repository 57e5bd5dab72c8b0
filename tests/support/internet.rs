//! AWS under its own names: a proxy such as companies have, and behind it, for every host of AWS, a stand-in
//! with a certificate of this proxy's own authority. A program that is set up by the usual variables takes it for AWS.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// The proxy. Dropped, it is gone, and every connection through it.
pub struct Internet {
    address: SocketAddr,
    authority: String,
    asked: Hosts,
    _tasks: JoinSet<()>,
}

/// The hosts that clients asked for, in order.
type Hosts = Arc<Mutex<Vec<String>>>;

/// Where the stand-ins listen.
#[derive(Clone, Copy)]
pub struct Behind {
    pub sts: SocketAddr,
    pub s3: SocketAddr,
}

impl Internet {
    /// Starts on a free port.
    pub async fn start(behind: Behind) -> Self {
        let key = KeyPair::generate().expect("there is randomness");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "the authority of the proxy");
        let authority = params.self_signed(&key).expect("a certificate of nothing but defaults").pem();
        let issuer = Arc::new(Issuer::new(params, key));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let asked = Hosts::default();
        let noted = Arc::clone(&asked);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let (issuer, noted) = (Arc::clone(&issuer), Arc::clone(&noted));
                // A client that goes away is its own affair.
                connections.spawn(async move { drop(tunnel(stream, &issuer, behind, &noted).await) });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, authority, asked, _tasks: tasks }
    }

    /// The hosts that clients asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no holder panics").clone()
    }

    /// What a host behind such a proxy has in its environment: for AWS's tools, and for curl.
    pub fn variables(&self, folder: &Path) -> [(&'static str, String); 3] {
        let bundle = folder.join("authority.pem");
        std::fs::write(&bundle, &self.authority).expect("the folder can be written");
        let bundle = bundle.to_str().expect("a folder of UTF-8").to_owned();
        let proxy = format!("http://{}", self.address);
        [("HTTPS_PROXY", proxy), ("AWS_CA_BUNDLE", bundle.clone()), ("CURL_CA_BUNDLE", bundle)]
    }
}

async fn tunnel(
    mut client: TcpStream,
    issuer: &Issuer<'_, KeyPair>,
    behind: Behind,
    noted: &Hosts,
) -> std::io::Result<()> {
    let Some(host) = asked(&mut client).await? else { return Ok(()) };
    noted.lock().expect("no holder panics").push(host.clone());
    let Some(address) = address_of(&host, behind) else {
        return client.write_all(b"HTTP/1.1 502 Not AWS\r\nContent-Length: 0\r\n\r\n").await;
    };
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let mut client = TlsAcceptor::from(Arc::new(identity(&host, issuer))).accept(client).await?;
    let mut server = TcpStream::connect(address).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// The host of `CONNECT host:443 HTTP/1.1`, once the head of the request is there.
async fn asked(client: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < LONGEST_HEAD {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let host = head.strip_prefix("CONNECT ").and_then(|rest| rest.split_once(":443 "));
    Ok(host.map(|(host, _)| host.to_owned()))
}

fn address_of(host: &str, behind: Behind) -> Option<SocketAddr> {
    let name = SUFFIXES.iter().find_map(|suffix| host.strip_suffix(suffix))?;
    let is = |service: &str| name.split('.').any(|label| label == service || label == format!("{service}-fips"));
    [("sts", behind.sts), ("s3", behind.s3)].into_iter().find(|(service, _)| is(service)).map(|(_, address)| address)
}

fn identity(host: &str, issuer: &Issuer<'_, KeyPair>) -> ServerConfig {
    let key = KeyPair::generate().expect("there is randomness");
    let params = CertificateParams::new([host.to_owned()]).expect("a host of ASCII");
    let certificate = params.signed_by(&key, issuer).expect("our own authority signs");
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let config = ServerConfig::builder().with_no_client_auth();
    config.with_single_cert(vec![certificate.der().clone()], key).expect("the key of this certificate")
}

/// What names of AWS end with: in the world and in China, with IPv4 alone and with both.
const SUFFIXES: [&str; 4] = [".amazonaws.com", ".api.aws", ".amazonaws.com.cn", ".api.amazonwebservices.com.cn"];
const LONGEST_HEAD: usize = 4096;
