"""The generated pages say what the code does."""

from __future__ import annotations

import pytest

from docs.generate import PAGES
from tests.identity import test_jobs_bought
from tests.identity.scenarios import SCENARIOS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_up_to_date(page):
    assert page.read_text(encoding="utf-8") == PAGES[page](), "run: make docs"


def test_every_line_of_the_table_is_tried_and_stands_once():
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names)
    assert all(callable(getattr(test_jobs_bought, name)) for name in names)
