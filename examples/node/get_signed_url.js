// The AWS SDK's own way to presign, with the daemon behind it: one line differs. usage: node get_signed_url.js BUCKET KEY SECONDS
'use strict';

const { S3Client, GetObjectCommand } = require('@aws-sdk/client-s3');
const { getSignedUrl } = require('presignd'); // and not @aws-sdk/s3-request-presigner

const [Bucket, Key, seconds] = process.argv.slice(2);
const client = new S3Client({ region: 'us-east-1' });
getSignedUrl(client, new GetObjectCommand({ Bucket, Key }), { expiresIn: Number(seconds) })
  .then((url) => console.log(url))
  .catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
