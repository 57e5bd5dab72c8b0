"""Asks the daemon for a URL for each key, all at the same time, with asyncio. usage: presign_async.py BUCKET KEY… SECONDS"""

import asyncio
import sys

import grpc
from google.protobuf.duration_pb2 import Duration
from presignd.address import address
from presignd.refused import of_call
from presignd.v1.presignd_pb2 import PresignRequest, S3Request
from presignd.v1.presignd_pb2_grpc import SignerStub


async def main(bucket, *keys, seconds):
    async with grpc.aio.insecure_channel(address()) as channel:
        signer = SignerStub(channel)

        def presign(key):
            request = S3Request(operation="OPERATION_GET_OBJECT", bucket=bucket, key=key)
            return signer.Presign(PresignRequest(request=request, expires_in=Duration(seconds=seconds)), timeout=30)

        try:
            answers = await asyncio.gather(*map(presign, keys))
        except grpc.aio.AioRpcError as error:
            sys.exit(str(of_call(error)))
    for answer in answers:
        print(answer.url, flush=True)
        print(f"usable until {answer.usable_until.ToJsonString()}", file=sys.stderr)


asyncio.run(main(*sys.argv[1:-1], seconds=int(sys.argv[-1])))
