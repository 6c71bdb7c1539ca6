"""The event log as pm4py reads it: the same cases and events. Run by ``make test-xes``, with pm4py apart."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from permits_engine import Engine
from tests.e2e.command_line import Cli

pytestmark = pytest.mark.xes

READ = """
import json, sys, warnings
warnings.simplefilter("ignore")
import pm4py
log = pm4py.read_xes(sys.argv[1], return_legacy_log_object=True)
variants = {}
for trace in log:
    names = " ".join(event["concept:name"] for event in trace)
    variants[names] = variants.get(names, 0) + 1
print(json.dumps({
    "cases": sorted(trace.attributes["concept:name"] for trace in log),
    "events": sum(len(trace) for trace in log),
    "starts": pm4py.get_start_activities(log),
    "first": min(event["time:timestamp"] for trace in log for event in trace).date().isoformat(),
    "variants": len(variants),
    "places": len(pm4py.discover_petri_net_inductive(log)[0].places),
}))
"""


def test_pm4py_reads_the_same_cases_and_events(bare: Cli) -> None:
    """Of the demo's history: counted by case and by event, with their days; and a process can be discovered in it."""
    python = os.environ["PERMITS_PM4PY"]
    bare.ok("demo", "--scale", "0.003", "--out", "demo")
    store = f"sqlite:///{bare.folder / 'demo' / 'permits.db'}"
    bare.ok("--store", store, "export", "--format", "xes", "--out", "permits.xes")
    done = subprocess.run(
        [python, "-c", READ, "permits.xes"], cwd=bare.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    with Engine.open(store, keys=Path(bare.folder / "demo" / "permits.keys")) as engine:
        permits = [row["permit_id"] for row in engine.find(limit=None)]
        histories = [engine.history(each) for each in permits]
    assert found["cases"] == sorted(permits)
    assert found["events"] == sum(map(len, histories))
    assert found["starts"] == {"permit.application_lodged": len(permits)}
    assert found["first"] == min(event["effective_on"] for events in histories for event in events)
    assert found["variants"] == len({tuple(event["name"] for event in events) for events in histories})
    assert found["places"] > 2
