"""The distribution as a stranger gets it: built, installed into an empty environment, and used."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

import permits_engine
from tests.shared import once

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "permits_engine"

pytestmark = pytest.mark.packaging


def clean_environment() -> dict[str, str]:
    """The environment without anything that could lead back to the checkout."""
    unwanted = ("PYTHON", "PERMITS_", "VIRTUAL_ENV", "COVERAGE_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean_environment() | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    spoken = f"{' '.join(map(str, command))}\nended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, spoken
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", ROOT, "--outdir"]
    folder = once(tmp_path_factory, "wheel", lambda folder: run(*command, folder, cwd=folder))
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.suffix in {".py", ".yaml", ".yml", ".mako", ".j2", ".typed"}
        and "__pycache__" not in path.parts
    }
    assert "permits_engine/py.typed" in names
    assert wanted - names == set()
    info = f"permits_engine-{permits_engine.__version__}.dist-info/"
    assert [name for name in names if not name.startswith(("permits_engine/", info))] == []
    assert f"{info}licenses/LICENSE" in names


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    info = f"permits_engine-{permits_engine.__version__}.dist-info/METADATA"
    metadata = HeaderParser().parsestr(zipfile.ZipFile(wheel).read(info).decode())
    assert metadata["Name"] == "permits-engine"
    assert metadata["Version"] == permits_engine.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert sorted(metadata.get_all("Provides-Extra", [])) == [
        "channels",
        "dask",
        "excel",
        "metrics",
        "parquet",
        "postgresql",
    ]


def test_the_wheel_alone_makes_and_shows_a_store(wheel: Path, tmp_path: Path) -> None:
    """Unpacked, with only the libraries that it names: nothing of the checkout is missed."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "unpacked")
    where = {"PYTHONPATH": str(tmp_path / "unpacked")}
    permits = [sys.executable, "-m", "permits_engine.cli", "--store", "sqlite:///x.db"]
    program = "import permits_engine; print(permits_engine.__file__)"
    found = run(sys.executable, "-c", program, cwd=tmp_path, **where)
    assert Path(found.strip()).is_relative_to(tmp_path / "unpacked")
    run(*permits, "init", cwd=tmp_path, **where)
    assert json.loads(run(*permits, "status", "--json", cwd=tmp_path, **where))["head"]["position"] == 3


@pytest.mark.matrix
def test_a_stranger_installs_it_and_uses_it(wheel: Path, tmp_path: Path) -> None:
    # One test, not one per step: pytest-xdist would make the environment once per worker.
    home, folder = tmp_path / "environment", tmp_path / "empty"
    folder.mkdir()
    venv.create(home, with_pip=True, symlinks=os.name != "nt")
    programs = home / ("Scripts" if os.name == "nt" else "bin")
    python, permits = programs / "python", programs / "permits"

    pip = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "-qq"]
    run(*pip, "install", "--require-hashes", "-r", ROOT / "requirements" / "run.txt", cwd=folder)
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    run(*pip, "check", cwd=folder)

    program = "import permits_engine; print(permits_engine.__file__)"
    found = Path(run(python, "-c", program, cwd=folder).strip())
    assert found.is_relative_to(home)
    assert (found.parent / "py.typed").is_file()

    spoken = run(permits, "--help", cwd=folder)
    assert "init" in spoken
    assert "status" in spoken
    assert permits_engine.__version__ in run(permits, "--version", cwd=folder)
    assert list(folder.iterdir()) == []

    store = ["--store", "sqlite:///x.db"]
    run(permits, *store, "init", cwd=folder)
    assert (folder / "x.db").is_file()
    status = json.loads(run(permits, *store, "status", "--json", cwd=folder))
    assert isinstance(status, dict)
    spoken = run(permits, "status", "--json", cwd=folder, PERMITS_STORE=store[1])
    assert json.loads(spoken).keys() == status.keys()
    assert not (folder / "permits.db").exists()
