"""The page of outcomes says what the code does."""

from __future__ import annotations

from docs.generate import PAGE, render
from tests.identity import test_jobs_bought
from tests.identity.scenarios import SCENARIOS


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python docs/generate.py"


def test_every_line_of_the_table_is_tried_and_stands_once():
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names)
    assert all(callable(getattr(test_jobs_bought, name)) for name in names)
