"""Presigns with botocore. Reads one case a line, as JSON, and writes what botocore makes of it, one line each.

sign      S3SigV4QueryAuth on a request whose host is given: the parameters.
address   A client and its endpoint rules: the whole URL.
post      generate_presigned_post, and the signature of a policy that was made elsewhere.
"""

import base64
import datetime
import functools
import json
import sys

import botocore.auth
import botocore.session
import botocore.signers
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.utils import percent_encode

ACCESS_KEY_ID = "ASIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

# The keyword arguments of client methods that a query parameter or a header is set by.
ARGUMENTS = {
    "versionId": "VersionId",
    "response-content-type": "ResponseContentType",
    "response-content-disposition": "ResponseContentDisposition",
    "uploadId": "UploadId",
    "partNumber": "PartNumber",
    "prefix": "Prefix",
    "content-type": "ContentType",
    "x-amz-acl": "ACL",
    "x-amz-storage-class": "StorageClass",
    "x-amz-expected-bucket-owner": "ExpectedBucketOwner",
    "if-none-match": "IfNoneMatch",
}
METHODS = {
    "GetObject": "get_object",
    "HeadObject": "head_object",
    "PutObject": "put_object",
    "DeleteObject": "delete_object",
    "UploadPart": "upload_part",
    "CreateMultipartUpload": "create_multipart_upload",
    "AbortMultipartUpload": "abort_multipart_upload",
    "GetObjectTagging": "get_object_tagging",
    "HeadBucket": "head_bucket",
    "ListObjectsV2": "list_objects_v2",
}


def stop_the_clock(text):
    now = datetime.datetime.strptime(text, "%Y%m%dT%H%M%SZ")
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: now
    botocore.signers.get_current_datetime = lambda remove_tzinfo=True: now


def credentials(case):
    return Credentials(ACCESS_KEY_ID, SECRET, case["token"])


def sign(case):
    url = f"{case['scheme']}://{case['host']}{percent_encode(case['path'], safe='/~')}"
    request = AWSRequest(
        method=case["method"], url=url, headers=dict(case["headers"]), params=dict(case["query"])
    )
    signer = botocore.auth.S3SigV4QueryAuth(credentials(case), "s3", case["region"], expires=case["expires"])
    signer.add_auth(request)
    return {"url": request.url}


SESSION = botocore.session.Session()
SESSION.set_credentials(ACCESS_KEY_ID, SECRET)


@functools.cache
def client(region, endpoint_url, style, dual_stack, fips, accelerate):
    config = Config(
        signature_version="s3v4",
        use_dualstack_endpoint=dual_stack,
        use_fips_endpoint=fips,
        request_checksum_calculation="when_required",
        s3={
            "addressing_style": style,
            "use_accelerate_endpoint": accelerate,
            "us_east_1_regional_endpoint": "regional",
        },
    )
    return SESSION.create_client("s3", region_name=region, endpoint_url=endpoint_url, config=config)


def client_of(case):
    names = ("region", "endpoint_url", "style", "dual_stack", "fips", "accelerate")
    made = client(*(case[name] for name in names))
    # Making a client takes long; changing the credentials it signs with does not.
    made._request_signer._credentials = credentials(case)
    return made


def address(case):
    arguments = {"Bucket": case["bucket"]}
    if case["key"] is not None:
        arguments["Key"] = case["key"]
    for name, value in case["query"] + case["headers"]:
        if name in ARGUMENTS:
            arguments[ARGUMENTS[name]] = int(value) if name == "partNumber" else value
    method = METHODS[case["operation"]]
    return {"url": client_of(case).generate_presigned_url(method, Params=arguments, ExpiresIn=case["expires"])}


def post(case):
    form = client_of(case).generate_presigned_post(
        case["bucket"],
        case["key"],
        Fields=dict(case["fields"]),
        Conditions=case["conditions"],
        ExpiresIn=case["expires"],
    )
    request = AWSRequest()
    request.context["timestamp"] = case["at"]
    signer = botocore.auth.S3SigV4PostAuth(credentials(case), "s3", case["region"])
    return {
        "url": form["url"],
        "fields": form["fields"],
        "policy": json.loads(base64.b64decode(form["fields"]["policy"])),
        "signature_of_policy": signer.signature(case["policy"], request),
    }


def main():
    for line in sys.stdin:
        case = json.loads(line)
        stop_the_clock(case["at"])
        try:
            answer = {"sign": sign, "address": address, "post": post}[case["kind"]](case)
        except Exception as error:  # The test says which case it was.
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
