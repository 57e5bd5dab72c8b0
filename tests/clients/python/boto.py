"""boto3 with the daemon behind it, held against boto3 with the daemon's own credentials.

usage: boto.py SIGN_SOCKET S3_ENDPOINT, with the key in the environment

The daemon has that key as its identity `key`, which signs by default, and `web`, whose sessions last an hour; an S3 that
verifies what it is sent stands behind both. Each check is a function whose name is a sentence that can be false.
"""

import base64
import copy
import datetime
import io
import json
import os
import pickle
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request
import uuid

import boto3
import botocore.auth
import botocore.signers
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ParamValidationError, UnknownClientMethodError
from presignd.boto import PresigndError, presigns_by_daemon

socket, endpoint = sys.argv[1:]
ON_BUCKET, ON_KEY = {"Bucket": "photos"}, {"Bucket": "photos", "Key": "boto/a b+ü&=%20?#.txt"}
UPLOAD = {**ON_KEY, "UploadId": "abc~1"}


def client(**options):
    s3 = {"addressing_style": "path"}
    config = Config(signature_version="s3v4", s3=s3)
    return boto3.client("s3", **{"region_name": "us-east-1", "endpoint_url": endpoint, "config": config, **options})


own = client()
ours = presigns_by_daemon(client(), socket)


def amz_date(text):
    return datetime.datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)


def at(when, call, *arguments, **options):
    """What boto3 signs at that instant. It changes what it is given, so it is given copies."""
    modules, former = (botocore.auth, botocore.signers), botocore.auth.get_current_datetime
    for module in modules:
        module.get_current_datetime = lambda *_, **__: when.replace(tzinfo=None)
    try:
        return call(*copy.deepcopy(arguments), **copy.deepcopy(options))
    finally:
        for module in modules:
            module.get_current_datetime = former


def parts(url):
    url = urllib.parse.urlsplit(url)
    return url.scheme, url.netloc, url.path, sorted(urllib.parse.parse_qsl(url.query, keep_blank_values=True))


def use(url, method="GET", headers=None, body=None):
    sent = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(sent, timeout=20) as got:
            return got.status, got.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


