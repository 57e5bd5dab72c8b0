"""boto3's own way to presign, with the daemon behind it: one line more. usage: presign_boto3.py BUCKET KEY SECONDS"""

import sys

import boto3
from presignd.boto import PresigndError, presigns_by_daemon

bucket, key, seconds = sys.argv[1:]
s3 = presigns_by_daemon(boto3.client("s3"))
try:
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=int(seconds))
    form = s3.generate_presigned_post(bucket, key, ExpiresIn=int(seconds))
except PresigndError as error:
    sys.exit(str(error))
print(url, flush=True)
print(f"and uploads go to {form['url']} with the fields {', '.join(form['fields'])}", file=sys.stderr)
