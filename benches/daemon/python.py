"""URLs per second that one Python process gets: from the daemon by grpcio, each recorded durably, and from boto3 by itself.

usage: python.py PROTO_DIR SIGN_SOCKET [quick]; scripts/bench runs it by way of benches/daemon.
"""

import asyncio
import importlib
import os
import sys
import tempfile
import time

import boto3
import grpc
import grpc_tools
from botocore.config import Config
from google.protobuf.duration_pb2 import Duration
from grpc_tools import protoc


def generate(protos):
    out = tempfile.mkdtemp()
    known = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
    arguments = ["protoc", f"-I{protos}", f"-I{known}", f"--python_out={out}", f"--grpc_python_out={out}"]
    assert protoc.main(arguments + ["presignd/v1/presignd.proto", "presignd/v1/event.proto"]) == 0
    sys.path.insert(0, out)
    return importlib.import_module("presignd.v1.presignd_pb2"), importlib.import_module("presignd.v1.presignd_pb2_grpc")


protos, socket, *quick = sys.argv[1:]
pb, rpc = generate(protos)
SECONDS, ROUNDS = (0.5, 3) if quick else (2, 5)
OPTIONS = [("grpc.max_receive_message_length", 64 << 20)]
signer = rpc.SignerStub(grpc.insecure_channel(f"unix:{socket}", options=OPTIONS))
numbers = iter(range(1 << 60))
session = boto3.session.Session(
    aws_access_key_id="ASIAQWERTYUIOPASDFGH",
    aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    aws_session_token=("IQoJb3JpZ2luX2VjEHEaCXVzLWVhc3QtMSJHMEUCIQ/+=" * 30)[:1000],
    region_name="eu-central-1",
)
s3 = session.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))


def key():
    return f"2026/11/22/holiday-{next(numbers):07}.jpg"


def request():
    wanted = pb.S3Request(operation=pb.OPERATION_GET_OBJECT, bucket="photos", key=key())
    return pb.PresignRequest(request=wanted, expires_in=Duration(seconds=3600))


def by_boto3():
    s3.generate_presigned_url("get_object", Params={"Bucket": "photos", "Key": key()}, ExpiresIn=3600)
    return 1


def one():
    assert signer.Presign(request()).url
    return 1


def batch(size):
    answer = signer.PresignBatch(pb.PresignBatchRequest(requests=[request() for _ in range(size)]))
    assert all(result.response.url for result in answer.results)
    return size


def rate(call):
    began, urls = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        urls += call()
    return urls / (time.perf_counter() - began)


async def in_flight(calls):
    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        stub = rpc.SignerStub(channel)
        began, urls = time.perf_counter(), 0

        async def ask():
            nonlocal urls
            while time.perf_counter() - began < SECONDS:
                await stub.Presign(request())
                urls += 1

        await asyncio.gather(*(ask() for _ in range(calls)))
        return urls / (time.perf_counter() - began)


WAYS = {
    "boto3": lambda: rate(by_boto3),
    "unary alone": lambda: rate(one),
    "unary 64": lambda: asyncio.run(in_flight(64)),
    "batch 100": lambda: rate(lambda: batch(100)),
    "batch 1000": lambda: rate(lambda: batch(1000)),
}
rounds = {name: [] for name in WAYS}
for _ in range(ROUNDS):
    for name, way in WAYS.items():
        rounds[name].append(way())
for name, rates in rounds.items():
    print(f"{name}: {' '.join(str(rate) for rate in rates)}")
