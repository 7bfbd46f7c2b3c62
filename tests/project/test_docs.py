"""The documents hold together: every decision is listed, every relative link leads somewhere."""

import re
import subprocess
from pathlib import Path

import pytest

LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")


def missing(index: Path) -> list[str]:
    text = index.read_text(encoding="utf-8")
    decisions = index.parent.glob("[0-9][0-9][0-9][0-9]-*.md")
    return sorted(page.name for page in decisions if f"({page.name})" not in text)


def dead(page: Path) -> list[str]:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    return [target for target in targets if "://" not in target and not (page.parent / target).exists()]


def test_every_decision_is_in_the_index(root):
    assert missing(root / "docs/adr/README.md") == []


def test_a_decision_that_nobody_listed_is_noticed(tmp_path):
    (tmp_path / "README.md").write_text("| [0001](0001-a.md) |\n")
    (tmp_path / "0001-a.md").touch()
    (tmp_path / "0002-b.md").touch()
    assert missing(tmp_path / "README.md") == ["0002-b.md"]


def test_every_relative_link_leads_somewhere(root):
    pages = subprocess.run(["git", "ls-files", "*.md"], cwd=root, capture_output=True, text=True, check=True).stdout
    assert "README.md" in pages.splitlines()
    assert {page: links for page in pages.splitlines() if (links := dead(root / page))} == {}


@pytest.mark.parametrize(
    ("link", "expected"), [("gone.md", ["gone.md"]), ("here.md#part", []), ("https://a.example", [])]
)
def test_a_dead_link_is_noticed(tmp_path, link, expected):
    page = tmp_path / "here.md"
    page.write_text(f"[it]({link})\n")
    assert dead(page) == expected
