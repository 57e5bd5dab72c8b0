"""The values' schemas let in what can be rendered and nothing else, and whatever they let in is rendered without damage."""

import copy
import functools
import json
import re
import tomllib

import charts
import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema

LIBRARY = json.loads((charts.ROOT / "helm/presignd-lib/values.schema.json").read_text())
APPLICATION = json.loads((charts.ROOT / "helm/presignd/values.schema.json").read_text())
# Objects that are Kubernetes' own, or another schema's.
OPEN = {"presignd", "named", "volumes", "initContainers", "containers", "imagePullSecrets"}


def parts(schema, path=()):
    """Every schema within a schema, with where it stands."""
    yield path, schema
    for key, value in schema.items():
        if isinstance(value, dict):
            yield from parts(value, (*path, key))


@pytest.mark.parametrize("schema", [LIBRARY, APPLICATION], ids=["presignd-lib", "presignd"])
def test_no_object_of_ours_takes_an_unknown_key(schema):
    """Whatever names its keys names all of them."""
    keyed = [(path, part) for path, part in parts(schema) if isinstance(part.get("properties"), dict) and "type" in part]
    lax = [path for path, part in keyed if part.get("additionalProperties") is not False and not OPEN & set(path)]
    assert not lax and len(keyed) > 10, lax


@pytest.mark.parametrize("name, schema", [("presignd-lib", LIBRARY), ("presignd", APPLICATION)])
def test_every_value_has_a_default_or_an_example_and_every_default_is_in_the_schema(name, schema):
    """values.yaml is the page that a reader has."""
    values = charts.objects((charts.ROOT / f"helm/{name}/values.yaml").read_text())[0]
    jsonschema.validate(values, schema)
    assert set(values) == set(schema["properties"]) - {"global"}


