"""The daemon runs in what was rendered: on the mounts, as the user and with the probes of the pod, and an application beside it
signs. S3 is a store that is not AWS's, so nothing here needs a network."""

import os
import shutil
import socket
import subprocess
import time
import tomllib
import urllib.error
import urllib.request

import charts
import pytest
from pod import DEADLINE, Node, Pod

APPLICATION, STRANGER = 1000, 1001


def can_make_pods():
    """Root may, but not in every container."""
    return os.getuid() == 0 and subprocess.run(["unshare", "-m", "-p", "-f", "mount", "--make-rprivate", "/"]).returncode == 0


needs_root = pytest.mark.skipif(not can_make_pods(), reason="only root can make the namespaces of a pod, and not everywhere")


def free_port():
    """Of loopback."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def values(shape, **presignd):
    """An identity with a key in a Secret, a grant for one uid, and a caller of another."""
    store = {"endpoint_url": "http://store.example:9000", "region": "us-east-1", "addressing": "path"}
    container = lambda name, uid: {"name": name, "image": "x", "securityContext": {"runAsUser": uid, "runAsGroup": uid}}
    grant = {"uid": APPLICATION, "identities": ["store"], "buckets": ["photos"], "operations": ["GetObject"]}
    return {
        "shape": shape,
        "app": {"containers": [container("web", APPLICATION), container("stranger", STRANGER)]},
        "presignd": {
            "image": charts.IMAGE,
            "containers": ["web"],
            "http": {"port": free_port()},
            "keys": {"store": {"secretName": "store-key"}},
            "config": {"identity": {"store": {"source": "key-file", "poll": "1s", "s3": store}}, "grant": [grant]},
        }
        | presignd,
    }


def key(number):
    """A key as a Secret holds it."""
    return {"aws_access_key_id": f"AKIAIOSFODNN7EXAMP{number:02}", "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}


@pytest.fixture
def node(tmp_path, presignd):
    """A machine, which other users may walk through."""
    for folder in [tmp_path, tmp_path.parent, tmp_path.parent.parent]:
        folder.chmod(0o755)
    return Node(tmp_path, presignd)


@pytest.fixture
def pods():
    """Pods that end with the test."""
    made = []
    yield made
    for pod in made:
        pod.end()


def eventually(holds, what):
    """Polls: nothing here is timed."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.2)
    raise AssertionError(f"never: {what}")


def answers(pod, probe):
    """Whether a probe of the daemon succeeds, asked as the kubelet asks it."""
    probe = pod.container("presignd")[probe]
    if "exec" in probe:
        return pod.run("presignd", *probe["exec"]["command"]).returncode == 0
    (port,) = [each["containerPort"] for each in pod.container("presignd")["ports"]]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        return opener.open(f"http://127.0.0.1:{port}{probe['httpGet']['path']}", timeout=5).status == 200
    except urllib.error.HTTPError:
        return False
    except OSError:
        return False


def sign(pod, *more):
    """A URL for the application, or what it was told."""
    return pod.run("web", "presignd", "presign", "s3://photos/cat.jpg", *more)


@needs_root
def test_a_sidecar_waits_for_its_key_alive_and_lets_the_application_sign(node, pods):
    """Without a key the application is not started, and yet nobody restarts the daemon; then exactly one caller signs."""
    rendered = charts.render(charts.HELMS[-1], values("sidecar"))
    pod = Pod(node, rendered, "pod")
    pods.append(pod)
    pod.start("presignd")
    eventually(lambda: answers(pod, "livenessProbe"), "alive")
    assert not answers(pod, "startupProbe"), "there is no key yet"
    pod.write(pod.volumes["presignd-key-0"], key(1), 0o444)
    eventually(lambda: answers(pod, "startupProbe"), "started")

    done = sign(pod)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("http://store.example:9000/photos/cat.jpg?") and "AKIAIOSFODNN7EXAMP01" in done.stdout
    socket_of = "/run/presignd/sign/presignd.sock"
    # The stranger has no mount of the socket; given one, it is denied all the same.
    assert pod.run("stranger", "test", "-e", socket_of).returncode != 0
    pod.container("stranger")["volumeMounts"] = pod.container("web")["volumeMounts"]
    done = pod.run("stranger", "presignd", "--socket", socket_of, "presign", "s3://photos/cat.jpg")
    assert done.returncode == 254 and "DENIED" in done.stderr, done.stderr

    for forbidden in ["touch /run/presignd/sign/x", f"rm {socket_of}", f"mv {socket_of} /run/presignd/sign/y", "ls /run/presignd/admin"]:
        assert pod.run("web", "sh", "-c", forbidden).returncode != 0, forbidden
    log = (node.folder / "pod-presignd.log").read_text()
    assert "every user may write there" not in log and "keeps some from the socket" not in log, log


