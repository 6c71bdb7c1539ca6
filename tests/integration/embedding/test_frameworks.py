"""The recipes of the documentation as they are written there: Flask and Django, on both databases."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from examples.flask_host import create_app
from permits_engine.testing import Office
from tests.integration.embedding.conftest import Host, host_url

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.matrix


def test_a_flask_host_serves_views_and_commands(office: Office, store_url: str, keys: Path) -> None:
    """A view, a command, and a refusal with the status of its family."""
    permit_id = office.title()
    host = create_engine(host_url(store_url))
    client = create_app(host, str(keys)).test_client()
    counter = {"X-Officer": "samira/counter/MA-RAB"}
    view = client.get(f"/permits/{permit_id}", headers=counter)
    assert (view.status_code, view.json["permit_id"]) == (200, permit_id)
    done = client.post(
        "/commands/record_exit", json={"permit_id": permit_id, "on": "2017-02-01"}, headers=counter
    )
    assert (done.status_code, done.json["version"]) == (200, office.engine.permit(permit_id).version)
    again = client.post(
        "/commands/record_exit", json={"permit_id": permit_id, "on": "2017-02-01"}, headers=counter
    )
    assert (again.status_code, again.json["error"]["code"]) == (422, "transition.not_allowed")
    away = client.get(f"/permits/{permit_id}", headers={"X-Officer": "leila/counter/MA-FES"})
    assert away.status_code == 403
    host.dispose()


PROGRAM = """
import sys
from datetime import date, datetime

import django
from django.conf import settings

url, keys, permit_id, now = sys.argv[1:]
if url.startswith("sqlite"):
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": url.removeprefix("sqlite:///")}
else:
    from psycopg.conninfo import conninfo_to_dict
    parts = conninfo_to_dict(url)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts["dbname"],
        "HOST": parts["host"],
        "USER": parts["user"],
    }
settings.configure(DATABASES={"default": database}, INSTALLED_APPS=[], USE_TZ=True)
django.setup()

from django.db import connection, transaction
from examples.django_host import execute
from permits_engine import Actor, Engine, PermitsError, RecordExit, RecordReturn

engine = Engine.open(url, keys=keys, clock=lambda: datetime.fromisoformat(now))
counter = Actor("samira", "counter", "MA-RAB")

def note(word):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO dossiers VALUES (%s)", [word])

def names():
    return [each["name"] for each in engine.history(permit_id)][4:]

leave = RecordExit(permit_id=permit_id, on=date(2017, 2, 2))

try:
    execute(engine, leave, counter)
except RuntimeError as problem:
    assert "atomic" in str(problem)

try:
    with transaction.atomic():
        note("half-way")
        execute(engine, leave, counter)
        raise ZeroDivisionError
except ZeroDivisionError:
    pass
assert names() == [], names()

with transaction.atomic():
    note("a")
    execute(engine, leave, counter)
    assert names() == [], "nobody sees it before the commit"
    try:
        execute(engine, leave, counter)
    except PermitsError as problem:
        assert problem.code == "transition.not_allowed"
    note("after a refusal")
assert names() == ["permit.exit_recorded"], names()

with transaction.atomic():
    try:
        with transaction.atomic():  # a savepoint of Django's
            execute(engine, RecordReturn(permit_id=permit_id, on=date(2017, 2, 3)), counter)
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    note("b")
assert names() == ["permit.exit_recorded"], names()

with transaction.atomic():
    execute(engine, RecordReturn(permit_id=permit_id, on=date(2017, 2, 3)), counter)
assert names() == ["permit.exit_recorded", "permit.return_recorded"], names()
with connection.cursor() as cursor:
    cursor.execute("SELECT word FROM dossiers ORDER BY word")
    assert [row[0] for row in cursor.fetchall()] == ["a", "after a refusal", "b"]
engine.close()
print("done")
"""


def test_a_django_host_has_one_transaction_with_the_engine(
    office: Office, host: Host, store_url: str, keys: Path, tmp_path: Path
) -> None:
    """Its rows and our events commit or roll back together, savepoints and refusals included."""
    permit_id = office.title()
    office.at("2017-03-01")
    given = [store_url, str(keys), permit_id, office.clock().isoformat()]
    command = [sys.executable, "-c", PROGRAM, *given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert host.words() == ["a", "after a refusal", "b"]
    assert office.engine.permit(permit_id, as_of=date(2017, 2, 2)).version == 6
    assert office.engine.store.rebuild(check=True).differences == []
