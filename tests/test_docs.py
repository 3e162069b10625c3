"""The figures in the documentation are those in ``results/``, and its links and commands exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_tables_come_from_the_results():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.tables", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_verbs_of_the_readme_exist(cli_verbs):
    used = set(re.findall(r"pocketmatte (\w+) ", (ROOT / "README.md").read_text()))
    assert {"run", "evaluate"} <= used
    assert used <= cli_verbs


@pytest.fixture
def cli_verbs():
    from pocketmatte.apps.cli import app

    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    return commands | {group.name or group.typer_instance.info.name for group in app.registered_groups}


def test_benchmarks_of_the_pages_exist():
    for page in PAGES:
        text = page.read_text()
        assert not re.findall(r"python benchmarks/\w+\.py", text), f"{page.name}: say python -m benchmarks.NAME"
        for name in re.findall(r"python -m benchmarks\.(\w+)", text):
            assert '__name__ == "__main__"' in (ROOT / "benchmarks" / f"{name}.py").read_text(), f"{page.name}: {name}"


def test_model_cards_come_from_the_results():
    command = [sys.executable, "-m", "benchmarks.cards", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
