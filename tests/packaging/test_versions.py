"""The oldest and the newest allowed versions of the libraries that the engine is built on."""

import re
import site
import sys
import tomllib
import venv
from pathlib import Path

import pytest

from tests.packaging.test_wheel import ROOT, run

pytestmark = pytest.mark.matrix

LIBRARIES = ("sqlalchemy", "pydantic", "eventsourcing")
SMOKE = [
    f"tests/integration/{file}.py"
    for file in ("application/test_views", "store/test_application", "store/test_conformance")
]


def allowed(library: str) -> str:
    """The versions of a library that pyproject.toml allows, as pip writes them: ``pydantic>=2.11,<3``."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [found] = [each for each in settings["project"]["dependencies"] if re.match(rf"{library}\b[^-]", each)]
    return str(found)


@pytest.mark.parametrize("end", ["oldest", "newest"])
def test_commands_and_views_work_with_the_ends_of_the_allowed_versions(end: str, tmp_path: Path) -> None:
    """The libraries of one end, all else as in the tests' own environment, on both databases."""
    venv.create(tmp_path / "venv", with_pip=True, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    where = run(python, "-c", "import site; print(site.getsitepackages()[0])", cwd=tmp_path).strip()
    # Behind its own packages the environment sees those of this one.
    (Path(where) / "behind.pth").write_text("\n".join(site.getsitepackages()), encoding="utf-8")
    wanted = [allowed(library) for library in LIBRARIES]
    if end == "oldest":
        wanted = [re.sub(r">=([\d.]+).*", r"==\1", each) for each in wanted]
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "-qq", "install", "--upgrade"]
    run(*pip, *wanted, cwd=tmp_path)
    versions = f"import importlib.metadata as m; print(*map(m.version, {LIBRARIES}))"
    print(run(python, "-c", versions, cwd=tmp_path), file=sys.stderr)
    run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SMOKE, cwd=ROOT)
