"""A client that presignd's authors did not write: grpcio on a plain unix: target, and urllib for the bearer.

usage: client.py PROTO_DIR SIGN_SOCKET ADMIN_SOCKET

Each check is a function whose name is a sentence that can be false. The daemon behind the socket has one identity, `web`,
whose sessions last an hour, and an S3 that verifies what it is sent.
"""

import importlib
import os
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import uuid

import grpc
import grpc_tools
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from grpc_tools import protoc

BUCKET = "photos"


def generate(protos):
    """The stubs, made as a user of the proto would make them."""
    out = tempfile.mkdtemp()
    known = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
    arguments = ["protoc", f"-I{protos}", f"-I{known}", f"--python_out={out}", f"--grpc_python_out={out}"]
    assert protoc.main(arguments + ["presignd/v1/presignd.proto", "presignd/v1/event.proto"]) == 0
    sys.path.insert(0, out)
    return (
        importlib.import_module("presignd.v1.presignd_pb2"),
        importlib.import_module("presignd.v1.presignd_pb2_grpc"),
    )


protos, sign_socket, admin_socket = sys.argv[1:4]
pb, rpc = generate(protos)
channel = grpc.insecure_channel(f"unix:{sign_socket}")
admin = grpc.insecure_channel(f"unix:{admin_socket}")
signer = rpc.SignerStub(channel)
registry = rpc.RegistryStub(channel)
identities = rpc.IdentitiesStub(channel)


def request(key, operation="GET_OBJECT", seconds=600, **more):
    inner = {name: more.pop(name) for name in ("query", "headers") if name in more}
    s3 = pb.S3Request(operation=getattr(pb, f"OPERATION_{operation}"), bucket=BUCKET, key=key, **inner)
    return pb.PresignRequest(request=s3, expires_in=Duration(seconds=seconds), **more)


def presign(key, **more):
    return signer.Presign(request(key, **more), timeout=20)


def use(answer, body=None):
    """What the bearer does: the URL, the method and the headers it was given, and nothing else."""
    sent = urllib.request.Request(answer.url, data=body, method=answer.method, headers=dict(answer.headers))
    try:
        with urllib.request.urlopen(sent, timeout=20) as got:
            return got.status, got.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def put(key, body):
    assert use(presign(key, operation="PUT_OBJECT"), body)[0] == 200


def refusal(call):
    """The code of a failed call, and its details by the name of their type."""
    try:
        call()
    except grpc.RpcError as error:
        status = rpc_status.from_call(error)
        assert status is not None, f"no details: {error}"
        assert status.message, "a failure says why"
        return error.code(), details(status)
    raise AssertionError("the call did not fail")


def details(status):
    found = {}
    for any_ in status.details:
        name = any_.type_url.rsplit(".", 1)[1]
        kind = getattr(error_details_pb2, name)()
        assert any_.Unpack(kind)
        found[name] = kind
    assert found["ErrorInfo"].domain == "presignd"
    return found


# ---- signing ----------------------------------------------------------------------------------------------------------


def an_object_is_put_and_fetched_by_urls_alone():
    put("python/a b+ü.txt", b"hello")
    assert use(presign("python/a b+ü.txt")) == (200, b"hello")
    assert use(presign("python/a b+ü.txt", operation="DELETE_OBJECT"))[0] == 204
    assert use(presign("python/a b+ü.txt"))[0] == 404


def headers_that_were_signed_must_be_sent():
    answer = presign("python/typed", operation="PUT_OBJECT", headers={"Content-Type": "text/css", "x-amz-meta-a": "b"})
    assert {name.lower(): value for name, value in answer.headers.items()} == {
        "content-type": "text/css",
        "x-amz-meta-a": "b",
    }
    assert use(answer, b"x")[0] == 200
    altered = pb.PresignResponse()
    altered.CopyFrom(answer)
    for name in answer.headers:
        altered.headers[name] = "other"
    assert use(altered, b"x")[0] == 403


def an_answer_says_when_the_url_ends_and_what_set_that_end():
    answer = presign("python/x", seconds=600)
    assert answer.limited_by == pb.LIMITED_BY_REQUEST
    assert answer.usable_until.seconds == answer.signed_at.seconds + 600
    assert answer.expires_in.seconds == 600
    assert "X-Amz-Expires=600" in answer.url
    assert answer.session.identity == "web"
    assert answer.session.expires_at.seconds >= answer.usable_until.seconds


def a_batch_answers_in_order_and_one_failure_fails_no_other():
    put("python/batch", b"batch")
    bad = request("python/batch")
    bad.request.bucket = "NO"
    results = signer.PresignBatch(
        pb.PresignBatchRequest(requests=[request("python/batch"), bad, request("python/batch", seconds=60)])
    ).results
    assert [result.WhichOneof("result") for result in results] == ["response", "failure", "response"]
    assert use(results[2].response) == (200, b"batch")
    assert results[1].failure.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    found = details(results[1].failure)
    assert found["BadRequest"].field_violations[0].field.endswith("request.bucket"), found


