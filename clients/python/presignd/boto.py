"""boto3's presigned URLs and forms, signed by presignd instead of by the program's own credentials.

    s3 = presigns_by_daemon(boto3.client("s3"))

`generate_presigned_url` and `generate_presigned_post` of that client keep their arguments and what they return. boto3 still
names the methods, checks the parameters and raises its own errors; the last step alone is another's: method, key, query and
headers go to the daemon, which signs them, records them, and raises PresigndError for what it cannot do. The client needs no
credentials for that. Whatever else it is asked to do, it does with its own, as before.

Never signs, and never asks for a shorter life than the caller named, unless told with `at_least`.
"""

import os
import threading
from urllib.parse import parse_qsl, urlsplit

import grpc
from botocore import auth

from presignd.address import address
from presignd.arguments import whole, without_body, wrong
from presignd.forms import Form
from presignd.refused import PresigndError, of_call
from presignd.v1.presignd_pb2 import Addressing, PresignRequest, S3Request
from presignd.v1.presignd_pb2_grpc import SignerStub

__all__ = ["PresigndError", "presigns_by_daemon"]


def presigns_by_daemon(client, socket=None, *, identity="", at_least=None, on_behalf_of="", labels=None, timeout=30):
    """Lets the daemon presign for a boto3 S3 client, and gives that client back.

    `socket` is the daemon's ($PRESIGND_SOCKET, else the usual places). `at_least`, in seconds, takes a URL that lives
    that long at least where ExpiresIn cannot be had; without it, what lives shorter is refused. `on_behalf_of` (the end
    user or tenant) and `labels` are recorded; each may be a function that is asked for every URL.

    A client is wrapped once. Again with the same settings, it is given back as it is; with others, it is refused: threads
    share a client, and the URL of one would be recorded for the user of another.
    """
    model = getattr(getattr(client, "meta", None), "service_model", None)
    if model is None:
        raise PresigndError("presigns_by_daemon takes a client of boto3; where there is a resource, its meta.client")
    if model.service_name != "s3":
        raise PresigndError("only a client of S3 presigns what presignd signs")
    daemon = Daemon(socket, identity, at_least, on_behalf_of, labels, timeout)
    with WRAPPING:
        former = vars(client).get(WRAPPED)
        if former is None:
            daemon.sign_for(client)
        else:
            former.must_be(daemon)
    return client


