"""Real processes on loopback in a folder of their own: an STS (moto), the daemon, Prometheus. Ends what it started.

Prometheus loads the real rules, but for `for:`, which a test has no time for: every alert fires as soon as its expression holds.
"""

import json
import os
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

import yaml
from expressions import RULES

DEADLINE = 60
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url):
    with _opener.open(url, timeout=10) as answer:
        return answer.read().decode()


def eventually(what, holds):
    """Waits until `holds` gives something true, and gives it; errors on the way are not true."""
    end, last = time.monotonic() + DEADLINE, None
    while time.monotonic() < end:
        try:
            last = holds()
            if last:
                return last
        except (OSError, subprocess.CalledProcessError) as error:
            last = error
        time.sleep(0.2)
    raise AssertionError(f"not within {DEADLINE} s: {what}; last: {last}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class World:
    def __init__(self, folder, presignd, moto):
        self.folder, self.presignd, self.moto = Path(folder), presignd, moto
        self.ports = {name: free_port() for name in ("sts", "daemon", "prometheus")}
        self.running = {}
        own = {"HOME": folder, "XDG_RUNTIME_DIR": f"{folder}/run", "XDG_STATE_HOME": f"{folder}/state"}
        key = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
        self.environment = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true", **own, **key}
        for name in ("run", "state"):
            (self.folder / name).mkdir()

    def url(self, name, path=""):
        return f"http://127.0.0.1:{self.ports[name]}{path}"

    def start(self, name, *command):
        log = open(self.folder / f"{name}.log", "ab")
        self.running[name] = subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )

    def stop(self, name):
        process = self.running.pop(name)
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop_all(self):
        for name in list(self.running):
            self.stop(name)

    def logs(self):
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.folder.glob("*.log")))

    # ---- the three

    def start_sts(self):
        self.start("sts", self.moto, "-H", "127.0.0.1", "-p", str(self.ports["sts"]))
        eventually("moto answers", lambda: fetch(self.url("sts", "/moto-api/")))

    def start_daemon(self, config):
        path = self.folder / "presignd.toml"
        path.write_text(f'[http]\nlisten = "127.0.0.1:{self.ports["daemon"]}"\n{config}')
        self.start("daemon", self.presignd, "serve", "--config", str(path))
        eventually("the daemon is ready", lambda: fetch(self.url("daemon", "/readyz")))

    def ask(self, *words, text=""):
        """Runs the command line; gives its exit code and what it printed."""
        command = [self.presignd, *words]
        ended = subprocess.run(command, env=self.environment, input=text, capture_output=True, text=True, timeout=DEADLINE)
        return ended.returncode, ended.stdout + ended.stderr

    def start_prometheus(self):
        document = yaml.safe_load(RULES.read_text())
        for group in document["groups"]:
            for rule in group["rules"]:
                rule.pop("for", None)
        (self.folder / "rules.yaml").write_text(yaml.safe_dump(document))
        target = f"127.0.0.1:{self.ports['daemon']}"
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{"job_name": "presignd", "static_configs": [{"targets": [target]}]}],
        }
        path = self.folder / "prometheus.yml"
        path.write_text(yaml.safe_dump(config))
        subprocess.run(["promtool", "check", "config", str(path)], check=True, stdout=subprocess.DEVNULL)
        listen = f"--web.listen-address=127.0.0.1:{self.ports['prometheus']}"
        store = f"--storage.tsdb.path={self.folder}/tsdb"
        self.start("prometheus", "prometheus", f"--config.file={path}", store, listen, "--log.level=warn")

    def prometheus(self, path, **query):
        answer = json.loads(fetch(self.url("prometheus", f"/api/v1/{path}?{urllib.parse.urlencode(query)}")))
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expr):
        """The series that an expression gives now."""
        return self.prometheus("query", query=expr)["result"]

    def firing(self):
        """Alerts that fire: (name, identity or whatever tells it from others of the name)."""
        alerts = [alert for alert in self.prometheus("alerts")["alerts"] if alert["state"] == "firing"]
        for alert in alerts:
            said = " ".join(alert["annotations"].values())
            assert "<error" not in said and "<no value>" not in said, said
        marks = ("identity", "dimension", "operation", "reason")
        return {(a["labels"]["alertname"], next((a["labels"][m] for m in marks if m in a["labels"]), "")) for a in alerts}
