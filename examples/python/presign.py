"""Asks the daemon for a URL, and says how long it lives. usage: presign.py BUCKET KEY SECONDS"""

import sys

import grpc
from google.protobuf.duration_pb2 import Duration
from presignd.address import address
from presignd.refused import of_call
from presignd.v1.presignd_pb2 import LimitedBy, PresignRequest, S3Request
from presignd.v1.presignd_pb2_grpc import SignerStub

bucket, key, seconds = sys.argv[1:]
asked = PresignRequest(
    request=S3Request(operation="OPERATION_GET_OBJECT", bucket=bucket, key=key),
    expires_in=Duration(seconds=int(seconds)),
)
with grpc.insecure_channel(address()) as channel:
    try:
        answer = SignerStub(channel).Presign(asked, timeout=30)
    except grpc.RpcError as error:
        sys.exit(str(of_call(error)))
print(answer.url, flush=True)
print(f"usable until {answer.usable_until.ToJsonString()}, {LimitedBy.Name(answer.limited_by)}", file=sys.stderr)