CASES = [
    ("get_object", ON_KEY),
    ("get_object", {**ON_KEY, "VersionId": "v+1", "ResponseContentType": "text/plain; x=y", "PartNumber": 2}),
    ("get_object", {**ON_KEY, "ResponseContentDisposition": 'attachment; filename="ü.txt"'}),
    ("get_object", {**ON_KEY, "Range": "bytes=0-9", "IfMatch": '"abc"', "RequestPayer": "requester"}),
    ("get_object", {**ON_KEY, "SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}),
    ("get_object", {**ON_KEY, "ExpectedBucketOwner": "123456789012", "ChecksumMode": "ENABLED"}),
    ("head_object", ON_KEY),
    ("put_object", ON_KEY),
    ("put_object", {**ON_KEY, "ContentType": "text/plain", "ContentLength": 5, "Metadata": {"a": "b c"}}),
    ("put_object", {**ON_KEY, "ACL": "public-read", "StorageClass": "STANDARD_IA", "Tagging": "a=b&c=d%20e"}),
    ("put_object", {**ON_KEY, "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/x", "BucketKeyEnabled": True}),
    ("put_object", {**ON_KEY, "ChecksumSHA256": base64.b64encode(b"x" * 32).decode(), "IfNoneMatch": "*"}),
    ("put_object", {**ON_KEY, "ContentMD5": base64.b64encode(b"x" * 16).decode(), "CacheControl": "no-cache"}),
    ("copy_object", {**ON_KEY, "CopySource": {"Bucket": "other", "Key": "a b"}, "MetadataDirective": "COPY"}),
    ("delete_object", {**ON_KEY, "VersionId": "v1"}),
    ("create_multipart_upload", {**ON_KEY, "ContentType": "text/plain"}),
    ("upload_part", {**UPLOAD, "PartNumber": 7}),
    ("complete_multipart_upload", UPLOAD),
    ("abort_multipart_upload", UPLOAD),
    ("list_parts", {**UPLOAD, "MaxParts": 10}),
    ("get_object_tagging", ON_KEY),
    ("get_object_attributes", {**ON_KEY, "ObjectAttributes": ["ETag", "ObjectSize"]}),
    ("get_object_acl", ON_KEY),
    ("list_objects_v2", {**ON_BUCKET, "Prefix": "a b/", "Delimiter": "/", "MaxKeys": 5}),
    ("list_objects", {**ON_BUCKET, "EncodingType": "url"}),
    ("list_object_versions", ON_BUCKET),
    ("list_multipart_uploads", ON_BUCKET),
    ("head_bucket", ON_BUCKET),
    ("get_bucket_location", ON_BUCKET),
    ("create_bucket", ON_BUCKET),
]

# ---- the same as boto3 ------------------------------------------------------------------------------------------------


def every_url_has_the_parameters_and_the_signature_of_boto3s_in_the_same_second():
    for method, params in [*CASES, ("get_object", {**ON_KEY, "HttpMethod": "HEAD"})]:
        options = {"HttpMethod": params.pop("HttpMethod", None), "ExpiresIn": 900}
        url = ours.generate_presigned_url(method, Params=copy.deepcopy(params), **options)
        when = amz_date(dict(parts(url)[3])["X-Amz-Date"])
        theirs = at(when, own.generate_presigned_url, method, Params=params, **options)
        # The signature is among the parameters; in a URL their order is free.
        assert parts(url) == parts(theirs), (method, params, url, theirs)


def what_boto3_would_sign_for_its_bearer_works_and_nothing_else():
    put = {"ContentType": "text/plain", "Metadata": {"a": "b"}}
    url = ours.generate_presigned_url("put_object", Params={**ON_KEY, **put}, ExpiresIn=60)
    headers = {"Content-Type": "text/plain", "x-amz-meta-a": "b"}
    assert use(url, "PUT", {**headers, "x-amz-meta-a": "c"}, b"hello")[0] == 403
    assert use(url, "PUT", headers, b"hello")[0] == 200
    assert use(ours.generate_presigned_url("get_object", Params=ON_KEY)) == (200, b"hello")
    listed = use(ours.generate_presigned_url("list_objects_v2", Params={**ON_BUCKET, "Prefix": "boto/"}))
    assert listed[0] == 200 and b"<Key>boto/" in listed[1], listed
    assert use(ours.generate_presigned_url("delete_object", Params=ON_KEY), "DELETE")[0] == 204


def a_client_is_addressed_as_it_is_configured():
    for style, named in [("virtual", "addressing.style"), ("auto", None), ("path", None)]:
        config = Config(signature_version="s3v4", s3={"addressing_style": style})
        by_daemon = presigns_by_daemon(client(config=config), socket)
        # The store has an address for a name, and so no place for a bucket before it.
        if named:
            assert named in str(refused(lambda: by_daemon.generate_presigned_url("get_object", Params=ON_KEY)))
        else:
            assert parts(by_daemon.generate_presigned_url("get_object", Params=ON_KEY))[2].startswith("/photos/")


def policy(form):
    policy = json.loads(base64.b64decode(form["fields"]["policy"]))
    return policy["expiration"], sorted(map(json.dumps, policy["conditions"]))


def every_form_is_the_one_that_boto3_signs_in_the_same_second():
    for key, fields, conditions in [
        ("boto/form", None, None),
        ("boto/${filename}", {"acl": "private"}, [{"acl": "private"}]),
        ("k", {"Content-Type": "image/png"}, [["starts-with", "$Content-Type", "image/"]]),
        ("k", {}, [["content-length-range", 1, 1000], ["starts-with", "$success_action_redirect", ""]]),
        ("k", {}, [{"x-amz-meta-a": "b"}]),
        ("k", {"Content-Type": "image/png", "x-amz-meta-A": "b"}, [{"content-type": "image/png"}, {"X-Amz-Meta-a": "b"}]),
    ]:
        form = ours.generate_presigned_post("photos", key, fields, conditions, 900)
        when = amz_date(form["fields"]["x-amz-date"])
        theirs = at(when, own.generate_presigned_post, "photos", key, fields, conditions, 900)
        assert form["url"] == theirs["url"]
        vary = ("policy", "x-amz-signature")  # the order of a policy is free
        assert {**form["fields"], **dict.fromkeys(vary)} == {**theirs["fields"], **dict.fromkeys(vary)}, (form, theirs)
        assert policy(form) == policy(theirs), (policy(form), policy(theirs))


def upload(form, body):
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form["fields"].items()
    ]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n')
    data = "".join(parts).encode() + body + f"\r\n--{boundary}--\r\n".encode()
    return use(form["url"], "POST", {"Content-Type": f"multipart/form-data; boundary={boundary}"}, data)[0]


def a_form_uploads_also_with_a_field_that_no_condition_names():
    # Of boto3's own form S3 says that it has an extra input field.
    form = ours.generate_presigned_post(
        "photos", "boto/form", {"Content-Type": "text/plain"}, [["content-length-range", 1, 5]]
    )
    assert upload(form, b"123456") == 400
    assert upload(form, b"12345") in (200, 204)
    assert use(ours.generate_presigned_url("get_object", Params={**ON_BUCKET, "Key": "boto/form"})) == (200, b"12345")


def what_is_not_presigned_is_signed_by_the_clients_own_credentials():
    ours.put_object(Bucket="photos", Key="boto/own", Body=b"own")
    assert ours.get_object(Bucket="photos", Key="boto/own")["Body"].read() == b"own"


# ---- what differs -----------------------------------------------------------------------------------------------------


def refused(call, kind=PresigndError):
    try:
        answer = call()
    except kind as error:
        assert isinstance(error, BotoCoreError)
        return error
    raise AssertionError(f"it was not refused: {answer}")


def a_life_that_cannot_be_had_is_refused_and_never_cut_unless_the_program_says_so():
    def sign(at_least=None, seconds=7200, post=False):
        web = presigns_by_daemon(client(), socket, identity="web", at_least=at_least)
        if post:
            return web.generate_presigned_post("photos", "k", ExpiresIn=seconds)["url"]
        return web.generate_presigned_url("get_object", Params=ON_KEY, ExpiresIn=seconds)

    # Nine tenths, of which the daemon makes do by itself, are not enough either.
    for seconds, post in ((7200, False), (3700, False), (7200, True)):
        error = refused(lambda: sign(seconds=seconds, post=post))
        assert error.reason == "SESSION_TOO_SHORT", error
        assert 3500 < int(error.metadata["longest_fresh_seconds"]) <= 3600, error.metadata
        assert pickle.loads(pickle.dumps(error)).reason == error.reason
    lives = int(dict(parts(sign(at_least=600))[3])["X-Amz-Expires"])
    assert 600 <= lives <= 3600, lives
    assert "X-Amz-Expires=60" in sign(at_least=600, seconds=60)


def what_nobody_can_sign_is_refused_by_boto3_or_by_presignd_in_so_many_words():
    sign = ours.generate_presigned_url
    assert "nope" in str(refused(lambda: sign("nope"), UnknownClientMethodError))
    assert "Kye" in str(refused(lambda: sign("get_object", Params={**ON_BUCKET, "Kye": "k"}), ParamValidationError))
    assert "no bucket" in str(refused(lambda: sign("list_buckets"), ParamValidationError))
    assert refused(lambda: sign("get_object", Params=ON_KEY, ExpiresIn=8 * 86400)).reason == "INVALID_FIELD"
    elsewhere = presigns_by_daemon(client(), "/nowhere/presignd.sock", timeout=5)
    assert refused(lambda: elsewhere.generate_presigned_url("get_object", Params=ON_KEY)).reason == ""
    other = boto3.client("sts", region_name="us-east-1")
    assert "S3" in str(refused(lambda: presigns_by_daemon(other, socket)))
    resource = boto3.resource("s3", region_name="us-east-1")
    for kind in (resource, resource.Bucket("photos"), boto3):
        assert "meta.client" in str(refused(lambda: presigns_by_daemon(kind, socket)))


def a_client_that_is_wrapped_for_every_request_signs_and_never_for_another_user():
    s3 = client()
    for _ in range(2000):
        assert presigns_by_daemon(s3, socket, on_behalf_of="ann", labels={"team": "a"}) is s3
    assert s3.generate_presigned_url("get_object", Params=ON_KEY)
    # Threads share a client: what is said for one of them would be recorded of the other's URL.
    for differs in ({"on_behalf_of": "bob"}, {"labels": {}}, {"identity": "web"}, {"at_least": 60}, {"timeout": 5}):
        settings = {"on_behalf_of": "ann", "labels": {"team": "a"}, **differs}
        error = refused(lambda: presigns_by_daemon(s3, socket, **settings))
        assert all(f"another {name}" in str(error) for name in differs) and "function" in str(error), error
    assert "another socket" in str(refused(lambda: presigns_by_daemon(s3, "/nowhere", on_behalf_of="ann", labels={"team": "a"})))


def whatever_would_stand_in_a_body_is_refused_by_name_where_boto3_refuses_too():
    objects = {"Objects": [{"Key": "a"}]}
    select = {"Expression": "x", "ExpressionType": "SQL", "InputSerialization": {}, "OutputSerialization": {}}
    # What a bearer could put in its place, boto3 refuses; but it signs an empty file, and parts of a policy.
    for method, params, named, boto3_signs in [
        ("delete_objects", {**ON_BUCKET, "Delete": objects}, "Delete:", False),
        ("put_object", {**ON_KEY, "Body": b"abc"}, "Body:", False),
        ("put_object", {**ON_KEY, "Body": io.BytesIO(b"abc")}, "Body:", False),
        ("put_object", {**ON_KEY, "Body": b""}, "Body:", True),
        ("upload_part", {**UPLOAD, "PartNumber": 1, "Body": b"abc"}, "Body:", False),
        ("complete_multipart_upload", {**UPLOAD, "MultipartUpload": {"Parts": []}}, "MultipartUpload:", False),
        ("select_object_content", {**ON_KEY, **select}, ", ".join(select) + ":", False),
        ("put_object_tagging", {**ON_KEY, "Tagging": {"TagSet": []}}, "Tagging:", False),
        ("put_object_acl", {**ON_KEY, "AccessControlPolicy": {}}, "AccessControlPolicy:", False),
        ("restore_object", {**ON_KEY, "RestoreRequest": {"Days": 1}}, "RestoreRequest:", False),
        ("put_bucket_policy", {**ON_BUCKET, "Policy": "{}"}, "Policy:", True),
    ]:
        error = refused(lambda: ours.generate_presigned_url(method, Params=copy.copy(params)), ParamValidationError)
        assert named in str(error), (method, error)
        try:
            own.generate_presigned_url(method, Params=copy.copy(params))
            assert boto3_signs, method
        except ValueError:
            assert not boto3_signs, method


def a_body_that_a_handler_adds_is_refused_as_well():
    def add(request, **_):
        request.data = b"<Delete/>"

    late = presigns_by_daemon(client(), socket)
    late.meta.events.register("before-sign.s3", add)
    error = refused(lambda: late.generate_presigned_url("get_object", Params=ON_KEY), ParamValidationError)
    assert "body" in str(error), error


def a_life_that_is_no_whole_number_is_refused_by_the_arguments_name():
    url = lambda life: ours.generate_presigned_url("get_object", Params=ON_KEY, ExpiresIn=life)
    form = lambda life: ours.generate_presigned_post("photos", "k", ExpiresIn=life)["fields"]["policy"]
    never = [600.9, True, False, 0, -1, "1h", "6e2", "²", "9" * 5000, 10**30, float("nan"), datetime.timedelta(minutes=1)]
    for sign, lives in [(url, never), (form, [*never, "600", None])]:
        for life in lives:
            assert "ExpiresIn" in str(refused(lambda: sign(life), ParamValidationError)), life
    for life, seconds in [("600", 600), (600.0, 600), (None, 3600)]:
        assert dict(parts(url(life))[3])["X-Amz-Expires"] == str(seconds)
    assert form(600.0)
    for at_least in (600.9, True, "1h", 10**30):
        error = refused(lambda: presigns_by_daemon(client(), socket, at_least=at_least), ParamValidationError)
        assert "at_least" in str(error), error
    for bounds in ([1.5, 10], [0, 10**30], [-1, 10], ["a", 10]):
        sign = lambda: ours.generate_presigned_post("photos", "k", Conditions=[["content-length-range", *bounds]])
        assert "content-length-range" in str(refused(sign, ParamValidationError)), bounds


def a_daemon_that_was_away_is_found_again_within_seconds():
    with tempfile.TemporaryDirectory() as folder:
        # Left to itself, gRPC waits for six seconds by the end of this, more or less; so several are asked.
        later = [os.path.join(folder, f"{number}.sock") for number in range(4)]
        waiting = [presigns_by_daemon(client(), path, timeout=5) for path in later]
        sign = lambda by_daemon: by_daemon.generate_presigned_url("get_object", Params=ON_KEY)
        away = time.monotonic() + 11
        while time.monotonic() < away:
            for by_daemon in waiting:
                refused(lambda: sign(by_daemon))
            time.sleep(0.1)
        for path in later:
            os.symlink(socket, path)
        back = time.monotonic()
        while waiting:
            try:
                sign(waiting[0])
                waiting.pop(0)
            except PresigndError:
                assert time.monotonic() < back + 3, "it is not found"
                time.sleep(0.05)


def conditions_that_contradict_the_form_are_refused_by_name():
    for key, fields, conditions, named in [
        ("k", {}, [["starts-with", "$key", "other/"]], "key"),
        ("${filename}", {}, [["starts-with", "$key", "a"], ["starts-with", "$key", "b"]], "key"),
        ("k", {}, [{"bucket": "other"}], "bucket"),
        ("k", {"acl": "private"}, [{"acl": "public-read"}], "acl"),
        ("k", {"acl": "private"}, [{"ACL": "private"}, ["starts-with", "$acl", "public"]], "acl"),
        ("k", {"acl": "private", "ACL": "public-read"}, [], "acl"),
        ("k", {}, [["matches", "$acl", "x"]], "matches"),
        ("k", {}, [["content-length-range", 1, 5], ["content-length-range", 6, 9]], "content-length-range"),
        ("k", {}, [["content-length-range", 9, 6]], "content-length-range"),
    ]:
        error = refused(lambda: ours.generate_presigned_post("photos", key, fields, conditions), ParamValidationError)
        assert named in str(error), error


def bounds_of_the_size_that_stand_twice_in_a_form_hold_both():
    # S3 holds a form to all conditions; presignd has one of the kind.
    for bounds, both in [
        ([(1, 1 << 20), (0, 5 << 30)], (1, 1 << 20)),
        ([(0, 5 << 30), (1, 1 << 20)], (1, 1 << 20)),
        ([(0, 10), (5, 20), (2, 7)], (5, 7)),
        ([(0, 0), (0, 5)], (0, 0)),
    ]:
        form = ours.generate_presigned_post("photos", "k", Conditions=[["content-length-range", *one] for one in bounds])
        ranges = [condition for condition in policy(form)[1] if "content-length-range" in condition]
        assert ranges == [json.dumps(["content-length-range", *both])], (bounds, ranges)


def a_form_for_any_key_below_a_prefix_says_so_by_key_or_by_condition():
    for key, conditions in [("up/${filename}", []), ("${filename}", [["starts-with", "$key", "up/"]])]:
        form = ours.generate_presigned_post("photos", key, Conditions=conditions)
        assert form["fields"]["key"] == key
        assert '["starts-with", "$key", "up/"]' in policy(form)[1], policy(form)
    # boto3 gives it twice.
    assert [name for name in ours.generate_presigned_post("photos", "k", {"KEY": "k"})["fields"] if name.lower() == "key"] == ["key"]


def a_client_without_credentials_and_region_presigns_also_in_a_child_process():
    saved = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AWS_")}
    bare = presigns_by_daemon(boto3.client("s3"), f"unix:{socket}", on_behalf_of=lambda: "ann", labels={"team": "a"})
    os.environ.update(saved)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        # As in a server that forks after it was imported: the first call is the child's.
        try:
            os.write(write, bare.generate_presigned_url("get_object", Params=ON_KEY).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read) as pipe:
        url = pipe.read()
    os.waitpid(child, 0)
    assert use(url)[0] == 404, url


def main():
    checks = [check for name, check in globals().items() if callable(check) and name.count("_") >= 5]
    assert len(checks) > 9, "the checks are not found any more"
    # gRPC does not survive a fork, so who forks comes first.
    checks.sort(key=lambda check: "child" not in check.__name__)
    failed = 0
    for check in checks:
        words = check.__name__.replace("_", " ")
        try:
            check()
            print(f"ok    {words}", flush=True)
        except Exception as error:  # the next check still says something
            failed += 1
            traceback.print_exc()
            print(f"FAIL  {words}: {type(error).__name__} {error}", flush=True)
    print(f"boto3 {boto3.__version__}: {len(checks)} checks, {failed} failed")
    sys.exit(failed != 0)


main()
