"""Holds alerts, their tests and their pages to one another. Reads files only; promtool and scene.py run them.

Every alert has a severity, a summary, a description, a test that fires it, one that does not, and a section of
docs/alerts.md that says the same severity, what it means, what to look at and what to do; and nothing has a section or a
test that is no alert. Every record is used, and every expression of rules and dashboard can be parsed.
"""

import re
import sys

import yaml
from expressions import ROOT, alerts, asked, of_dashboard, rules

wrong = []


def check(holds, complaint):
    if not holds:
        wrong.append(complaint)


def tested():
    """Names of alerts that a test fires, and of those that a test does not."""
    fired, quiet = set(), set()
    for path in sorted(ROOT.glob("tests/prometheus/*.test.yaml")):
        for test in yaml.safe_load(path.read_text())["tests"]:
            for case in test["alert_rule_test"]:
                (fired if case.get("exp_alerts") else quiet).add(case["alertname"])
    return fired, quiet


def sections():
    """Sections of docs/alerts.md that are about an alert, by its name."""
    parts = re.split(r"^## ", (ROOT / "docs/alerts.md").read_text(), flags=re.MULTILINE)[1:]
    named = [part.split("\n", 1) for part in parts]
    return {name.strip(): text for name, text in named if name.startswith("Presignd")}


all_alerts, (fired, quiet), pages = alerts(), tested(), sections()
names = set(all_alerts)
for what, others in (("that fires it", fired), ("that does not fire it", quiet)):
    check(names <= others, f"no test {what}: {sorted(names - others)}")
    check(others <= names, f"a test of what is no alert: {sorted(others - names)}")
check(names <= set(pages), f"not in docs/alerts.md: {sorted(names - set(pages))}")
check(set(pages) <= names, f"docs/alerts.md tells of what is no alert: {sorted(set(pages) - names)}")

for name, rule in all_alerts.items():
    severity, said = rule["labels"].get("severity"), rule["annotations"]
    check(severity in ("critical", "warning", "info"), f"{name}: no such severity: {severity}")
    check(set(said) == {"summary", "description", "runbook_url"}, f"{name}: annotations are {sorted(said)}")
    check(said.get("runbook_url") == f"docs/alerts.md#{name.lower()}", f"{name}: another runbook_url than its section")
    page = pages.get(name, "")
    check(page.strip().startswith(f"*{severity}*"), f"{name}: docs/alerts.md does not begin with its severity, {severity}")
    for part in ("**Look:**", "**Do:**"):
        check(part in page, f"{name}: docs/alerts.md has no {part}")

expressions = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]
expressions += [(place, expr) for place, expr, _ in of_dashboard()]
used = set()
for place, expr in expressions:
    try:
        used |= asked(expr).series
    except ValueError as error:
        check(False, f"{place}: {error}")
records = {rule["record"] for rule in rules() if "record" in rule}
check(records <= used, f"records that nothing uses: {sorted(records - used)}")

for complaint in wrong:
    print(complaint)
print(f"{len(names)} alerts, {len(records)} records and {len(of_dashboard())} expressions of the dashboard")
sys.exit(bool(wrong))
