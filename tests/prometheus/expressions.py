"""Every expression of PromQL in the rules and the dashboard, and what it asks for: series, labels and values of labels.

Knows neither what presignd exports nor what an expression gives; scene.py asks a real Prometheus.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import promql_parser
import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "helm/presignd/files/alerts.yaml"
DASHBOARD = ROOT / "helm/presignd/files/dashboard.json"


@dataclass
class Asked:
    """What an expression asks for."""

    series: set = field(default_factory=set)
    # Of one series: (series, label).
    labels: set = field(default_factory=set)
    # The same with a value, where it is named and must match: (series, label, value).
    values: set = field(default_factory=set)
    # That it groups or joins by, of whichever of its series.
    grouped: set = field(default_factory=set)


def asked(text):
    """What `text` asks for; raises ValueError where it is no PromQL."""
    found = Asked()
    promql_parser.walk(promql_parser.parse(text), lambda node: _see(node, found))
    return found


def _see(node, found):
    kind = type(node).__name__
    if kind == "MatrixSelector":
        node = node.vector_selector
    if kind in ("MatrixSelector", "VectorSelector"):
        assert node.name, "a selector names its metric, so that it can be looked for"
        found.series.add(node.name)
        for matcher in node.matchers.matchers:
            found.labels.add((node.name, matcher.name))
            # What must not match need not be there.
            if str(matcher.op) in ("MatchOp.Equal", "MatchOp.Re") and matcher.value != ".*":
                found.values |= {(node.name, matcher.name, value) for value in matcher.value.split("|")}
    if kind == "AggregateExpr" and node.modifier:
        found.grouped |= set(node.modifier.labels)
    if kind == "BinaryExpr" and node.modifier:
        if node.modifier.matching:
            found.grouped |= set(node.modifier.matching.labels)
        found.grouped |= set(node.modifier.group_labels or [])


def rules():
    """Every rule."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def alerts():
    """Every alert, by name."""
    found = [rule for rule in rules() if "alert" in rule]
    by_name = {rule["alert"]: rule for rule in found}
    assert len(by_name) == len(found), "an alert stands twice"
    return by_name


def of_dashboard():
    """Every expression of the dashboard with its place, its variables filled in as Grafana does for All."""
    board = json.loads(DASHBOARD.read_text())
    found = []
    for panel in board["panels"]:
        found += [(panel["title"], target["expr"], target["legendFormat"]) for target in panel.get("targets", [])]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            query = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            found.append((f"variable {variable['name']}", query[1], "{{" + query[2] + "}}"))
    names = [variable["name"] for variable in board["templating"]["list"]]
    return [(place, _filled(expr, names), legend) for place, expr, legend in found]


def _filled(expr, names):
    filled = expr.replace("$__rate_interval", "20s")
    for name in names:
        filled = filled.replace(f"${name}", ".*")
    assert "$" not in filled, f"a variable that the dashboard does not have: {expr}"
    return filled
