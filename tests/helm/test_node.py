"""The directories of a node that presignd is given: places of its own, and none that a node needs itself."""

import charts
import pytest


def node(registry="/var/lib/presignd", sign="/run/presignd/sign"):
    """Values with these places."""
    return {"presignd": {"image": charts.IMAGE, "registry": {"hostPath": registry}, "node": {"socketDirectory": sign}}}


BAD = ["/", "/data", "/var/lib", "/var/lib/", "/var/./lib", "//var//lib//", "/srv/a/..", "/etc/presignd", "/var/lib/kubelet/pods"]


@pytest.mark.parametrize("place", BAD)
@pytest.mark.parametrize("key", ["registry", "sign"])
def test_a_place_that_is_a_nodes_own_is_refused(helm, place, key):
    """However it is written."""
    done = charts.template(helm, node(**{key: place}))
    name = {"registry": "presignd.registry.hostPath", "sign": "presignd.node.socketDirectory"}[key]
    assert done.returncode != 0 and name in done.stderr and "schema" not in done.stderr, done.stderr


INTO_EACH_OTHER = [
    ("/srv/presignd", "/srv/presignd"),
    ("/srv/presignd", "/srv/presignd/"),
    ("/srv/presignd/registry", "/srv/presignd"),
    ("/srv/presignd", "/srv/presignd/sign"),
]


@pytest.mark.parametrize("registry, sign", INTO_EACH_OTHER)
def test_the_registry_and_the_socket_are_never_within_each_other(helm, registry, sign):
    """Whoever signs would see into the one, or not reach the other."""
    done = charts.template(helm, node(registry, sign))
    assert done.returncode != 0 and "presignd.registry.hostPath" in done.stderr and "socketDirectory" in done.stderr, done.stderr


def test_places_of_presignds_own_are_taken(helm):
    """Beside each other, too; and what no volume is made of is not looked at."""
    for registry, sign in [("/srv/presignd", "/srv/presignd-sign"), ("/data/a", "/data/b"), ("/var/lib/a", "/var/run/b")]:
        charts.render(helm, node(registry, sign))
    values = node("/")
    values["presignd"]["registry"]["type"] = "emptyDir"
    charts.render(helm, values)
    charts.render(helm, node("/", "/") | {"shape": "sidecar", "app": {"containers": [{"name": "web", "image": "x"}]}})