def a_stream_answers_each_request_in_order():
    asked = [pb.PresignStreamRequest(sequence=n, request=request(f"python/stream/{n}")) for n in range(100)]
    answers = list(signer.PresignStream(iter(asked), timeout=30))
    assert [answer.sequence for answer in answers] == list(range(100))
    assert all(answer.result.WhichOneof("result") == "response" for answer in answers)
    assert f"python/stream/99" in answers[99].result.response.url


def a_stream_that_comes_faster_than_it_is_recorded_keeps_its_connection():
    asked = (pb.PresignStreamRequest(sequence=n, request=request(f"python/{n}")) for n in range(5000))
    answers = list(signer.PresignStream(asked, timeout=60))
    assert [answer.sequence for answer in answers] == list(range(5000))
    assert all(answer.result.response.url for answer in answers)


def a_form_uploads_what_its_policy_allows_and_nothing_else():
    form = signer.PresignPost(
        pb.PresignPostRequest(
            bucket=BUCKET,
            key_starts_with="python/form/",
            fields={"Content-Type": "text/plain"},
            content_length_range=pb.ContentLengthRange(minimum=1, maximum=5),
            expires_in=Duration(seconds=600),
        )
    )

    def upload(key, body):
        boundary = uuid.uuid4().hex
        fields = {**form.fields, "key": key}
        parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n')
        data = "".join(parts).encode() + body + f"\r\n--{boundary}--\r\n".encode()
        sent = urllib.request.Request(form.url, data=data, method="POST")
        sent.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
        try:
            with urllib.request.urlopen(sent, timeout=20) as got:
                return got.status
        except urllib.error.HTTPError as error:
            return error.code

    assert upload("python/form/a.txt", b"12345") in (200, 204)
    assert use(presign("python/form/a.txt")) == (200, b"12345")
    # S3 answers 403; the server of the tests says 400 to every breach of a policy.
    assert upload("python/other.txt", b"12345") in (400, 403)
    assert upload("python/form/a.txt", b"123456") == 400
    assert use(presign("python/other.txt"))[0] == 404


