"""Running Helm on the charts, in a copy of them: what Helm writes beside a chart stays out of the tree."""

import functools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HELMS = sorted(pathlib.Path(os.environ["HELMS"]).glob("helm-*"))
MODES = sorted(pathlib.Path(__file__).parent.glob("modes/*.yaml"))
IMAGE = {"repository": "registry.example/presignd"}


class Strict(yaml.SafeLoader):
    """Refuses a key that stands twice, of which Kubernetes would take one."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value if not key.tag.endswith(":merge")]
        assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
        return super().construct_mapping(node, deep)


@functools.cache
def copy():
    """The folder of the charts, with the dependencies of each built."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="presignd-helm-"))
    shutil.copytree(ROOT / "helm", folder / "helm", ignore=shutil.ignore_patterns("charts"))
    shutil.copytree(ROOT / "examples" / "shop-chart", folder / "examples" / "shop-chart")
    # What an installation prints, for which it would need a cluster, as an object that is rendered without one.
    (folder / "helm/presignd/templates/notes.yaml").write_text(NOTES)
    for chart in ["helm/presignd", "examples/shop-chart"]:
        run(HELMS[0], "dependency", "build", str(folder / chart)).check_returncode()
    return folder


def run(helm, *arguments):
    """One call of Helm, which knows of nothing but what it is given."""
    return subprocess.run([helm, *arguments], env=surroundings(helm), capture_output=True, text=True, timeout=60)


def surroundings(helm):
    """Homes of its own, and no cluster."""
    return {name: str(pathlib.Path(helm).parent / "home") for name in HOMES}


def template(helm, values, chart="helm/presignd", release="r", arguments=()):
    """What `helm template` did; values are a file or a tree."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        if not isinstance(values, (str, pathlib.Path)):
            # All text in quotes and none as surrogates: what YAML of Helm's and of Python's take alike.
            json.dump(values, file, ensure_ascii=False)
            file.flush()
            values = file.name
        arguments = ["--namespace", "signing", "--values", str(values), *arguments]
        return run(helm, "template", release, str(copy() / chart), *arguments)


def objects(text):
    """The objects of a stream of YAML, with what stands nowhere twice."""
    return [each for each in yaml.load_all(text, Loader=Strict) if each]


def render(helm, values, **more):
    """The objects that the values make."""
    done = template(helm, values, **more)
    assert done.returncode == 0, done.stderr
    return objects(done.stdout)


def notes(helm, values):
    """What an installation would print."""
    rendered = render(helm, values, arguments=["--set-string", "global.notes=shown"])
    (text,) = [each["text"] for each in rendered if each["kind"] == "Notes"]
    return text


def of_kind(objects, kind):
    """The one object of a kind."""
    (only,) = [each for each in objects if each["kind"] == kind]
    return only


def pods(objects):
    """The templates of pods among objects."""
    return [each["spec"]["template"] for each in objects if each["kind"] in WORKLOADS]


def containers(pod):
    """All of a pod's containers, those that come first included."""
    return pod["spec"].get("initContainers", []) + pod["spec"]["containers"]


def daemons(objects):
    """The containers that run presignd."""
    return [each for pod in pods(objects) for each in containers(pod) if each["name"] == "presignd"]


def configurations(objects):
    """The files presignd.toml, as text."""
    maps = [each["data"] for each in objects if each["kind"] == "ConfigMap"]
    return [data["presignd.toml"] for data in maps if "presignd.toml" in data]


NOTES = """{{- if dig "notes" "" (.Values.global | default dict) }}
kind: Notes
text: {{ include (print .Template.BasePath "/NOTES.txt") . | toJson }}
{{- end }}
"""
# All that an application sees of a sidecar.
OF_APPLICATION = {"name": "presignd-run", "mountPath": "/run/presignd/sign", "subPath": "sign", "readOnly": True}
WORKLOADS = ["Deployment", "StatefulSet", "DaemonSet"]
HOMES = ["HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"]
