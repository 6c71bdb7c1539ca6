"""A guest in the host's process: what is loaded, and what of the process is left alone.

Each test looks at a process of its own, where nothing else has been loaded or configured before.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SLOW = {
    "alembic",
    "babel",
    "cryptography",
    "email_validator",
    "eventsourcing",
    "jinja2",
    "phonenumbers",
    "psycopg",
    "pycountry",
    "pydantic",
    "sqlalchemy",
    "yaml",
}
"""What takes its time to load, and is needed by some work only."""

LIFE = """
from datetime import date
from permits_engine import Actor, Engine, IssuePermit, LodgeApplication, RecordOpinion, RegisterHolder
from permits_engine.testing import FakeClock, Letters, a_title

clock = FakeClock()
clock.at(date(2018, 1, 2))
engine = Engine.open("sqlite://", clock=clock)
actors = {"register_holder": "counter", "lodge_application": "counter", "record_opinion": "local_commission"}
for command in a_title():
    role = actors.get(command.name, "decider")
    engine.execute(command, actor=Actor(id="x", role=role, prefecture="MA-RAB"))
assert Letters(engine).run_scheduler()
[row] = engine.find(status="active")
engine.permit(row["permit_id"])
engine.history(row["permit_id"])
engine.explain(row["permit_id"])
assert engine.store.rebuild(check=True).differences == []
"""
"""A file from its filing to a reminder, in a store in memory."""


def alone(program: str, folder: Path, **environment: str) -> Any:
    """What a program prints as JSON, in a process of its own; anything else it says is a failure."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return json.loads(done.stdout or "null")


def test_importing_the_package_loads_nothing_but_itself(tmp_path: Path) -> None:
    """Not SQLAlchemy, nor anything else that is slow: names are loaded when they are first asked for."""
    loaded = alone(
        "import json, sys; before = set(sys.modules); import permits_engine;"
        "print(json.dumps(sorted(set(sys.modules) - before)))",
        tmp_path,
    )
    foreign = {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names}
    assert foreign == {"permits_engine"}


def test_an_actor_and_the_errors_cost_no_database(tmp_path: Path) -> None:
    """A host that only names people and catches refusals does not load SQLAlchemy either."""
    loaded = alone(
        "import json, sys; from permits_engine import Actor, PermitsError, RuleError;"
        "print(json.dumps(sorted(sys.modules)))",
        tmp_path,
    )
    assert {name.partition(".")[0] for name in loaded} & SLOW == set()


def test_help_loads_no_database(tmp_path: Path) -> None:
    """``permits --help`` is quick because it loads the command line and no engine."""
    loaded = alone(
        "import io, json, sys; from permits_engine.cli.app import run; real = sys.stdout;"
        "sys.stdout = io.TextIOWrapper(io.BytesIO()); code = run(['--help']); sys.stdout = real;"
        "print(json.dumps([code, sorted(sys.modules)]))",
        tmp_path,
    )
    code, modules = loaded
    assert code == 0
    assert {name.partition(".")[0] for name in modules} & SLOW == set()


def test_an_ordinary_command_loads_no_templates_and_no_workers(tmp_path: Path) -> None:
    """Letters are composed, migrations run and processes shared out by few commands: the others do not load them."""
    alone("from permits_engine import Engine; Engine.initialise('sqlite:///permits.db').close()", tmp_path)
    code, modules = alone(
        "import io, json, sys; from permits_engine.cli.app import run;"
        "real = sys.stdout; sys.stdout = io.TextIOWrapper(io.BytesIO());"
        "code = max(run(['list', '--json']), run(['status', '--json']));"
        "sys.stdout = real; print(json.dumps([code, sorted(sys.modules)]))",
        tmp_path,
    )
    assert code == 0
    unused = {"alembic", "babel", "concurrent.futures.process", "email_validator", "jinja2", "phonenumbers"}
    assert set(modules) & unused == set()


