"""boto3 beside the signers of benches/signer: reads the work as JSON on standard input, writes one URL and its rates.

Never run by hand: benches/signer runs it in the Python environment of the tests.
"""

import datetime
import json
import sys
import time
from urllib.parse import urlsplit

import boto3
import botocore.auth
from botocore.config import Config

work = json.load(sys.stdin)
session = boto3.session.Session(work["access_key_id"], work["secret"], work["token"], region_name=work["region"])
s3 = session.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))


def sign(number):
    parameters = {"Bucket": work["bucket"], "Key": work["keys"][number]}
    return s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=work["expires_in"])


def rate():
    began, signed = time.thread_time(), 0
    while True:
        for _ in range(10):
            sign(signed % 1000)
            signed += 1
        took = time.thread_time() - began
        if took > work["seconds"]:
            return signed / took


# One URL of the moment that the others sign for; the rates are of whatever moment it is.
at = datetime.datetime.fromtimestamp(work["at"], datetime.timezone.utc)
real = botocore.auth.get_current_datetime
botocore.auth.get_current_datetime = lambda remove_tzinfo=True: at.replace(tzinfo=None) if remove_tzinfo else at
url = sign(work["probe"])
botocore.auth.get_current_datetime = real
host = f"{work['bucket']}.s3.{work['region']}.amazonaws.com"
assert urlsplit(url).hostname == host, f"boto3 signs another host: {urlsplit(url).hostname}"
rate()
print(json.dumps({"url": url, "rates": [rate() for _ in range(work["rounds"])]}))
