"""A real Prometheus scrapes a real daemon that has done something, and alerts fire and end as things happen to it.

    scene.py PRESIGND MOTO_SERVER

Also holds every metric, label and value of a label in the rules and the dashboard to that scrape, and every expression of
the dashboard to giving something there. promtool and prometheus are on the PATH. Never leaves loopback.
"""

import json
import re
import subprocess
import sys
import tempfile

from expressions import asked, of_dashboard, rules
from world import World, eventually, fetch

# An identity that STS serves, one that nobody serves, and a key; whoever calls may read photos.
CONFIG = """
[sts]
calls_per_minute = 600

[identity.web]
source = "assume-role"
role_arn = "arn:aws:iam::123456789012:role/web"
min_pause = "1s"
sts = {{ endpoint_url = "{sts}", region = "us-east-1" }}
s3 = {{ endpoint_url = "http://store.test", region = "us-east-1" }}

[identity.broken]
source = "assume-role"
role_arn = "arn:aws:iam::123456789012:role/broken"
min_pause = "1s"
sts = {{ endpoint_url = "http://127.0.0.1:1", region = "us-east-1" }}
s3 = {{ endpoint_url = "http://store.test", region = "us-east-1" }}

[identity.archive]
source = "environment"
s3 = {{ endpoint_url = "http://store.test", region = "us-east-1" }}

[[grant]]
any = true
identities = ["*"]
buckets = ["photos"]
operations = ["*"]
"""

# These speak of the machine that the test runs on.
OF_THE_MACHINE = {"PresigndRegistryDiskFilling", "PresigndRegistryDiskLow", "PresigndRegistrySlow", "PresigndSigningSlow"}

# What is wrong with `broken`, and what was tried: nothing else fires.
AT_FIRST = {("PresigndIdentityNotReady", "broken"), ("PresigndRenewalFailing", "broken"), ("PresigndCallersDenied", "bucket")}


def use(world):
    """Signs with two identities, and asks for what no grant allows."""
    for identity in ("web", "archive"):
        code, said = world.ask("presign", "s3://photos/cat.jpg", "--identity", identity, "--expires-in", "10m")
        assert code == 0, said
    code, said = world.ask("post", "s3://photos/inbox", "--identity", "web", "--expires-in", "10m")
    assert code == 0, said
    code, said = world.ask("presign", "-", "--identity", "web", text="s3://secrets/key\n" * 20)
    assert code == 254 and "DENIED" in said, said


def only(world, wanted):
    """Waits until what is wanted fires, and nothing else."""

    def fires():
        firing = {alert for alert in world.firing() if alert[0] not in OF_THE_MACHINE}
        assert_later[0] = firing
        return firing == wanted

    assert_later = [set()]
    try:
        eventually("just that fires", fires)
    except AssertionError as error:
        raise AssertionError(f"missing {wanted - assert_later[0]}, too many {assert_later[0] - wanted}") from error
    print("fires:", *sorted(" ".join(alert).strip() for alert in wanted))


def exported(text):
    """Series of a scrape, by name: the values of each label."""
    found = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, flags=re.MULTILINE):
        series = found.setdefault(name, {})
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
            series.setdefault(label, set()).add(value)
    return found


