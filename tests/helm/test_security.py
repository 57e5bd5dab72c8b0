"""The pods are closed: what a scanner finds is nothing, or is named here with its reason; and what it does not look for."""

import json
import subprocess
import sys

import charts
import pytest

# What the scanner finds and stays as it is: check, where, why.
SKIPPED = [
    ("CKV_K8S_11", "", "no CPU limit: throttled, the daemon would be late with a renewal, and slow for its callers"),
    ("CKV_K8S_15", "", "an image of a version is pulled once; Always would make each start wait for a registry"),
    ("CKV_K8S_43", "", "a digest is taken when the values give one; none can be a default while no image is published"),
    ("CKV2_K8S_6", "", "the NetworkPolicy is a switch: in shape sidecar it would cut off the application's own traffic"),
    ("CKV_K8S_8", "DaemonSet.signing.prepared-node", "no liveness probe where nothing listens on TCP, as its mode says"),
    ("CKV_K8S_19", "DaemonSet.signing.prepared-node", "the host's network, which its mode asks for, to reach instance metadata"),
    ("CKV_K8S_25", "DaemonSet.signing", "CHOWN of the container that gives presignd the node's directories"),
]


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """What checkov says of all modes: check and object."""
    folder = tmp_path_factory.mktemp("rendered")
    for mode in charts.MODES:
        done = charts.template(charts.HELMS[-1], mode, release=mode.stem.removeprefix("daemonset-"))
        (folder / f"{mode.stem}.yaml").write_text(done.stdout)
    options = ["--framework", "kubernetes", "--skip-download", "--compact", "--quiet", "--output", "json"]
    words = [sys.executable, "-m", "checkov.main", "--directory", str(folder), *options]
    report = json.loads(subprocess.run(words, capture_output=True, text=True, timeout=300).stdout)
    assert report["summary"]["passed"] > 200, report["summary"]
    return {(each["check_id"], each["resource"], each["check_name"]) for each in report["results"]["failed_checks"]}


def test_the_scanner_finds_nothing_that_has_no_reason_here(findings):
    """Over all modes."""
    reasoned = lambda check, found: any(check == skip and found.startswith(where) for skip, where, _ in SKIPPED)
    assert not [each for each in sorted(findings) if not reasoned(*each[:2])]


def test_no_reason_stands_here_for_what_is_not_found(findings):
    """What was mended is no excuse for later."""
    idle = [skip for skip in SKIPPED if not any(skip[0] == check and at.startswith(skip[1]) for check, at, _ in findings)]
    assert not idle


def test_the_daemon_is_shut_in_in_every_mode(mode):
    """The whole of it, since a scanner looks past some containers that come first."""
    for daemon in charts.daemons(charts.render(charts.HELMS[-1], mode)):
        assert daemon["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 29464,
            "runAsGroup": 29464,
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }


def test_only_the_daemon_sees_keys_tokens_the_registry_and_the_admin_socket(mode):
    """Every other container sees the signing socket's directory at most, and cannot write there; one of a node makes it."""
    for pod in charts.pods(charts.render(charts.HELMS[-1], mode)):
        for container in charts.containers(pod):
            if container["name"] in ("presignd", "prepare"):
                continue
            mounts = [each for each in container.get("volumeMounts", []) if each["name"].startswith("presignd-")]
            assert mounts in ([], [charts.OF_APPLICATION]), container["name"]


def test_no_token_of_a_service_account_is_mounted_unless_an_identity_signs_in_with_it(mode):
    """Not by the pod, not by the account; and the one that is has an audience that the API server refuses."""
    rendered = charts.render(charts.HELMS[-1], mode)
    assert all(each["automountServiceAccountToken"] is False for each in rendered if each["kind"] == "ServiceAccount")
    for pod in charts.pods(rendered):
        assert pod["spec"]["automountServiceAccountToken"] is False
        tokens = [each for each in pod["spec"]["volumes"] if "projected" in each]
        wanted = charts.objects(mode.read_text())[0]["presignd"].get("webIdentity", {}).get("enabled", False)
        assert bool(tokens) == wanted
        for each in tokens:
            (source,) = each["projected"]["sources"]
            assert source["serviceAccountToken"]["audience"] == "sts.amazonaws.com"


def test_the_role_of_a_pod_is_kept_from_all_containers_but_the_daemon(mode):
    """From EKS's webhooks, which give it to all that the annotation does not name."""
    for pod in charts.pods(charts.render(charts.HELMS[-1], mode)):
        others = {each["name"] for each in charts.containers(pod)} - {"presignd"}
        kept = pod["metadata"].get("annotations", {}).get("eks.amazonaws.com/skip-containers", "")
        assert set(kept.split(",")) - {""} == others
