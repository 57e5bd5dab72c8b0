"""A call that the daemon refused, as an exception that says why. Never asks anybody."""

from google.rpc import error_details_pb2, status_pb2

try:
    # So that what catches boto3's errors catches these.
    from botocore.exceptions import BotoCoreError as Base
except ImportError:
    Base = Exception


class PresigndError(Base):
    """What presignd refused or could not do. No URL was signed.

    `reason` is stable (docs/errors.md): SESSION_TOO_SHORT, DENIED, INVALID_FIELD; empty where no daemon answered. `code`
    is gRPC's. `metadata` says more, such as longest_now_seconds. `retry_after` is how many seconds to wait, where that helps.
    """

    def __init__(self, message, reason="", code=None, metadata=None, retry_after=None):
        Exception.__init__(self, message)
        self.reason, self.code, self.metadata, self.retry_after = reason, code, metadata or {}, retry_after

    def __reduce__(self):
        return type(self), (*self.args, self.reason, self.code, self.metadata, self.retry_after)


def of_call(error):
    """The same as a grpc.RpcError says, also one of grpc.aio."""
    status, details = status_pb2.Status(), {}
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            status.ParseFromString(value)
    for detail in status.details:
        kind = getattr(error_details_pb2, detail.type_url.rsplit(".", 1)[-1], None)
        if kind is not None:
            detail.Unpack(details.setdefault(kind.DESCRIPTOR.name, kind()))
    info, retry = details.get("ErrorInfo", error_details_pb2.ErrorInfo()), details.get("RetryInfo")
    return PresigndError(
        f"presignd: {error.details()}" + (f" ({info.reason})" if info.reason else ""),
        reason=info.reason,
        code=error.code(),
        metadata=dict(info.metadata),
        retry_after=retry and retry.retry_delay.ToTimedelta().total_seconds(),
    )
