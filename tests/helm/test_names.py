"""Names that a user may choose: whatever they look like they stay text, and none comes twice into one mapping or list."""

import charts
import kubernetes_validate.utils as kubernetes_validate
import pytest

# Each is a name to Kubernetes; YAML without quotes would read a number, a switch or nothing.
LOOKS = ["123", "1e3", "true", "null"]
APP = {"containers": [{"name": "web", "image": "x"}]}
NOTHING = {"presignd": {"image": charts.IMAGE}}


def everywhere(name, shape):
    """Values with that name wherever the charts take one."""
    app = APP | {"kind": "StatefulSet", "volumes": [{"name": name, "emptyDir": {}}], "podSecurityContext": {"fsGroup": 1}}
    registry = {"type": "volume", "volumeName": name} if shape == "sidecar" else {}
    image = {"repository": name, "tag": "30"}
    watched = {"enabled": True, "labels": {"x": name}}
    # A port's name is one only with a letter at its beginning.
    port = {"portName": name} if name.isalpha() else {}
    return {
        "shape": shape,
        "fullnameOverride": name if shape == "daemonset" else "app",
        "serviceAccount": {"name": name},
        "priorityClassName": name,
        "podLabels": {"x": name},
        "podAnnotations": {"x": name},
        "app": app,
        "daemonset": {"prepare": {"image": image}},
        "networkPolicy": {"enabled": True},
        "podMonitor": watched,
        "prometheusRule": watched,
        "dashboard": watched,
        "presignd": {"image": image, "registry": registry, "http": port},
    }


@pytest.mark.parametrize("shape", ["daemonset", "sidecar", "none"])
@pytest.mark.parametrize("name", LOOKS)
def test_a_name_that_looks_like_a_number_stays_text(helm, name, shape):
    """Of a release (a CI's build has one), a namespace and all that values name."""
    values = everywhere(name, shape)
    rendered = charts.render(helm, values, release=name, arguments=["--namespace", name])
    for each in rendered:
        about = each["metadata"]
        assert (about["namespace"], about["labels"]["app.kubernetes.io/instance"]) == (name, name), each["kind"]
        assert isinstance(about["name"], str)
        if not each["apiVersion"].startswith("monitoring"):
            kubernetes_validate.validate(each, "1.31", strict=True)
    for pod in charts.pods(rendered):
        assert pod["spec"]["serviceAccountName"] == name and pod["spec"]["priorityClassName"] == name
        for daemon in charts.daemons(rendered):
            assert daemon["image"] == f"{name}:30"


def test_no_name_of_a_release_stands_without_quotes(helm):
    """Python's YAML reads 1e3 as text, and that of an API server does not; so by the letters."""
    done = charts.template(helm, everywhere("1e3", "daemonset"), release="1e3", arguments=["--namespace", "1e3"])
    assert done.returncode == 0, done.stderr
    bare = [line for line in done.stdout.splitlines() if line.rstrip().endswith((": 1e3", "- 1e3"))]
    assert not bare and done.stdout.count('"1e3"') > 20


def test_a_service_that_no_api_server_would_take_is_refused(helm):
    """Its name begins with a letter, and a release's need not."""
    ported = {"shape": "sidecar", "app": APP | {"servicePorts": [{"port": 80}]}} | NOTHING
    done = charts.template(helm, ported, release="123")
    assert done.returncode != 0 and "fullnameOverride" in done.stderr, done.stderr
    charts.render(helm, ported | {"fullnameOverride": "app"}, release="123")


def test_labels_of_what_watches_may_be_set_anew(helm):
    """A Prometheus may select by the very labels that the chart has; each stands once, and the user's is the one."""
    mine = {"app.kubernetes.io/instance": "stack", "release": "stack"}
    values = {"shape": "none"} | {each: {"enabled": True, "labels": mine} for each in ["podMonitor", "prometheusRule", "dashboard"]}
    rendered = charts.render(helm, values)
    assert len(rendered) == 3
    for each in rendered:
        labels = each["metadata"]["labels"]
        assert mine.items() <= labels.items() and labels["app.kubernetes.io/name"] == "presignd", each["kind"]