def hold_to_the_scrape(world):
    text = fetch(world.url("daemon", "/metrics"))
    lint = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert lint.returncode == 0, lint.stdout + lint.stderr
    scraped, target = exported(text), {"job", "instance"}
    # What Prometheus adds, and what rules make: of records, the labels that they give now.
    scraped |= {"up": {}, "ALERTS": {"alertname": set(), "alertstate": set()}}
    for record in {rule["record"] for rule in rules() if "record" in rule}:
        series = eventually(f"something is recorded as {record}", lambda record=record: world.query(record))
        scraped[record] = {label: {one["metric"][label] for one in series} for label in series[0]["metric"]}
    wrong, count = [], 0
    places = [(rule.get("alert") or rule["record"], rule["expr"], "") for rule in rules()] + of_dashboard()
    for place, expr, legend in places:
        want, count = asked(expr), count + 1
        wrong += [f"{place}: no metric {name}" for name in want.series if name not in scraped]
        own = {name: set(scraped.get(name, {})) | target for name in want.series}
        wrong += [f"{place}: {name} has no label {label}" for name, label in want.labels if label not in own[name]]
        any_of = set().union(*own.values())
        named = want.grouped | set(re.findall(r"\{\{(\w+)\}\}", legend))
        wrong += [f"{place}: none of its metrics has a label {label}" for label in named - any_of]
        for name, label, value in want.values:
            values = scraped.get(name, {}).get(label, set())
            if values and not any(re.fullmatch(value, other) for other in values):
                wrong.append(f"{place}: {name} never has {label}={value}")
    assert not wrong, "\n".join(wrong)
    print(f"{count} expressions ask for what a scrape of {len(text.splitlines())} lines has")


def hold_the_dashboard(world):
    empty = [f"{place}: {expr}" for place, expr, _ in of_dashboard() if not world.query(expr)]
    assert not empty, "the dashboard shows nothing here:\n" + "\n".join(empty)
    print(f"{len(of_dashboard())} expressions of the dashboard show something")


def hold_the_bounds(world):
    """What the configuration, the machine and the start made of gauges that rules compare with."""
    for holds in (
        "presignd_sts_budget_calls_per_minute == 600",
        "presignd_registry_queue_limit >= 1024",
        "presignd_registry_disk_size_bytes >= presignd_registry_disk_free_bytes > 0",
        "0 <= time() - process_start_time_seconds < 600",
        "presignd_ready == 1",
    ):
        assert world.query(holds), f"does not hold: {holds}"


def play(world):
    world.start_sts()
    world.start_daemon(CONFIG.format(sts=world.url("sts")))
    eventually("web signs", lambda: world.ask("presign", "s3://photos/a", "--identity", "web", "--expires-in", "10m")[0] == 0)
    world.start_prometheus()
    eventually("the daemon is scraped", lambda: world.query("up == 1"))
    use(world)
    only(world, AT_FIRST)
    use(world)
    eventually("rates are there", lambda: world.query("rate(presignd_registry_append_seconds_count[20s]) > 0"))
    unwell = [rule for group in world.prometheus("rules")["groups"] for rule in group["rules"] if rule["health"] != "ok"]
    assert not unwell, json.dumps(unwell, indent=1)
    hold_to_the_scrape(world)
    hold_the_bounds(world)
    hold_the_dashboard(world)

    print("STS goes away")
    world.stop("sts")
    for _ in range(3):
        assert world.ask("identities", "renew", "web")[0] != 0
    only(world, AT_FIRST | {("PresigndRenewalFailing", "web")})
    print("and comes back")
    world.start_sts()
    eventually("web is renewed", lambda: world.ask("identities", "renew", "web")[0] == 0)
    only(world, AT_FIRST)

    print("the registry's file is moved away")
    registry = world.folder / "state/presignd/registry.db"
    registry.rename(registry.with_name("moved.db"))
    # While nothing is ready, that is said once, and not again of each identity.
    eventually("it is told", lambda: ("PresigndNotReady", "") in world.firing())
    world.ask("presign", "s3://photos/cat.jpg", "--identity", "web")
    eventually("that, too", lambda: ("PresigndRegistryNotWriting", "append") in world.firing())
    assert ("PresigndIdentityNotReady", "broken") not in world.firing()
    print("and back")
    registry.with_name("moved.db").rename(registry)
    eventually("it ends", lambda: ("PresigndNotReady", "") not in world.firing())

    print("the daemon is stopped")
    world.stop("daemon")
    eventually("it is told", lambda: ("PresigndDown", "") in world.firing())


def main():
    presignd, moto = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="presignd-") as folder:
        world = World(folder, presignd, moto)
        try:
            play(world)
        except BaseException:
            print(world.logs())
            raise
        finally:
            world.stop_all()


main()
