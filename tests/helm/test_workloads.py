"""What stands in a named template: whatever has a pod gets presignd, once and under names of its own, and nothing is passed over."""

import contextlib

import charts
import pytest
import yaml

SHOP = "examples/shop-chart"
VALUES = {"presignd": {"image": charts.IMAGE}}
SIGNS = {"name": "web", "image": "x", "securityContext": {"runAsUser": 1000700000}}


def pod(**container):
    """The template of a pod of one container."""
    return {"spec": {"containers": [SIGNS | container]}}


def deployment(name="shop", **spec):
    """One that is only as large as it must be."""
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {"template": pod()} | spec}


def cron_job(name="shop"):
    """The same pod, every hour."""
    job = {"schedule": "@hourly", "jobTemplate": {"spec": {"template": pod()}}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": job}


@contextlib.contextmanager
def injected(*objects):
    """The chart of the example with one more named template, which holds these objects."""
    file = charts.copy() / SHOP / "templates/more.yaml"
    text = "".join(f"---\n{yaml.safe_dump(each)}" for each in objects)
    file.write_text(f'{{{{- define "shop.more" }}}}\n{text}{{{{ end }}}}\n{{{{ include "presignd-lib.inject" (list . "shop.more") }}}}\n')
    try:
        yield
    finally:
        file.unlink()


def rendered(helm, *objects, **presignd):
    """What the chart makes of them."""
    with injected(*objects):
        return charts.render(helm, {"presignd": VALUES["presignd"] | presignd}, chart=SHOP)


def refusal(helm, *objects, **presignd):
    """What Helm says, which makes nothing of them."""
    with injected(*objects):
        done = charts.template(helm, {"presignd": VALUES["presignd"] | presignd}, chart=SHOP)
    assert done.returncode != 0
    return done.stderr


LONG = "shop-" + "x" * 55


@pytest.mark.parametrize(
    "objects",
    [[deployment(), cron_job()], [deployment(f"{LONG}-one"), deployment(f"{LONG}-two")], [deployment(), deployment("shop-deployment")]],
    ids=["of one name", "of names that begin alike", "of which one is called as the other's kind"],
)
def test_no_two_workloads_have_a_config_map_of_one_name(helm, objects):
    """A cluster would refuse the second."""
    made = rendered(helm, *objects)
    maps = [each["metadata"]["name"] for each in made if each["kind"] == "ConfigMap"]
    assert len(maps) == len(set(maps)) == 4, maps
    mounted = [volume["configMap"]["name"] for each in made for volume in volumes(each) if "configMap" in volume]
    assert sorted(mounted) == sorted(maps)


def volumes(each):
    """Those of an object's pod."""
    spec = each.get("spec", {})
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    return spec.get("template", {}).get("spec", {}).get("volumes", [])


@pytest.mark.parametrize("kind", ["Rollout", "ReplicationController", "SomethingElse"])
def test_whatever_has_the_template_of_a_pod_gets_presignd(helm, kind):
    """Kinds that this library has never heard of, too."""
    made = rendered(helm, deployment() | {"apiVersion": "example.com/v1", "kind": kind})
    (pod,) = [each["spec"]["template"]["spec"] for each in made if each["kind"] == kind]
    assert [each["name"] for each in pod["initContainers"]] == ["presignd"]


SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
# A field of that name, which holds no pod.
OTHERS = {"apiVersion": "example.com/v1", "kind": "Other", "metadata": {"name": "o"}, "spec": {"template": "text"}}


def test_a_template_that_holds_no_pod_is_refused_by_name(helm):
    """Nobody would hear that there is no sidecar."""
    for mode in ["sidecar", "node"]:
        assert "shop.more: there is no pod in it" in refusal(helm, SERVICE, OTHERS, mode=mode)
    rendered(helm, SERVICE, OTHERS, deployment())
    rendered(helm, SERVICE, OTHERS, mode="off")
    rendered(helm)


def test_a_list_is_refused_for_what_may_be_in_it(helm):
    """Its items are nowhere looked into."""
    listed = {"apiVersion": "v1", "kind": "List", "metadata": {"name": "l"}, "items": [deployment()]}
    assert "List" in refusal(helm, listed, cron_job())


PORTS = {
    "number": ({"name": "metrics", "containerPort": 9464}, "9464"),
    "name": ({"name": "presignd", "containerPort": 8080}, "presignd"),
}


@pytest.mark.parametrize("place", ["containers", "initContainers"])
@pytest.mark.parametrize("port, word", PORTS.values(), ids=PORTS.keys())
def test_a_port_of_the_applications_that_is_presignds_is_refused(helm, port, word, place):
    """They share one network; the second to listen would end, and the second of a name would be scraped as presignd."""
    spec = pod()["spec"]
    spec[place] = [SIGNS | {"ports": [port]}] if place == "containers" else [{"name": "other", "image": "x", "ports": [port]}]
    workload = deployment(template={"spec": spec})
    assert f"port {word}" in refusal(helm, workload)
    rendered(helm, workload, http={"port": 9465, "portName": "signer"})
    rendered(helm, workload, http={"enabled": False})
    rendered(helm, workload, mode="node")


def test_a_port_of_another_protocol_is_no_clash(helm):
    """UDP has numbers of its own."""
    template = pod(ports=[{"name": "statsd", "containerPort": 9464, "protocol": "UDP"}])
    rendered(helm, deployment(template=template))


def test_a_grace_period_of_the_workload_is_held_against_the_drain(helm):
    """Or Kubernetes' own, where it has none."""
    config = {"limits": {"drain": "40s"}}
    assert "terminationGracePeriodSeconds" in refusal(helm, deployment(), config=config)
    short = pod()
    short["spec"]["terminationGracePeriodSeconds"] = 1
    rendered(helm, deployment(template=short))
