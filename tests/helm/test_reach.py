"""Who reaches the daemon, and what it reaches: probes come to the pod's address, and credentials from where an identity asks."""

import charts
import pytest

POD_IDENTITY, METADATA = "169.254.170.23/32", "169.254.169.254/32"
BOTH = {POD_IDENTITY, METADATA}
ASKED = {
    "none": ({}, BOTH),
    "default": ({"source": "default"}, BOTH),
    "profile": ({"source": "profile"}, BOTH),
    "container": ({"source": "container"}, {POD_IDENTITY}),
    "instance": ({"source": "instance"}, {METADATA}),
    "web-identity": ({"source": "web-identity"}, set()),
    "environment": ({"source": "environment"}, set()),
    "assume-role without a base": ({"source": "assume-role", "role_arn": "arn:aws:iam::123456789012:role/x"}, BOTH),
    "assume-role with one": ({"source": "assume-role", "role_arn": "arn:aws:iam::123456789012:role/x", "base": "key"}, set()),
}


@pytest.mark.parametrize("shape", ["daemonset", "sidecar"])
@pytest.mark.parametrize("identity, wanted", ASKED.values(), ids=ASKED.keys())
def test_a_network_policy_lets_out_to_where_credentials_may_be_asked_for(helm, shape, identity, wanted):
    """And nowhere else: an identity that asks neither has neither."""
    config = {"identity": {"up": identity, "key": {"source": "key-file", "path": "/key"}}} if identity else {}
    app = {"containers": [{"name": "web", "image": "x"}]}
    values = {"shape": shape, "app": app, "networkPolicy": {"enabled": True}, "presignd": {"image": charts.IMAGE, "config": config}}
    policy = charts.of_kind(charts.render(helm, values), "NetworkPolicy")
    to = {each["ipBlock"]["cidr"]: rule["ports"] for rule in policy["spec"]["egress"] for each in rule.get("to", [])}
    assert {each for each in to if "." in each} == wanted
    assert all(ports == [{"port": 80, "protocol": "TCP"}] for ports in to.values())


@pytest.mark.parametrize("shape", ["daemonset", "sidecar"])
def test_a_network_policy_lets_in_to_the_port_by_its_number(helm, shape):
    """Network plugins look for a name among the containers, and a sidecar's stands among those that come first."""
    app = {"containers": [{"name": "web", "image": "x"}]}
    presignd = {"image": charts.IMAGE, "http": {"port": 9465, "portName": "signer"}}
    values = {"shape": shape, "app": app, "networkPolicy": {"enabled": True}, "presignd": presignd}
    policy = charts.of_kind(charts.render(helm, values), "NetworkPolicy")
    assert policy["spec"]["ingress"] == [{"ports": [{"port": 9465, "protocol": "TCP"}]}]


def test_a_network_policy_for_pods_in_the_network_of_their_node_is_refused(helm):
    """It would hold for none of them, and be believed in."""
    values = {"presignd": {"image": charts.IMAGE}, "daemonset": {"hostNetwork": True}, "networkPolicy": {"enabled": True}}
    done = charts.template(helm, values)
    assert done.returncode != 0 and "daemonset.hostNetwork" in done.stderr, done.stderr
    charts.render(helm, values | {"networkPolicy": {"enabled": False}})
    charts.render(helm, values | {"shape": "sidecar", "app": {"containers": [{"name": "web", "image": "x"}]}})


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "0:0:0:0:0:0:0:1", "10.1.2.3", "999.1", ""])
def test_an_address_at_which_no_probe_finds_the_daemon_is_refused(helm, address):
    """The kubelet asks the pod's address, which no values know; started anew for ever, the pod would never serve."""
    done = charts.template(helm, {"presignd": {"image": charts.IMAGE, "http": {"address": address}}})
    assert done.returncode != 0 and "address" in done.stderr, done.stderr


@pytest.mark.parametrize("address, listen", [("0.0.0.0", "0.0.0.0:9464"), ("::", "[::]:9464")])
def test_every_address_of_the_pod_is_listened_at(helm, address, listen):
    """Of either family."""
    rendered = charts.render(helm, {"presignd": {"image": charts.IMAGE, "http": {"address": address}}})
    assert f'listen = "{listen}"' in charts.configurations(rendered)[0]