@needs_root
def test_a_changed_secret_signs_without_a_restart(node, pods):
    """The kubelet replaces the link; the daemon looks at the file."""
    rendered = charts.render(charts.HELMS[-1], values("sidecar"))
    pod = Pod(node, rendered, "pod", {"store-key": key(1)})
    pods.append(pod)
    pod.start("presignd")
    eventually(lambda: answers(pod, "startupProbe"), "started")
    assert "AKIAIOSFODNN7EXAMP01" in sign(pod).stdout
    pod.write(pod.volumes["presignd-key-0"], key(2), 0o444)
    eventually(lambda: "AKIAIOSFODNN7EXAMP02" in sign(pod).stdout, "the new key signs")


@needs_root
def test_a_container_that_is_started_anew_serves_at_the_same_place(node, pods):
    """The application's mount is of a directory that stays."""
    rendered = charts.render(charts.HELMS[-1], values("sidecar"))
    pod = Pod(node, rendered, "pod", {"store-key": key(1)})
    pods.append(pod)
    pod.start("presignd")
    eventually(lambda: sign(pod).returncode == 0, "signed")
    assert pod.stop("presignd") == 0
    pod.start("presignd")
    eventually(lambda: sign(pod).returncode == 0, "signed again")
    urls = pod.run("web", "presignd", "urls", "--output", "json")
    assert urls.stdout.count("cat.jpg") == 2, urls.stdout + urls.stderr


@needs_root
@pytest.mark.parametrize("tools", ["busybox", "coreutils"])
def test_a_nodes_directories_become_the_daemons_and_its_registry_outlives_the_pod(node, pods, tools):
    """As the kubelet makes them they are root's; with one capability they are given away, once; a pod goes, another comes."""
    use(node, tools)
    rendered = charts.render(charts.HELMS[-1], values("daemonset"))
    first = Pod(node, rendered, "first", {"store-key": key(1)})
    pods.append(first)
    done = first.run("prepare")
    assert done.returncode == 0, done.stderr
    about = {name: first.volumes[f"presignd-{name}"].stat() for name in ["sign", "registry"]}
    assert {name: (each.st_uid, each.st_gid, each.st_mode & 0o777) for name, each in about.items()} == {
        "sign": (29464, 29464, 0o755),
        "registry": (29464, 29464, 0o700),
    }
    first.start("presignd")
    eventually(lambda: answers(first, "readinessProbe"), "ready")
    assert answers(first, "livenessProbe") and answers(first, "startupProbe")
    client = charts.render(charts.HELMS[-1], {"presignd": {"image": charts.IMAGE, "mode": "node"}}, chart="examples/shop-chart")
    client = [each for each in client if each["kind"] == "Deployment"]
    shop = Pod(node, client, "shop")
    shop.spec["securityContext"] = {}
    shop.container("web")["securityContext"] = {"runAsUser": APPLICATION}
    shop.container("web")["volumeMounts"] = [each for each in shop.container("web")["volumeMounts"] if each["name"] != "cache"]
    assert sign(shop).returncode == 0, sign(shop).stderr
    assert first.stop("presignd") == 0

    second = Pod(node, rendered, "second", {"store-key": key(1)})
    pods.append(second)
    assert second.run("prepare").returncode == 0
    second.start("presignd")
    eventually(lambda: answers(second, "readinessProbe"), "ready again")
    # The same mount of the other pod, which has never been away.
    urls = shop.run("web", "presignd", "urls", "--output", "json")
    assert urls.stdout.count("cat.jpg") == 1, urls.stdout + urls.stderr


