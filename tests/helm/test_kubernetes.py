"""Every object is one that Kubernetes knows, in each version that has native sidecars, without a field that it would drop."""

import functools

import charts
import jsonschema
import kubernetes_validate.utils as kubernetes_validate
import pytest

VERSIONS = [each for each in dict.fromkeys(kubernetes_validate.all_versions()) if int(each.split(".")[1]) >= 29]
OF_THE_OPERATOR = "monitoring.coreos.com/v1"


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_object_of_a_mode(mode, version):
    """Strictly: an unknown field is an error; an unknown kind would be, too."""
    for each in charts.render(charts.HELMS[-1], mode):
        if each["apiVersion"] != OF_THE_OPERATOR:
            kubernetes_validate.validate(each, version, strict=True)


def test_several_versions_are_looked_at():
    """From the first with native sidecars on."""
    assert len(VERSIONS) >= 5 and VERSIONS[0].startswith("1.29"), VERSIONS


@functools.cache
def schema(kind):
    """Of a resource of the Prometheus operator, closed: its controller would drop what it does not know."""
    from cloudcoil.models.prometheus_operator import v1

    model = getattr(v1, kind).model_json_schema(by_alias=True)

    def close(part):
        if isinstance(part, dict):
            # Go lets flags stand after the beginning; Python does not.
            if str(part.get("pattern")).startswith("^(?i)"):
                part["pattern"] = "(?i)^" + part["pattern"].removeprefix("^(?i)")
            if "properties" in part:
                part.setdefault("additionalProperties", False)
            for each in part.values():
                close(each)
        elif isinstance(part, list):
            for each in part:
                close(each)

    close(model)
    return model


def test_the_operator_takes_what_is_for_it(mode):
    """PodMonitor and PrometheusRule."""
    for each in charts.render(charts.HELMS[-1], mode):
        if each["apiVersion"] == OF_THE_OPERATOR:
            jsonschema.validate(each, schema(each["kind"]))


def test_the_operators_schema_refuses_a_typing_error():
    """Or the test above would say nothing."""
    rendered = charts.render(charts.HELMS[-1], charts.MODES[0].with_name("watching.yaml"))
    monitor = charts.of_kind(rendered, "PodMonitor")
    monitor["spec"]["podMetricsEndpoints"][0]["intervall"] = "30s"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(monitor, schema("PodMonitor"))


def test_the_monitor_finds_the_port_of_each_pod_that_it_selects(mode):
    """By the name that the container gives it."""
    rendered = charts.render(charts.HELMS[-1], mode)
    for monitor in [each for each in rendered if each["kind"] == "PodMonitor"]:
        for pod in charts.pods(rendered):
            wanted = monitor["spec"]["selector"]["matchLabels"].items()
            assert wanted <= pod["metadata"]["labels"].items()
            ports = [port["name"] for each in charts.containers(pod) for port in each.get("ports", [])]
            assert [each["port"] for each in monitor["spec"]["podMetricsEndpoints"]] == [
                port for port in ports if port == "presignd"
            ]


def test_a_disruption_budget_never_forbids_every_eviction(mode):
    """It would keep a node from being drained."""
    rendered = charts.render(charts.HELMS[-1], mode)
    kinds = [each["kind"] for each in rendered]
    assert not ("DaemonSet" in kinds and "PodDisruptionBudget" in kinds)
    for budget in [each for each in rendered if each["kind"] == "PodDisruptionBudget"]:
        assert budget["spec"]["maxUnavailable"] not in (0, "0%")
