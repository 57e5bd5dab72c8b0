//! The objects, in memory, and as much of S3 as the tests use. What is not here answers 501 after every check.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use tokio_stream::StreamExt;

/// Every bucket exists; objects are there when they were put.
#[derive(Clone, Default)]
pub struct Store {
    objects: Arc<Mutex<BTreeMap<(String, String), Stored>>>,
}

/// An object.
#[derive(Clone, Default)]
pub struct Stored {
    pub body: Bytes,
    pub content_type: Option<String>,
    pub metadata: Option<Metadata>,
}

impl Store {
    /// Puts an object in, behind S3's back.
    pub fn put(&self, bucket: &str, key: &str, body: impl Into<Bytes>) {
        let stored = Stored { body: body.into(), ..Stored::default() };
        self.lock().insert((bucket.to_owned(), key.to_owned()), stored);
    }

    /// Takes a look at one.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Stored> {
        self.lock().get(&(bucket.to_owned(), key.to_owned())).cloned()
    }

    fn find(&self, bucket: &str, key: &str) -> S3Result<Stored> {
        self.get(bucket, key).ok_or_else(|| s3_error!(NoSuchKey, "The specified key does not exist."))
    }

    fn list(&self, bucket: &str, prefix: &str) -> Vec<Object> {
        let objects = self.lock();
        let here = objects.iter().filter(|((home, key), _)| home == bucket && key.starts_with(prefix));
        here.map(|((_, key), stored)| Object { key: Some(key.clone()), size: length(stored), ..Object::default() })
            .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), Stored>> {
        self.objects.lock().expect("no holder panics")
    }
}

fn length(stored: &Stored) -> Option<i64> {
    i64::try_from(stored.body.len()).ok()
}

async fn whole(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let mut all = Vec::new();
    if let Some(mut body) = body {
        while let Some(part) = body.next().await {
            all.extend_from_slice(&part.map_err(|_| s3_error!(IncompleteBody))?);
        }
    }
    Ok(all.into())
}

fn answer<T>(output: T) -> S3Result<S3Response<T>> {
    Ok(S3Response::new(output))
}

#[async_trait::async_trait]
impl S3 for Store {
    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let asked = request.input;
        let stored = self.find(&asked.bucket, &asked.key)?;
        answer(GetObjectOutput {
            content_length: length(&stored),
            content_type: asked.response_content_type.or(stored.content_type),
            content_disposition: asked.response_content_disposition,
            cache_control: asked.response_cache_control,
            metadata: stored.metadata,
            body: Some(StreamingBlob::wrap(tokio_stream::once(Ok::<_, std::io::Error>(stored.body)))),
            ..GetObjectOutput::default()
        })
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let stored = self.find(&request.input.bucket, &request.input.key)?;
        let content_length = length(&stored);
        answer(HeadObjectOutput { content_length, metadata: stored.metadata, ..HeadObjectOutput::default() })
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let asked = request.input;
        let place = (asked.bucket, asked.key);
        if asked.if_none_match.is_some() && self.lock().contains_key(&place) {
            return Err(s3_error!(PreconditionFailed));
        }
        let stored =
            Stored { body: whole(asked.body).await?, content_type: asked.content_type, metadata: asked.metadata };
        self.lock().insert(place, stored);
        answer(PutObjectOutput::default())
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.lock().remove(&(request.input.bucket, request.input.key));
        answer(DeleteObjectOutput::default())
    }

    async fn head_bucket(&self, _: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        answer(HeadBucketOutput::default())
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let asked = request.input;
        let contents = self.list(&asked.bucket, asked.prefix.as_deref().unwrap_or_default());
        answer(ListObjectsOutput { contents: Some(contents), name: Some(asked.bucket), ..ListObjectsOutput::default() })
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let asked = request.input;
        let contents = self.list(&asked.bucket, asked.prefix.as_deref().unwrap_or_default());
        answer(ListObjectsV2Output {
            key_count: i32::try_from(contents.len()).ok(),
            contents: Some(contents),
            name: Some(asked.bucket),
            prefix: asked.prefix,
            ..ListObjectsV2Output::default()
        })
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        answer(CreateMultipartUploadOutput {
            bucket: Some(request.input.bucket),
            key: Some(request.input.key),
            upload_id: Some(UPLOAD.to_owned()),
            ..CreateMultipartUploadOutput::default()
        })
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let asked = request.input;
        let part = format!("{}\u{0}{}\u{0}{:05}", asked.key, asked.upload_id, asked.part_number);
        let body = whole(asked.body).await?;
        self.lock().insert((asked.bucket, part), Stored { body, ..Stored::default() });
        answer(UploadPartOutput { e_tag: Some(ETag::Strong("part".to_owned())), ..UploadPartOutput::default() })
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let asked = request.input;
        let prefix = format!("{}\u{0}{}\u{0}", asked.key, asked.upload_id);
        let mut objects = self.lock();
        let mine = |(bucket, key): &(String, String)| *bucket == asked.bucket && key.starts_with(&prefix);
        let parts: Vec<_> = objects.keys().filter(|place| mine(place)).cloned().collect();
        let bodies: Vec<Bytes> = parts.iter().filter_map(|place| objects.remove(place)).map(|part| part.body).collect();
        if bodies.is_empty() {
            return Err(s3_error!(NoSuchUpload));
        }
        objects.insert((asked.bucket, asked.key), Stored { body: bodies.concat().into(), ..Stored::default() });
        answer(CompleteMultipartUploadOutput::default())
    }

    async fn abort_multipart_upload(
        &self,
        _: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        answer(AbortMultipartUploadOutput::default())
    }
}

/// The only upload there ever is.
const UPLOAD: &str = "upload-1";
