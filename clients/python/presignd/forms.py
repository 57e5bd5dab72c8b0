"""What boto3's Fields and Conditions say of a form, as presignd is asked for it. Never asks anybody.

boto3 copies conditions into the policy as they are. presignd takes what they mean: fields with their value, fields with the
beginning of their value, and bounds of the size. Whatever means neither is refused by name.
"""

from presignd.arguments import whole, wrong
from presignd.v1.presignd_pb2 import PresignPostRequest


class Form:
    """A form that is wanted."""

    def __init__(self, bucket, key, fields, conditions):
        self.request = PresignPostRequest(bucket=bucket)
        # Names of fields mean the same in any case; they are signed as they were first written.
        self.given = {name.lower(): (name, _text(value)) for name, value in fields.items()}
        for name in fields:
            if self.given[name.lower()][0] != name:
                raise wrong(f"{name} and {self.given[name.lower()][0]} in Fields are one field")
        self.key, self.prefix = key, key[: -len(FILE_NAME)] if key.endswith(FILE_NAME) else None
        self.exact, self.beginnings = {}, {}
        for condition in [{"bucket": bucket}, *conditions]:
            self._take(condition)
        # A field that no condition allows is one that S3 refuses: so it is held to its value.
        for lower, (name, value) in self.given.items():
            if lower not in self.beginnings:
                self._be(name, value)
        if self.prefix is None or self.prefix == key[: -len(FILE_NAME)]:
            self.request.key = key
        else:
            self.request.key_starts_with = self.prefix
        for name, value in self.exact.values():
            self.request.fields[name] = value
        for lower, (name, beginning) in self.beginnings.items():
            if lower not in self.exact:
                self.request.fields_start_with[name] = beginning

    def answer(self, fields):
        """The fields as boto3 gives them back: the caller's and the signature's, not those that only a condition names."""
        # A field that is both stands in the form as the caller wrote it: a page posts whatever it finds there.
        given = {name: value for lower, (name, value) in self.given.items() if lower != "key"}
        asked = {name for name, _ in self.exact.values()}
        return {**given, **{name: value for name, value in fields.items() if name not in asked}, "key": self.key}

    def _take(self, condition):
        if isinstance(condition, dict) and len(condition) == 1:
            [(name, value)] = condition.items()
            return self._be(name, _text(value))
        if isinstance(condition, (list, tuple)) and len(condition) == 3:
            kind, name, value = condition
            if kind == "content-length-range":
                return self._bound(*(whole(kind, bound, least=0) for bound in (name, value)))
            if kind in ("eq", "starts-with") and str(name).startswith("$"):
                return (self._be if kind == "eq" else self._begin)(name[1:], _text(value))
        raise wrong(f"presignd does not know the condition {condition!r}: it takes {{name: value}}, "
                    '["eq", "$name", value], ["starts-with", "$name", beginning] and ["content-length-range", least, most]')

    def _bound(self, least, most):
        """S3 holds a form to all of its conditions: where bounds stand twice, to both."""
        bounds = self.request.content_length_range
        if self.request.HasField("content_length_range"):
            least, most = max(least, bounds.minimum), min(most, bounds.maximum)
        if least > most:
            raise wrong(f"the conditions on content-length-range allow no size: at least {least}, at most {most}")
        bounds.minimum, bounds.maximum = least, most

    def _be(self, name, value):
        lower = name.lower()
        known = {"bucket": self.request.bucket, "key": self.key}
        if lower in known:
            if known[lower] != value:
                raise wrong(f"a condition on {name} contradicts the {name} of the form, {known[lower]}")
            return
        _, former = self.exact.setdefault(lower, (name, value))
        if former != value or not value.startswith(self.beginnings.get(lower, ("", ""))[1]):
            raise wrong(f"conditions and fields contradict each other on {name}")

    def _begin(self, name, beginning):
        lower = name.lower()
        if lower == "key" and self.prefix is not None:
            longer, shorter = sorted([self.prefix, beginning], key=len, reverse=True)
            fits, self.prefix = longer.startswith(shorter), longer
        elif lower in ("bucket", "key"):
            fits = {"bucket": self.request.bucket, "key": self.key}[lower].startswith(beginning)
        else:
            _, former = self.beginnings.setdefault(lower, (name, beginning))
            fits = former == beginning and self.exact.get(lower, (name, beginning))[1].startswith(beginning)
        if not fits:
            raise wrong(f"a condition on the beginning of {name} contradicts the form")


def _text(value):
    return value if isinstance(value, str) else str(value)


FILE_NAME = "${filename}"
