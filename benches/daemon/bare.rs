//! The least that a server of these messages can be: tonic, and one answer for everybody.

use std::io::Read;
use std::path::Path;
use std::pin::Pin;

use futures_util::{Stream, StreamExt};
use presignd::grpc::proto::signer_server::{Signer, SignerServer};
use presignd::grpc::proto::{
    PresignBatchRequest, PresignBatchResponse, PresignPostRequest, PresignPostResponse, PresignRequest,
    PresignResponse, PresignResult, PresignStreamRequest, PresignStreamResponse, ResignRequest, ResignResponse,
    presign_result,
};
use prost::Message;
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, Status, Streaming};

/// Serves at `socket` until killed, with so many threads; reads its answer from standard input.
pub(crate) fn serve(socket: &Path, workers: usize) {
    let mut answer = Vec::new();
    std::io::stdin().read_to_end(&mut answer).unwrap();
    let server = SignerServer::new(Bare(PresignResponse::decode(answer.as_slice()).unwrap()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap();
    let serving = async {
        let incoming = UnixListenerStream::new(UnixListener::bind(socket).unwrap());
        tonic::transport::Server::builder().add_service(server).serve_with_incoming(incoming).await
    };
    runtime.block_on(serving).unwrap();
}

struct Bare(PresignResponse);

impl Bare {
    fn result(&self) -> PresignResult {
        PresignResult { result: Some(presign_result::Result::Response(self.0.clone())) }
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Signer for Bare {
    type PresignStreamStream = Answers<PresignStreamResponse>;
    type ResignStream = Answers<ResignResponse>;

    async fn presign(&self, _: Request<PresignRequest>) -> Result<Response<PresignResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn presign_batch(
        &self,
        request: Request<PresignBatchRequest>,
    ) -> Result<Response<PresignBatchResponse>, Status> {
        let results = request.into_inner().requests.iter().map(|_| self.result()).collect();
        Ok(Response::new(PresignBatchResponse { results }))
    }

    async fn presign_stream(
        &self,
        request: Request<Streaming<PresignStreamRequest>>,
    ) -> Result<Response<Self::PresignStreamStream>, Status> {
        let result = self.result();
        let answer = move |item: Result<PresignStreamRequest, Status>| {
            item.map(|item| PresignStreamResponse { sequence: item.sequence, result: Some(result.clone()) })
        };
        Ok(Response::new(Box::pin(request.into_inner().map(answer))))
    }

    async fn presign_post(&self, _: Request<PresignPostRequest>) -> Result<Response<PresignPostResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn resign(&self, _: Request<ResignRequest>) -> Result<Response<Self::ResignStream>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }
}
