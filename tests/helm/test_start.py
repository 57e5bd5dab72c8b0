"""What presignd would refuse when it starts, rendering refuses by name: on a node the old pod would be gone by then."""

import subprocess
import tomllib

import charts
import pytest

INSTANCE = '[identity.a]\nsource = "instance"\n'
GRANT = '[[grant]]\nbuckets = ["*"]\noperations = ["*"]\n'
REFUSED = {
    "a default identity that is not there": ('default_identity = "b"\n' + INSTANCE, "config.default_identity: names b"),
    "one where none is configured": ('default_identity = "b"', "there are: default"),
    "a grant for such an identity": (f'{INSTANCE}{GRANT}uid = 1\nidentities = ["a", "b"]', "config.grant[1].identities: names b"),
    "a grant for all and one": (f'{INSTANCE}{GRANT}uid = 1\nidentities = ["*", "a"]', "config.grant[1].identities: names *"),
    "a grant for nobody": (f'{GRANT}identities = ["*"]', "config.grant[1]: is for nobody"),
    "a grant for any, which is none": (f'{GRANT}identities = ["*"]\nany = false', "config.grant[1]: is for nobody"),
    "a grant for a uid and a gid": (f'{GRANT}identities = ["*"]\nuid = 1\ngid = 1', "config.grant[1]: is for several"),
    "a grant for whom the kernel cannot name": (f'{GRANT}identities = ["*"]\nuid = 65534', "config.grant[1].uid: 65534"),
    "a role without its name": ('[identity.a]\nsource = "assume-role"', "config.identity.a.role_arn"),
    "a key that lies nowhere": ('[identity.a]\nsource = "key-file"', "keys.a"),
    "a base that is not there": ('[identity.a]\nsource = "session-token"\nbase = "b"', "config.identity.a.base: names b"),
}
APP = {"containers": [{"name": "web", "image": "x"}]}


@pytest.mark.parametrize("shape", ["daemonset", "sidecar"])
@pytest.mark.parametrize("text, word", REFUSED.values(), ids=REFUSED.keys())
def test_a_configuration_that_presignd_refuses_is_refused_in_rendering(helm, presignd, tmp_path, shape, text, word):
    """Each of them by both."""
    file = tmp_path / "presignd.toml"
    file.write_text(text)
    checked = subprocess.run([presignd, "check", "--config", file], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 253, checked.stderr
    values = {"shape": shape, "app": APP, "presignd": {"image": charts.IMAGE, "config": tomllib.loads(text)}}
    done = charts.template(helm, values)
    assert done.returncode != 0 and word in done.stderr, done.stderr


def test_names_that_are_there_are_rendered(helm):
    """The chain's own name, where no identity is configured, and a key that a Secret brings."""
    grant = {"any": True, "identities": ["default"], "buckets": ["*"], "operations": ["*"]}
    config = {"default_identity": "default", "grant": [grant]}
    charts.render(helm, {"presignd": {"image": charts.IMAGE, "config": config}})
    config = {"default_identity": "token", "grant": [grant | {"identities": ["token", "store"]}]}
    config["identity"] = {"store": {"source": "key-file"}, "token": {"source": "session-token", "base": "store"}}
    charts.render(helm, {"presignd": {"image": charts.IMAGE, "config": config, "keys": {"store": {"secretName": "s"}}}})


@pytest.mark.parametrize("entry", [{"name": "A", "value": 1}, {"name": "A", "value": True}, {"name": "A", "valu": "x"}])
def test_a_variable_that_is_no_text_is_refused(helm, entry):
    """An API server takes text alone."""
    done = charts.template(helm, {"presignd": {"image": charts.IMAGE, "env": [entry]}})
    assert done.returncode != 0 and "schema" in done.stderr and "env" in done.stderr, done.stderr


def test_a_variable_may_come_from_elsewhere(helm):
    """As Kubernetes has it."""
    entry = {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}
    (daemon,) = charts.daemons(charts.render(helm, {"presignd": {"image": charts.IMAGE, "env": [entry]}}))
    assert entry in daemon["env"]


# Of a pod that is given 30 seconds to end.
DRAINS = {"31s": False, "30s": False, "29s": True, "1m": False, "0m 29s": True, "0s": True, "0m": True, "010s": True, "5 minutes": False}


@pytest.mark.parametrize("shape", ["daemonset", "sidecar"])
@pytest.mark.parametrize("drain, fits", DRAINS.items(), ids=DRAINS.keys())
def test_a_drain_that_the_kubelet_would_cut_off_is_refused(helm, shape, drain, fits):
    """However the length is written; a longer grace period lets it be."""
    presignd = {"image": charts.IMAGE, "config": {"limits": {"drain": drain}}}
    values = {"shape": shape, "app": APP, "presignd": presignd}
    done = charts.template(helm, values)
    assert (done.returncode == 0) == fits and ("terminationGracePeriodSeconds" in done.stderr) != fits, done.stderr
    charts.render(helm, values | {"terminationGracePeriodSeconds": 301})


def test_a_grace_period_shorter_than_the_default_drain_is_refused_on_a_node_alone(helm):
    """Beside an application the calls under way have ended with it."""
    for shape, fits in [("daemonset", False), ("sidecar", True)]:
        values = {"shape": shape, "app": APP, "presignd": {"image": charts.IMAGE}, "terminationGracePeriodSeconds": 10}
        done = charts.template(helm, values)
        assert (done.returncode == 0) == fits and ("config.limits.drain" in done.stderr) != fits, done.stderr