@needs_root
@pytest.mark.parametrize("tools", ["busybox", "coreutils"])
def test_another_user_for_the_daemon_gets_the_nodes_directories_with_their_registry(node, pods, tools):
    """runAsUser was changed: the files in them are the old user's, and no root without DAC_OVERRIDE sees into them as it is."""
    use(node, tools)
    for uid in [29464, 30000]:
        chosen = values("daemonset", runAsUser=uid, runAsGroup=uid)
        pod = Pod(node, charts.render(charts.HELMS[-1], chosen), f"of-{uid}", {"store-key": key(1)})
        pods.append(pod)
        done = pod.run("prepare")
        assert done.returncode == 0, done.stderr
        (pod.volumes["presignd-registry"] / "other").touch()
        os.chown(pod.volumes["presignd-registry"] / "other", 12345, 12345)
        pod.start("presignd")
        eventually(lambda: answers(pod, "readinessProbe"), f"ready as {uid}")
        about = {name: pod.volumes[f"presignd-{name}"].stat() for name in ["sign", "registry"]}
        assert [(each.st_uid, oct(each.st_mode & 0o777)) for each in about.values()] == [(uid, "0o755"), (uid, "0o700")]
        assert pod.stop("presignd") == 0
    owners = {each.name: each.stat().st_uid for each in pod.volumes["presignd-registry"].iterdir()}
    assert owners["registry.db"] == 30000 and owners["other"] == 12345, "what is not presignd's stays whose it was"


@needs_root
@pytest.mark.parametrize("tools", ["busybox", "coreutils"])
@pytest.mark.parametrize("owner", [0, 12345])
@pytest.mark.parametrize("name, value", [("registry", "registry.hostPath"), ("sign", "node.socketDirectory")])
def test_a_directory_of_the_node_in_which_others_have_files_is_given_to_nobody(node, pods, tools, owner, name, value):
    """One wrong word in the values would close it to them, node after node."""
    use(node, tools)
    pod = Pod(node, charts.render(charts.HELMS[-1], values("daemonset")), "pod", {"store-key": key(1)})
    pods.append(pod)
    place = pod.volumes[f"presignd-{name}"]
    for other, mode in [("kubelet", 0o750), (".ssh", 0o750), ("..x", 0o755), ("link", 0o755), ("unseen", 0o000)]:
        (place / other).symlink_to("/nowhere")
        place.chmod(mode)
        os.chown(place, owner, 54321)
        done = pod.run("prepare")
        assert done.returncode != 0 and value in done.stderr, (other, done.stderr)
        about = place.stat()
        assert (about.st_uid, about.st_gid, about.st_mode & 0o777) == (owner, 54321, mode)
        (place / other).unlink()


@needs_root
def test_a_directory_with_what_presignd_or_a_file_system_left_there_is_given(node, pods):
    """A volume's own lost+found, a backup beside the registry, and the lock of a socket."""
    use(node, "coreutils")
    rendered = charts.render(charts.HELMS[-1], values("daemonset"))
    for at, names in enumerate([["lost+found"], ["registry.db", "backup.db"], ["lost+found", "registry.db.lock"]]):
        pod = Pod(node, rendered, f"pod-{at}", {"store-key": key(1)})
        pods.append(pod)
        place = pod.volumes["presignd-registry"]
        shutil.rmtree(place)
        place.mkdir()
        for each in names:
            (place / each).touch()
        done = pod.run("prepare")
        assert done.returncode == 0 and place.stat().st_uid == 29464, (names, done.stderr)


def use(node, tools):
    """Which programs a script of a container finds."""
    if tools == "busybox":
        busybox = shutil.which("busybox")
        assert busybox, "scripts/test installs busybox"
        shutil.copy(busybox, node.root / "opt/presignd/busybox")
        for name in ["stat", "chmod", "chown"]:
            (node.root / "opt/presignd" / name).symlink_to("busybox")


def test_the_configuration_of_every_mode_is_one_that_the_daemon_takes(helm, mode, presignd, tmp_path):
    """By `presignd check`, with the variables that the container has."""
    rendered = charts.render(helm, mode)
    for text, daemon in zip(charts.configurations(rendered), charts.daemons(rendered), strict=True):
        file = tmp_path / "presignd.toml"
        file.write_text(text)
        variables = {each["name"]: each["value"] for each in daemon["env"]}
        # EKS's webhook sets these where the service account names a role.
        variables = {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x", "AWS_WEB_IDENTITY_TOKEN_FILE": "/token"} | variables
        done = subprocess.run([presignd, "check", "--config", file], env=variables, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        for grant in tomllib.loads(text).get("grant", []):
            assert grant["identities"]