class Daemon:
    """What signs for one client."""

    def __init__(self, socket, identity, at_least, on_behalf_of, labels, timeout):
        self.socket, self.identity, self.timeout = address(socket), identity, timeout
        self.at_least = None if at_least is None else whole("at_least", at_least)
        self.on_behalf_of, self.labels = on_behalf_of, labels or {}
        self.lock, self.pid, self.stub = threading.Lock(), None, None

    def must_be(self, other):
        """Refuses another by what differs."""
        names = ("socket", "identity", "at_least", "on_behalf_of", "labels", "timeout")
        differ = [f"another {name}" for name in names if getattr(self, name) != getattr(other, name)]
        if differ:
            raise PresigndError(f"the client is wrapped already, with {', '.join(differ)}: wrap a client of its own, or wrap it "
                                "once with functions for on_behalf_of and labels, which are asked for every URL")

    def sign_for(self, client):
        """Botocore's own way in: an event to see the parameters as the caller gave them, and one to choose the signer."""
        self.addressing = _addressing(client.meta.config)
        client.meta.events.register_first("provide-client-params.s3", self._keep)
        client.meta.events.register_first("choose-signer.s3", self._choose)
        client.generate_presigned_url = _whole_lives(client.generate_presigned_url)
        client.generate_presigned_post = self.generate_presigned_post
        vars(client)[WRAPPED] = self

    def _keep(self, params, model, context, **_):
        context[NAME] = (self, params.get("Bucket"), params.get("Key", ""))
        if context.get("is_presign_request"):
            without_body(model, params)

    def _choose(self, context, **_):
        # What is not presigned is none of the daemon's business.
        return SIGNER if context.get("is_presign_request") else None

    def presign(self, request, bucket, key, expires_in):
        """The URL for a request as botocore has built it."""
        if not bucket:
            raise wrong("the method names no bucket: there is nothing that presignd could sign")
        if request.data:
            raise wrong("the request has a body, which cannot be signed")
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        message = PresignRequest(request=S3Request(
            method=request.method,
            bucket=bucket,
            key=key,
            # A sub-resource has no value: ?acl
            query=parse_qsl(urlsplit(request.url).query, keep_blank_values=True),
            headers={name: value for name, value in headers.items() if name not in auth.SIGNED_HEADERS_BLACKLIST},
            addressing=self.addressing,
        ))
        return self._call("Presign", message, expires_in).url

    def generate_presigned_post(self, Bucket, Key, Fields=None, Conditions=None, ExpiresIn=3600):
        """boto3's, signed by presignd."""
        expires_in = whole("ExpiresIn", ExpiresIn, text=False)
        form = Form(Bucket, Key, Fields or {}, Conditions or [])
        form.request.addressing.CopyFrom(self.addressing)
        answer = self._call("PresignPost", form.request, expires_in)
        return {"url": answer.url, "fields": form.answer(answer.fields)}

    def _call(self, method, message, expires_in):
        message.identity = self.identity
        message.expires_in.seconds = expires_in
        message.at_least.seconds = expires_in if self.at_least is None else min(self.at_least, expires_in)
        message.on_behalf_of = _now(self.on_behalf_of)
        message.labels.update(_now(self.labels))
        try:
            return getattr(self._stub(), method)(message, timeout=self.timeout)
        except grpc.RpcError as error:
            raise of_call(error) from error

    def _stub(self):
        """A connection is not shared with children: servers that fork import the application first."""
        with self.lock:
            if self.pid != os.getpid():
                self.pid, self.stub = os.getpid(), SignerStub(grpc.insecure_channel(self.socket, SOON))
            return self.stub


class ByDaemon(auth.BaseSigner):
    """What botocore takes for a signer."""

    REQUIRES_REGION = False

    def __init__(self, credentials=None, expires=3600, **_):
        self.expires = expires

    def add_auth(self, request):
        daemon, bucket, key = request.context[NAME]
        request.url = daemon.presign(request, bucket, key, self.expires)


def _whole_lives(sign):
    """botocore's generate_presigned_url, which takes an ExpiresIn of 0 for an hour, and passes on what is no number."""

    def generate_presigned_url(ClientMethod, Params=None, ExpiresIn=3600, HttpMethod=None):
        """boto3's, signed by presignd."""
        return sign(ClientMethod, Params, 3600 if ExpiresIn is None else whole("ExpiresIn", ExpiresIn), HttpMethod)

    return generate_presigned_url


def _addressing(config):
    """Host forms, as the client is configured. Region and endpoint are the daemon's to know."""
    s3 = config.s3 or {}
    style = {"path": "STYLE_PATH", "virtual": "STYLE_VIRTUAL_HOST"}.get(s3.get("addressing_style"))
    return Addressing(
        style=style,
        dual_stack=bool(s3.get("use_dualstack_endpoint") or config.use_dualstack_endpoint),
        fips=bool(config.use_fips_endpoint),
        accelerate=bool(s3.get("use_accelerate_endpoint")),
    )


def _now(value):
    return value() if callable(value) else value


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


NAME = "presignd"
# Where a client keeps the Daemon that signs for it.
WRAPPED = "_presignd"
WRAPPING = threading.Lock()
# Left to itself, gRPC waits up to two minutes before it looks for a daemon again that was away. A socket's file costs nothing.
SOON = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)]
SIGNER = f"{NAME}-query"
auth.AUTH_TYPE_MAPS[SIGNER] = ByDaemon
