"""What must hold for the checkout as such, whatever the code in it does."""

import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

import permits_engine

ROOT = Path(__file__).resolve().parents[2]
TOGETHER = ["run", "build", "dev"]
LOCKED = [*TOGETHER, "xes", "pyright"]

# The first folder of a path on someone's own machine. The slashes are put around the names here, so
# that this file does not match itself.
PRIVATE_FOLDERS = ["home", "Users", "root", "work", "workspace", "workspaces", "private"]
PRIVATE_PATH = re.compile(rf"(?<![\w./~-])/(?:{'|'.join(PRIVATE_FOLDERS)})/\w|\b[A-Z]:\\Users\\")


@cache
def committed_files() -> tuple[Path, ...]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = [git, "-c", "safe.directory=*", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = (ROOT / name for name in listed.split("\0") if name)
    return tuple(path for path in files if path.is_file())


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="ignore")


@pytest.mark.parametrize(
    "name", [f"{lock}.txt" for lock in LOCKED] + ["build.in", "dev.in", "xes.in", "pyright.in"]
)
def test_requirement_files_name_no_address(name: str) -> None:
    text = text_of(ROOT / "requirements" / name)
    found = re.findall(r"(?i).*(?:https?:|file:|//|@ |--index|--extra-index|--find-links).*", text)
    assert found == []


@pytest.mark.parametrize("lock", LOCKED)
def test_every_locked_requirement_is_pinned_and_hashed(lock: str) -> None:
    text = text_of(ROOT / "requirements" / f"{lock}.txt").replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert requirements
    loose = [line for line in requirements if "==" not in line or "--hash=sha256:" not in line]
    assert loose == []


def test_the_locks_agree_with_one_another() -> None:
    versions: dict[str, set[str]] = {}
    for lock in TOGETHER:
        for name, version in re.findall(r"(?m)^([\w.-]+)==(\S+)", text_of(ROOT / f"requirements/{lock}.txt")):
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    locked = set(re.findall(r"(?m)^([\w.-]+)==", text_of(ROOT / "requirements/run.txt")))
    wanted = {re.match(r"[\w.-]+", line)[0] for line in project["dependencies"]}  # type: ignore[index]
    assert wanted - locked == set()


def test_no_committed_file_names_a_path_of_a_developers_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in committed_files()
        for match in PRIVATE_PATH.finditer(text_of(path))
    ]
    assert found == []


def test_the_pattern_for_private_paths_finds_some() -> None:
    for folder in PRIVATE_FOLDERS:
        assert PRIVATE_PATH.search(f"see '/{folder}/somebody/permits'")
    assert not PRIVATE_PATH.search("study/private/family and docs/home/page")


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    assert project["version"] == permits_engine.__version__
    assert f"## [{permits_engine.__version__}]" in text_of(ROOT / "CHANGELOG.md")


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "permits_engine" / "py.typed").is_file()