def keys(schema, path=""):
    """The keys of presignd.toml that a schema takes, as docs/configuration.md writes them."""
    if "$ref" in schema:
        schema = LIBRARY["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    if path == "identity" and "propertyNames" in schema:
        yield from keys(schema["additionalProperties"], "identity.NAME")
    elif schema.get("type") == "array" and ("$ref" in schema["items"] or "properties" in schema["items"]):
        inner = list(keys(schema["items"], path))
        yield from inner if inner != [path] else [path]
    elif "properties" in schema:
        for key, value in schema["properties"].items():
            yield from keys(value, f"{path}.{key}".lstrip("."))
    else:
        yield path


def test_the_schema_takes_the_keys_of_the_configuration_and_no_others():
    """But for those that the chart sets itself. docs/configuration.md is held to the code by a test of its own."""
    page = (charts.ROOT / "docs/configuration.md").read_text()
    documented = set(re.findall(r"^\| `([a-zA-Z0-9_.]+)` \|", page, re.MULTILINE))
    by_chart = {"sockets.sign", "sockets.admin", "http.listen", "http.beyond_loopback", "registry.path"}
    assert by_chart < documented
    taken = set(keys(LIBRARY["definitions"]["config"]))
    assert taken == {key for key in documented - by_chart if f"{key}.per_second" not in documented}


WRONG = {
    "a shape that is none": {"shape": "deployment"},
    "a typing error in a switch": {"podMonitor": {"enabeld": True}},
    "a switch that is text": {"podMonitor": {"enabled": "true"}},
    "a key of the configuration in another style": {"presignd": {"config": {"defaultIdentity": "a"}}},
    "a key that an identity does not have": {"presignd": {"config": {"identity": {"a": {"source": "instance", "rol": "x"}}}}},
    "an identity without a source": {"presignd": {"config": {"identity": {"a": {}}}}},
    "a path that is the chart's affair": {"presignd": {"config": {"registry": {"path": "/tmp/x"}}}},
    "a uid that is text": {"presignd": {"config": {"grant": [{"uid": "33", "identities": ["*"], "buckets": ["*"], "operations": ["*"]}]}}},
    "the uid that the kernel shows for nobody": {"presignd": {"config": {"sockets": {"admin_uids": [4294967295]}}}},
    "a length without a unit": {"presignd": {"config": {"registry": {"retention": 30}}}},
    "a version that is a number": {"presignd": {"image": {"repository": "x", "tag": 0.1}}},
    "root": {"presignd": {"runAsUser": 0}},
    "a port's name that is a number": {"presignd": {"http": {"portName": "9464"}}},
    "a budget that forbids every eviction": {"podDisruptionBudget": {"maxUnavailable": 0}},
    "a mode, which is the shape's affair": {"presignd": {"mode": "node"}},
    "a control character": {"presignd": {"config": {"identity": {"a": {"source": "default", "external_id": "a\u0007"}}}}},
}


@pytest.mark.parametrize("values", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_refused(helm, values):
    """Before anything is rendered."""
    done = charts.template(helm, {"shape": "none"} | values)
    assert done.returncode != 0 and "values don't meet the specifications of the schema" in done.stderr, done.stderr


@functools.cache
def sample(*names):
    """Values of some properties of the library, as its schema has them."""
    schema = copy.deepcopy(LIBRARY)
    schema["properties"] = {name: schema["properties"][name] for name in names}
    schema["required"] = list(names)
    return from_schema(schema)


# What a schema does not say, and rendering refuses.
REFUSED = r"presignd\.(startAppWhen: |image\.repository: |config\.sockets\.sign_abstract is for the containers|config\.limits\.drain: )"
LABELS = st.dictionaries(st.from_regex(r"[a-z]{1,9}", fullmatch=True), st.text(st.characters(exclude_categories=["Cs", "Cc"])))
CHOICES = ["http", "webIdentity", "runAsUser", "runAsGroup", "startAppWhen", "readinessProbe", "rolloutOnChange", "node", "image"]


def startable(config):
    """With names that are there, and without what presignd refuses by name as rendering does; `test_start.py` is about those."""
    identities = config.get("identity", {})
    known = sorted(identities) or ["default"]
    for identity in identities.values():
        identity |= {"assume-role": {"role_arn": "arn:…"}, "key-file": {"path": "/key"}}.get(identity["source"], {})
        identity |= {"base": known[-1]} if "base" in identity else {}
    for grant in config.get("grant", []):
        grant["identities"] = known if len(grant["identities"]) > 1 else ["*"]
        first, *others = [key for key in ["uid", "gid", "any"] if key in grant] or ["any"]
        for key in others:
            del grant[key]
        grant |= {"any": True} if first == "any" else {}
    return config | ({"default_identity": known[0]} if "default_identity" in config else {})


def without_nothing(tree):
    """As text, in which 1 is not 1.0. Tables that say nothing are not written."""
    return json.dumps({key: value for key, value in tree.items() if value not in ({}, [], "")}, sort_keys=True)


@pytest.mark.parametrize("shape", ["daemonset", "sidecar"])
@settings(max_examples=15, derandomize=True, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))
@given(config=sample("config"), choices=sample(*CHOICES), annotations=LABELS)
def test_what_the_schema_lets_in_reaches_the_daemon_unchanged(shape, config, choices, annotations):
    """Whatever the text: the TOML in the ConfigMap says what the values say, and so do annotations and variables."""
    # A token for no role is refused.
    choices["webIdentity"]["roleArn"] = choices["webIdentity"]["roleArn"] or "arn:aws:iam::123456789012:role/x"
    # So is a directory that a node needs itself.
    choices["node"]["socketDirectory"] = "/srv/signs" + choices["node"]["socketDirectory"]
    presignd = choices | {"config": startable(config["config"])} | {"env": [{"name": "A", "value": value} for value in annotations.values()]}
    app = {"containers": [{"name": "web", "image": "x"}]}
    values = {"shape": shape, "presignd": presignd, "podAnnotations": annotations, "app": app}
    for helm in charts.HELMS:
        done = charts.template(helm, values)
        if done.returncode != 0:
            assert re.search(REFUSED, done.stderr), done.stderr
            continue
        rendered = charts.objects(done.stdout)
        (text,) = charts.configurations(rendered)
        written = tomllib.loads(text)
        http = written.pop("http", None)
        assert (http is not None) == presignd["http"]["enabled"]
        assert without_nothing(written) == without_nothing(presignd["config"])
        (pod,) = charts.pods(rendered)
        assert annotations.items() <= pod["metadata"].get("annotations", {}).items()
        (daemon,) = charts.daemons(rendered)
        assert [each["value"] for each in daemon["env"] if each["name"] == "A"] == list(annotations.values())
