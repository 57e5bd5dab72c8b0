"""A pod without Kubernetes: namespaces and mounts as a kubelet makes them of what was rendered, around the real program.

Every container has its own mounts and its own process numbers, a root that cannot be written to, the user and the groups of
its securityContext, and no capability but those that it adds. Volumes have the owners and modes that the kubelet gives them.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import time

import charts

DEADLINE = 60


class Node:
    """A machine: what hostPath shows, and what outlives pods."""

    def __init__(self, folder, presignd):
        self.folder = folder
        self.root = folder / "root"
        for name in SYSTEM + ("proc", "tmp", "opt/presignd", "run/presignd", "var/lib/presignd", "etc/presignd", "node/sign", "node/registry"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(presignd, self.root / "opt/presignd/presignd")


class Pod:
    """One pod of a workload's template."""

    def __init__(self, node, rendered, name, secrets=None):
        self.node, self.name, self.running = node, name, {}
        (self.template,) = charts.pods(rendered)
        self.spec = self.template["spec"]
        self.maps = {each["metadata"]["name"]: each["data"] for each in rendered if each["kind"] == "ConfigMap"}
        self.secrets = secrets or {}
        self.volumes = {each["name"]: self.make(each) for each in self.spec["volumes"]}

    def make(self, volume):
        """A volume's directory, with the kubelet's owner and mode."""
        place = self.node.folder / self.name / volume["name"]
        if "hostPath" in volume:
            place = self.node.folder / "host" / volume["hostPath"]["path"].lstrip("/")
            if volume["hostPath"]["type"] == "Directory":
                assert place.is_dir(), f"the kubelet would not start the pod: there is no {place}"
            place.mkdir(parents=True, exist_ok=True)
            return place
        place.mkdir(parents=True)
        if "emptyDir" in volume:
            place.chmod(0o777)
            group = self.spec.get("securityContext", {}).get("fsGroup")
            if group is not None:
                os.chown(place, -1, group)
                place.chmod(0o2777)
        elif "configMap" in volume:
            self.write(place, self.maps[volume["configMap"]["name"]], 0o644)
        elif "secret" in volume:
            self.write(place, self.secrets.get(volume["secret"]["secretName"], {}), volume["secret"]["defaultMode"])
        return place

    def write(self, place, data, mode):
        """All at once, as the kubelet replaces what is in a ConfigMap or a Secret: by a link that changes."""
        fresh = place / f"..{time.monotonic_ns()}"
        fresh.mkdir(mode=0o755)
        for name, text in data.items():
            (fresh / name).write_text(text)
            (fresh / name).chmod(mode)
            if not (place / name).is_symlink():
                (place / name).symlink_to(f"..data/{name}")
        (place / "..new").symlink_to(fresh.name)
        (place / "..new").rename(place / "..data")

    def container(self, name):
        """As it was rendered."""
        (only,) = [each for each in charts.containers(self.template) if each["name"] == name]
        return only

    def inside(self, name, command):
        """The words that run a command as a container."""
        container = self.container(name)
        root = self.node.root
        lines = ["set -eu", "mount --make-rprivate /", f"mount --bind {root} {root}"]
        lines += [f"[ ! -d /{each} ] || mount --rbind -o ro /{each} {root}/{each}" for each in SYSTEM]
        lines += [f"mount -t proc proc {root}/proc", f"mount -t tmpfs -o ro,mode=755 none {root}/tmp"]
        for mount in sorted(container.get("volumeMounts", []), key=lambda each: each["mountPath"]):
            source = self.volumes[mount["name"]] / mount.get("subPath", "")
            place = f"{root}{mount['mountPath']}"
            lines += [f"mkdir -p {place}", f"mount --bind {source} {place}"]
            lines += [f"mount -o remount,bind,ro {place}"] if mount.get("readOnly") else []
        # Last: until now mount points could be made.
        lines += [f"mount -o remount,bind,ro {root}", f'exec chroot {root} "$@"']
        security = self.spec.get("securityContext", {}) | container.get("securityContext", {})
        uid = security.get("runAsUser", 0)
        added = security.get("capabilities", {}).get("add", [])
        bounds = ",".join(["-all"] + [f"+{each.lower()}" for each in added])
        groups = ["--groups", str(security["fsGroup"])] if "fsGroup" in security else ["--clear-groups"]
        user = ["setpriv", "--reuid", str(uid), "--regid", str(security.get("runAsGroup", uid)), *groups]
        user += ["--no-new-privs", f"--bounding-set={bounds}", "--inh-caps=-all"]
        variables = {each["name"]: each["value"] for each in container.get("env", [])} | {"PATH": PATH}
        words = ["env", "-i", *(f"{key}={value}" for key, value in variables.items()), *user, *command]
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", "\n".join(lines), "sh", *words]

    def run(self, name, *command):
        """Runs a command in a container of its own like the one of that name."""
        words = self.inside(name, command or [*self.container(name)["command"], *self.container(name).get("args", [])])
        return subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE)

    def start(self, name):
        """Starts a container that goes on."""
        container = self.container(name)
        log = open(self.node.folder / f"{self.name}-{name}.log", "a")
        words = self.inside(name, [*container["command"], *container["args"]])
        self.running[name] = subprocess.Popen(words, stdout=log, stderr=log)

    def stop(self, name):
        """As the kubelet does: SIGTERM to the first process of the container; its exit code."""
        shell = self.running.pop(name)
        children = pathlib.Path(f"/proc/{shell.pid}/task/{shell.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        return shell.wait(DEADLINE)

    def end(self):
        """What is left of it ends with the test."""
        for shell in self.running.values():
            shell.kill()
            shell.wait(DEADLINE)


SYSTEM = ("usr", "bin", "sbin", "lib", "lib64", "etc/ssl", "dev")
PATH = "/opt/presignd:/usr/bin:/bin"
