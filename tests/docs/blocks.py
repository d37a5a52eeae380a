"""Reads the code blocks of a Markdown page, with the word that says why one is not run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
MARKER = re.compile(r"<!-- not run: (?P<why>.+?) -->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    :param language: the first word after the fence; empty if there is none.
    :param line: of its first line of code.
    :param why: why it is not run, if its page says so.
    """

    page: Path
    language: str
    text: str
    line: int
    why: str | None

    def __str__(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages():
    """Answer every page that people read."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page):
    """Answer a page's code blocks in their order; directives of the site are none.

    :raises AssertionError: code without a fence, or a marker before something else.
    """
    found, marker = [], None
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        assert token.type != "code_block", f"{page.name}:{token.map[0] + 1}: code needs a fence"
        if token.type == "html_block" and (match := MARKER.search(token.content)):
            marker = match["why"].strip()
            continue
        if token.type == "fence" and not token.info.startswith("{"):
            language = token.info.split()[0] if token.info.split() else ""
            found.append(Block(page, language, token.content, token.map[0] + 2, marker))
        else:
            assert marker is None, f"{page.name}: 'not run: {marker}' stands before no code"
        marker = None
    return found
