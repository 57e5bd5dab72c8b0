"""Another chart adds the sidecar by one line, and gets what the application chart makes, around objects of its own."""

import charts
import pytest

SHOP = "examples/shop-chart"
VALUES = {"presignd": {"image": charts.IMAGE}}


def shop(helm, **presignd):
    """What the chart of the example makes."""
    return charts.render(helm, {"presignd": VALUES["presignd"] | presignd}, chart=SHOP)


def test_one_line_puts_a_native_sidecar_beside_the_application(helm):
    """Before its other init containers, restarted by itself, and waited for."""
    rendered = shop(helm)
    spec = charts.of_kind(rendered, "Deployment")["spec"]["template"]["spec"]
    first, second = spec["initContainers"]
    assert (first["name"], first["restartPolicy"], second["name"]) == ("presignd", "Always", "migrate")
    assert first["startupProbe"]["exec"]["command"][:2] == ["presignd", "health"]
    assert len(charts.configurations(rendered)) == 2, "one for each workload of the chart"


def test_an_application_container_sees_the_directory_of_the_signing_socket_and_nothing_else(helm):
    """Read-only, and no other volume of the daemon."""
    spec = charts.of_kind(shop(helm), "Deployment")["spec"]["template"]["spec"]
    (web,) = spec["containers"]
    mounts = [each for each in web["volumeMounts"] if each["name"].startswith("presignd-")]
    assert mounts == [charts.OF_APPLICATION]
    assert {"name": "PRESIGND_SOCKET", "value": "/run/presignd/sign/presignd.sock"} in web["env"]


def test_what_the_workload_had_it_keeps(helm):
    """All that the example's chart says stands in what comes out, but for what is added."""
    spec = charts.of_kind(shop(helm), "Deployment")["spec"]["template"]["spec"]
    (web,) = spec["containers"]
    assert web["securityContext"]["runAsUser"] == 1000700000, "a large number stays one"
    assert {"name": "cache", "mountPath": "/cache"} in web["volumeMounts"]
    assert {"name": "cache", "emptyDir": {}} in spec["volumes"]


def test_objects_of_the_named_template_that_have_no_pod_pass_through(helm):
    """A Service that stands in the same file."""
    assert charts.of_kind(shop(helm), "Service")["spec"]["ports"] == [{"name": "http", "port": 80}]


def test_a_job_gets_a_sidecar_too(helm):
    """A native one ends with the job."""
    job = charts.of_kind(shop(helm), "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert [each["name"] for each in job["initContainers"]] == ["presignd"]


def test_node_mode_mounts_the_nodes_socket_and_starts_no_daemon(helm):
    """By hostPath, or by a CSI driver where that is forbidden."""
    # The grants are another release's.
    nobody = {"grant": []}
    spec = charts.of_kind(shop(helm, mode="node", config=nobody), "Deployment")["spec"]["template"]["spec"]
    assert [each["name"] for each in spec["initContainers"]] == ["migrate"]
    (volume,) = [each for each in spec["volumes"] if each["name"] == "presignd-sign"]
    assert volume["hostPath"] == {"path": "/run/presignd/sign", "type": "Directory"}
    spec = charts.of_kind(shop(helm, mode="node", node={"csiDriver": "csi.example"}), "Deployment")
    (volume,) = [each for each in spec["spec"]["template"]["spec"]["volumes"] if each["name"] == "presignd-sign"]
    assert volume["csi"] == {"driver": "csi.example", "readOnly": True}


def test_switched_off_the_chart_is_what_it_was(helm):
    """No trace of presignd."""
    done = charts.template(helm, {"presignd": {"mode": "off"}}, chart=SHOP)
    assert done.returncode == 0 and "presignd" not in done.stdout.replace("presignd-lib", "")


def test_a_user_is_let_in_by_its_uid_its_gid_or_as_anybody_and_root_while_there_is_no_grant(helm):
    """What may be is rendered: the refusals below are of what cannot be."""
    grant = {"identities": ["*"], "buckets": ["*"], "operations": ["*"]}
    for who in [{"uid": 1000700000}, {"gid": 5}, {"any": True}]:
        shop(helm, config={"grant": [{"uid": 33} | grant, who | grant]})


def test_a_socket_without_a_file_is_refused_where_it_is_everybodys(helm):
    """On a node, and where a pod is in the network of its host; between the containers of one pod it is let be."""
    presignd = {"image": charts.IMAGE, "config": {"sockets": {"sign_abstract": "presignd"}}}
    done = charts.template(helm, {"presignd": presignd})
    assert done.returncode != 0 and "sign_abstract" in done.stderr
    shop(helm, config=presignd["config"])
    template = charts.copy() / SHOP / "templates/_web.tpl"
    text = template.read_text()
    try:
        template.write_text(text.replace("    spec:\n      initContainers", "    spec:\n      hostNetwork: true\n      initContainers"))
        done = charts.template(helm, {"presignd": presignd}, chart=SHOP)
    finally:
        template.write_text(text)
    assert done.returncode != 0 and "sign_abstract" in done.stderr, done.stderr


@pytest.mark.parametrize(
    "presignd, word",
    [
        ({"config": {"grant": [{"uid": 33, "identities": ["*"], "buckets": ["*"], "operations": ["*"]}]}}, "1000700000"),
        ({"runAsUser": 1000700000, "config": {"grant": []}}, "presignd's own"),
        ({"containers": ["wbe"]}, "wbe"),
        ({"registry": {"type": "claim", "claimName": "c"}}, "fsGroup"),
        ({"registry": {"type": "hostPath"}}, "registry.type"),
        ({"keys": {"store": {"secretName": "s"}}}, "keys.store"),
        ({"startAppWhen": "serving", "http": {"enabled": False}}, "startAppWhen"),
        ({"image": {"repository": "x", "tagg": "1"}}, "tagg"),
    ],
)
def test_what_could_not_work_is_refused_with_its_name(helm, presignd, word):
    """When it is rendered, not when a pod is denied."""
    done = charts.template(helm, {"presignd": VALUES["presignd"] | presignd}, chart=SHOP)
    assert done.returncode != 0 and word in done.stderr, done.stderr