def a_repeated_request_id_gives_the_same_url_and_another_request_is_refused():
    id = uuid.uuid4().hex
    first = presign("python/once", request_id=id)
    again = presign("python/once", request_id=id)
    assert (first.url, first.id) == (again.url, again.id)
    code, found = refusal(lambda: presign("python/twice", request_id=id))
    assert (code, found["ErrorInfo"].reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


# ---- refusals ---------------------------------------------------------------------------------------------------------


def a_bad_field_is_named():
    cases = {
        "expires_in": request("k", seconds=8 * 86400),
        "request.key": request(""),
        "identity": request("k", identity="no such name!"),
    }
    for field, asked in cases.items():
        code, found = refusal(lambda: signer.Presign(asked))
        assert (code, found["ErrorInfo"].reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"), (field, code)
        named = [violation.field for violation in found["BadRequest"].field_violations]
        assert named == [field], (field, named)


def an_unknown_identity_is_not_found():
    code, found = refusal(lambda: presign("k", identity="nobody"))
    assert (code, found["ErrorInfo"].reason) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_IDENTITY")


def a_life_that_no_session_has_is_refused_with_the_longest_there_is():
    asked = request("k", seconds=7200, at_least=Duration(seconds=7200))
    code, found = refusal(lambda: signer.Presign(asked))
    info = found["ErrorInfo"]
    assert (code, info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SESSION_TOO_SHORT")
    assert 0 < int(info.metadata["longest_now_seconds"]) <= 3600, info
    assert 3500 < int(info.metadata["longest_fresh_seconds"]) <= 3600, info
    assert info.metadata["limited_by"] == "session", info
    assert found["PreconditionFailure"].violations


def raw(method, kind=channel.unary_unary):
    """A call of bytes as they are."""
    return kind(f"/presignd.v1.{method}", request_serializer=bytes, response_deserializer=bytes)


def a_message_over_the_bound_is_refused_with_the_bound():
    big = pb.PresignBatchRequest(requests=[request("k" * 1000)] * 5000)
    calls = {
        "unary": lambda: signer.PresignBatch(big, timeout=20),
        "stream": lambda: list(
            signer.PresignStream(
                iter([pb.PresignStreamRequest(request=request("k", on_behalf_of="x" * (5 << 20)))]), timeout=20
            )
        ),
        "registry": lambda: registry.ExplainUrl(pb.ExplainUrlRequest(url="x" * (4 << 20)), timeout=20),
    }
    for name, call in calls.items():
        code, found = refusal(call)
        info = found["ErrorInfo"]
        assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE"), (name, code, info)
        assert info.metadata["limit_bytes"] == str(4 << 20), (name, info)
    assert int(info.metadata["found_bytes"]) == (4 << 20) + 5, info


def what_is_no_message_is_refused_as_the_callers_fault():
    for name, call in {
        "wrong type": lambda: raw("Signer/Presign")(b"\x08\x01", timeout=20),
        "cut off": lambda: raw("Registry/GetUrl")(b"\x0a\x7fabc", timeout=20),
        "not UTF-8": lambda: raw("Registry/GetUrl")(b"\x0a\x02\xc3\x28", timeout=20),
        "in a stream": lambda: list(raw("Signer/PresignStream", channel.stream_stream)(iter([b"\x12\x01\xff"]))),
    }.items():
        code, found = refusal(call)
        expected = (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE")
        assert (code, found["ErrorInfo"].reason) == expected, (name, code, found)


def renewing_is_not_for_the_signing_socket():
    code, _ = refusal(lambda: identities.RenewIdentity(pb.RenewIdentityRequest(name="web")))
    assert code == grpc.StatusCode.PERMISSION_DENIED, code


# ---- questions --------------------------------------------------------------------------------------------------------


def a_url_is_found_again_by_its_id_and_by_its_text():
    answer = presign("python/found", on_behalf_of="alice", labels={"ticket": "7"})
    record = registry.GetUrl(pb.GetUrlRequest(id=answer.id)).url
    assert (record.request.key, record.on_behalf_of, dict(record.labels)) == ("python/found", "alice", {"ticket": "7"})
    assert (record.caller.uid, record.caller.pid) == (os.getuid(), os.getpid())
    assert record.usable_until == answer.usable_until
    found = registry.FindUrl(pb.FindUrlRequest(text=answer.url)).found
    assert [(hit.url.id, hit.match) for hit in found] == [(answer.id, pb.FoundUrl.MATCH_SIGNATURE)]
    explained = registry.ExplainUrl(pb.ExplainUrlRequest(url=answer.url))
    assert (explained.bucket, explained.key, explained.state) == (BUCKET, "python/found", "usable")
    assert explained.has_session_token
    pages, token = [], ""
    while True:
        page = registry.ListUrls(
            pb.ListUrlsRequest(filter=pb.UrlFilter(key_prefix="python/stream/"), page_size=30, page_token=token)
        )
        pages += [url.request.key for url in page.urls]
        token = page.next_page_token
        if not token:
            break
    assert len(pages) == len(set(pages)) == 100


def an_identity_says_how_long_a_url_can_live():
    web = identities.GetIdentity(pb.GetIdentityRequest(name="web")).identity
    assert web.state == pb.IDENTITY_STATE_READY
    assert 0 < web.longest_now.seconds <= 3600
    assert web.sessions[0].principal_arn.startswith("arn:aws:sts::123456789012:assumed-role/")
    assert [one.name for one in identities.ListIdentities(pb.ListIdentitiesRequest()).identities] == ["web"]


def the_admin_socket_renews_an_identity():
    before = identities.GetIdentity(pb.GetIdentityRequest(name="web")).identity.sessions[0].reference.generation
    after = rpc.IdentitiesStub(admin).RenewIdentity(pb.RenewIdentityRequest(name="web"), timeout=60).identity
    assert after.sessions[0].reference.generation > before


def health_and_reflection_are_served():
    for each in (channel, admin):
        answer = health_pb2_grpc.HealthStub(each).Check(health_pb2.HealthCheckRequest(service=""))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        services = next(iter(reflection_pb2_grpc.ServerReflectionStub(each).ServerReflectionInfo(iter([ask]))))
        names = {service.name for service in services.list_services_response.service}
        assert {"presignd.v1.Signer", "presignd.v1.Identities", "presignd.v1.Registry"} <= names, names


def many_callers_share_one_channel():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: presign(f"python/many/{n}").id, range(200)))
    assert len(set(answers)) == 200


def main():
    checks = [check for name, check in globals().items() if callable(check) and name.count("_") >= 3]
    failed = 0
    for check in checks:
        words = check.__name__.replace("_", " ")
        try:
            check()
            print(f"ok    {words}", flush=True)
        except Exception as error:  # the next check still says something
            failed += 1
            import traceback

            traceback.print_exc()
            print(f"FAIL  {words}: {type(error).__name__} {error}", flush=True)
    print(f"python grpcio {grpc.__version__}: {len(checks)} checks, {failed} failed")
    sys.exit(failed != 0)


main()