def test_nothing_is_printed_logged_or_started(tmp_path: Path) -> None:
    """No output, no thread left, no handler, level, filter, signal, hook or locale of the host's changed."""
    program = f"""
import asyncio, atexit, faulthandler, gc, json, locale, logging, signal, sys, threading, time, warnings

def process():
    return {{
        "threads": sorted(each.name for each in threading.enumerate()),
        "handlers": [repr(each) for each in logging.getLogger().handlers],
        "levels": logging.getLogger().level,
        "disabled": logging.root.manager.disable,
        "ours": [
            name for name, each in logging.root.manager.loggerDict.items()
            if name.partition(".")[0] in ("permits_engine", "eventsourcing", "sqlalchemy", "alembic")
            and getattr(each, "handlers", None) and not isinstance(each.handlers[0], logging.NullHandler)
        ],
        "signals": [repr(signal.getsignal(each)) for each in sorted(signal.valid_signals())],
        "hooks": [repr(sys.excepthook), repr(threading.excepthook), repr(sys.unraisablehook)],
        "locale": locale.setlocale(locale.LC_ALL),
        "zone": time.tzname,
        "switch": sys.getswitchinterval(),
        "recursion": sys.getrecursionlimit(),
        "digits": sys.get_int_max_str_digits(),
        "path": list(sys.path),
        "gc": gc.isenabled(),
        "folder": __import__("os").getcwd(),
    }}

before = process()
filters = list(warnings.filters)
{LIFE}
after = process()
added = [each for each in warnings.filters if each not in filters]
engine.close()
print(json.dumps([before, after, [repr(each) for each in added]], default=str))
"""
    before, after, filters = alone(program, tmp_path)
    assert after == before
    # SQLAlchemy sets filters for its own warnings; no one else's are touched.
    assert [each for each in filters if "sqlalchemy" not in each.lower()] == []


def test_the_library_reads_no_environment_and_no_file_of_settings(tmp_path: Path) -> None:
    """Whatever is in ``PERMITS_…`` or in a ``permits.toml`` is for the command line alone."""
    (tmp_path / "permits.toml").write_text('store = "sqlite:////nowhere/else.db"\n', encoding="utf-8")
    program = f"""
import json, os, sys

class Watched(dict):
    asked = []
    def noted(self, key):
        frame = sys._getframe(2)
        while frame.f_code.co_filename in ("<frozen os>", os.__file__):
            frame = frame.f_back
        self.asked.append((frame.f_code.co_filename, key))
    def __getitem__(self, key):
        self.noted(key)
        return super().__getitem__(key)
    def get(self, key, default=None):
        self.noted(key)
        return super().get(key, default)
    def __contains__(self, key):
        self.noted(key)
        return super().__contains__(key)

os.environ = Watched(os.environ)
os.getenv = os.environ.get
{LIFE}
print(json.dumps(sorted(set(Watched.asked))))
"""
    asked = alone(
        program,
        tmp_path,
        PERMITS_STORE="postgresql://nowhere/else",
        PERMITS_KEYS="/nowhere/keys",
        PERMITS_OPERATOR="somebody",
        PERSISTENCE_MODULE="eventsourcing.nowhere",
        CIPHER_KEY="x",
    )
    assert [each for each in asked if "permits_engine" in each[0] or each[1].startswith("PERMITS_")] == []


@pytest.mark.parametrize("name", ["Europe/Paris", "America/New_York", "Asia/Tokyo"])
def test_the_machines_time_zone_decides_nothing(tmp_path: Path, name: str) -> None:
    """Legal days are days of the jurisdiction: the same file on any machine."""
    program = (
        f"{LIFE}\nimport json; print(json.dumps([engine.queries.today().isoformat(), row['valid_until']]))"
    )
    assert alone(program, tmp_path, TZ=name, LC_ALL="C.UTF-8") == ["2018-01-02", "2018-01-31"]
