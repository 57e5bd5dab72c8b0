"""What a caller may give the drop-in for boto3: whole numbers, and nothing that a URL cannot hold. Never asks anybody."""

import operator

from botocore.exceptions import ParamValidationError


def wrong(report):
    """boto3's own error for arguments that cannot be."""
    return ParamValidationError(report=report)


def whole(name, value, least=1, text=True):
    """The number that was given, never a rounded one. `text`: whether boto3 takes it in digits too."""
    number = value
    if text and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        number = int(value)
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    try:
        number = operator.index(number)
    except TypeError:
        number = least - 1
    # True is a number to Python, and to nobody who says how long. The proto ends where 64 bits do.
    if isinstance(value, bool) or not least <= number < 1 << 63:
        raise wrong(f"{name} must be a whole number, {least} or more, and not {value!r}")
    return number


def without_body(operation, params):
    """Refuses what would stand in the request's body: a presigned URL holds its bearer to no body.

    boto3 fails on most of these with an error of JSON. A URL without them would allow what the caller meant to bound:
    one for DeleteObjects deletes any keys, whatever Delete named.
    """
    shape = operation.input_shape
    payload = shape and shape.serialization.get("payload")
    members = shape.members if shape else {}
    body = [payload] if payload else [name for name, member in members.items() if "location" not in member.serialization]
    given = [name for name in body if name in params]
    if given:
        raise wrong(f"{', '.join(given)}: the body of {operation.name} cannot be signed, and a URL without it would allow any other")
