//! Connections of another user of the host. The kernel names whoever the thread that connects was; on Linux a thread can be
//! another user than its process.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as Connected;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use presignd::grpc::proto::signer_client::SignerClient;
use rustix::thread::{Gid, Uid, set_thread_res_gid, set_thread_res_uid};
use tokio::net::UnixStream;
use tonic::codegen::Service;
use tonic::transport::{Channel, Endpoint};

use crate::process::World;

/// A user who may sign what lies under `public/`.
pub(crate) const VISITOR: u32 = 12345;

/// Grants of that user, and of the neighbour: root.
pub(crate) const GRANTS: &str = "[[grant]]\nname = \"visitors\"\nuid = 12345\nidentities = [\"web\"]\n\
                                 buckets = [\"photos\"]\nprefixes = [\"public/\"]\noperations = [\"GetObject\"]\n\
                                 [[grant]]\nname = \"neighbour\"\nuid = 0\nidentities = [\"web\"]\n\
                                 buckets = [\"*\"]\noperations = [\"*\"]\n";

/// Lets every user of the host as far as the signing socket.
pub(crate) fn open(world: &World) {
    let folder = world.folder.path();
    for place in [folder.to_owned(), folder.join("sign")] {
        std::fs::set_permissions(place, PermissionsExt::from_mode(0o755)).expect("it is ours");
    }
    std::fs::set_permissions(folder.join("sign/presignd.sock"), PermissionsExt::from_mode(0o666)).expect("it is ours");
}

/// Connects as the visitor.
pub(crate) async fn connect(path: &Path) -> std::io::Result<UnixStream> {
    let path = path.to_owned();
    let connecting = std::thread::spawn(move || {
        let (uid, gid) = (Uid::from_raw(VISITOR), Gid::from_raw(VISITOR));
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
        Connected::connect(path)
    });
    let stream = tokio::task::spawn_blocking(|| connecting.join()).await.expect("it is not cancelled");
    let stream = stream.expect("the thread does not panic")?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// A client of the visitor.
pub(crate) async fn signer(path: &Path) -> SignerClient<Channel> {
    let endpoint = Endpoint::from_static("http://localhost");
    let channel = endpoint.connect_with_connector(AsVisitor(path.to_owned())).await.expect("the daemon listens");
    SignerClient::new(channel).max_decoding_message_size(64 << 20)
}

#[derive(Clone)]
struct AsVisitor(PathBuf);

impl Service<http::Uri> for AsVisitor {
    type Response = TokioIo<UnixStream>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<TokioIo<UnixStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        let path = self.0.clone();
        Box::pin(async move { connect(&path).await.map(TokioIo::new) })
    }
}
