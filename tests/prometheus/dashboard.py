"""Holds the dashboard to Grafana's own types: what they read of it and write again is all of it.

Also that its panels have ids and places of their own. Knows nothing of expressions; rules.py and scene.py do.
"""

import json
import sys

from expressions import DASHBOARD
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(before, after, place="dashboard"):
    """Places whose value is not the same any more."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [found for key in before for found in lost(before[key], after.get(key), f"{place}.{key}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [found for at, one in enumerate(before) for found in lost(one, after[at], f"{place}[{at}]")]
    return [] if before == after else [f"{place}: {before!r} is read as {after!r}"]


def cells(panel):
    place = panel["gridPos"]
    columns, rows = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
    return {(column, row) for column in columns for row in rows}


register_default_plugins()
board = json.loads(DASHBOARD.read_text())
wrong = lost(board, json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder)))
panels = board["panels"]
wrong += ["two panels have one id"] if len({panel["id"] for panel in panels}) != len(panels) else []
taken = set()
for panel in panels:
    wrong += [f"{panel['title']}: lies over another panel"] if cells(panel) & taken else []
    wrong += [f"{panel['title']}: is wider than the page"] if any(column >= 24 for column, _ in cells(panel)) else []
    wrong += [f"{panel['title']}: says nothing of itself"] if panel["type"] != "row" and not panel["description"] else []
    taken |= cells(panel)
for complaint in wrong:
    print(complaint)
print(f"{len(panels)} panels and rows")
sys.exit(bool(wrong))