ROLE = "eks.amazonaws.com/role-arn"
SKIP = "eks.amazonaws.com/skip-containers"
ARN = "arn:aws:iam::123456789012:role/x"
TAKEN = {
    "a label by which the pods are found": ({"podLabels": {"app.kubernetes.io/name": "x"}}, "app.kubernetes.io/name"),
    "the annotation of a changed configuration": ({"podAnnotations": {"checksum/presignd": "x"}}, "rolloutOnChange"),
    "the annotation that keeps the role": ({"podAnnotations": {SKIP: "x"}}, "keepRoleFromOthers"),
    "a role twice": ({"serviceAccount": {"roleArn": ARN, "annotations": {ROLE: ARN}}}, ROLE),
    "a role for an account that is there": ({"serviceAccount": {"create": False, "roleArn": ARN}}, "serviceAccount.roleArn"),
    "annotations for such an account": ({"serviceAccount": {"create": False, "annotations": {ROLE: ARN}}}, "create: false"),
    "a variable of the daemon's": ({"presignd": {"env": [{"name": "RUNTIME_DIRECTORY", "value": "/x"}]}}, "RUNTIME_DIRECTORY"),
    "a volume of the daemon's": ({"presignd": {"volumes": [{"name": "presignd-run", "emptyDir": {}}]}}, "presignd-run"),
    "a place of the daemon's": ({"presignd": {"volumeMounts": [{"name": "x", "mountPath": "/etc/presignd/"}]}}, "/etc/presignd"),
    "a token that is for no role": ({"presignd": {"webIdentity": {"enabled": True}}}, "presignd.webIdentity.roleArn"),
}


@pytest.mark.parametrize("shape", ["daemonset", "sidecar"])
@pytest.mark.parametrize("values, word", TAKEN.values(), ids=TAKEN.keys())
def test_what_the_chart_has_a_use_for_itself_is_refused_by_name(helm, shape, values, word):
    """It would stand there twice, or be dropped."""
    presignd = {"presignd": {"image": charts.IMAGE} | values.get("presignd", {})}
    done = charts.template(helm, {"shape": shape, "app": APP} | values | presignd)
    assert done.returncode != 0 and word in done.stderr and "schema" not in done.stderr, done.stderr


def test_what_the_chart_does_not_write_the_user_may(helm):
    """The same annotations, with the chart's switches off; and a role by the annotation alone, or in the variables."""
    off = {"image": charts.IMAGE, "rolloutOnChange": False, "keepRoleFromOthers": False, "webIdentity": {"enabled": True}}
    off |= {"env": [{"name": "AWS_ROLE_ARN", "value": ARN}]}
    annotations = {SKIP: "web", "checksum/presignd": "x"}
    for shape in ["daemonset", "sidecar"]:
        values = {"shape": shape, "app": APP, "podAnnotations": annotations, "serviceAccount": {"annotations": {ROLE: ARN}}}
        (pod,) = charts.pods(charts.render(helm, values | {"presignd": off}))
        assert pod["metadata"]["annotations"] == annotations


MOUNT = {"name": "x", "mountPath": "/run/presignd/sign"}
COLLIDING = {
    "a container": ({"containers": [{"name": "presignd", "image": "x"}]}, "container presignd"),
    "an init container": ({"initContainers": [{"name": "presignd", "image": "x"}]}, "container presignd"),
    "a volume": ({"volumes": [{"name": "presignd-run", "emptyDir": {}}]}, "presignd-run"),
    "a mount": ({"containers": [{"name": "web", "image": "x", "volumeMounts": [MOUNT]}]}, "/run/presignd/sign"),
}


@pytest.mark.parametrize("app, word", COLLIDING.values(), ids=COLLIDING.keys())
def test_an_application_with_a_name_of_the_sidecars_is_refused(helm, app, word):
    """The API server would refuse the pod, and only a rollout would show it."""
    done = charts.template(helm, {"shape": "sidecar", "app": APP | app} | NOTHING)
    assert done.returncode != 0 and word in done.stderr, done.stderr
