# ruff: noqa: INP001, A001 - Sphinx reads this file by its place, and names the settings
"""How the site is made of these pages: ``make site``.

The same files are read on GitHub, so they are plain Markdown; what only a site can do is done here. The site needs no
address but its own: no fonts, scripts or inventories from elsewhere.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

# Airflow is imported for the reference, and makes itself a home.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-provider-bda-docs-"))

from airflow_provider_bda import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent

project = "airflow-provider-bda"
author = "the authors of airflow-provider-bda"
copyright = "Apache License 2.0"
release = version = __version__
html_title = f"{project} {release}"
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = html_show_sphinx = False

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 3
myst_enable_extensions = ["attrs_inline"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False


#: Pages of work that may not be there yet.
MAY_BE_MISSING = ("events", "tables", "review", "evaluation")


def drop_missing(_app: Sphinx, page: str, source: list[str]) -> None:
    """Leave pages that are not there yet out of the table of contents."""
    if page == "index":
        missing = [name for name in MAY_BE_MISSING if not (HERE / f"{name}.md").exists()]
        source[0] = re.sub(rf"^({'|'.join(missing) or '(?!)'})\n", "", source[0], flags=re.MULTILINE)


def link_examples(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Lead links to an example Dag's file, right on GitHub, to its place on the site."""
    source[0] = re.sub(r"\]\(\.\./example_dags/(\w+)\.py\)", r"](examples.md#\1)", source[0])


def setup(app: Sphinx) -> None:
    """Take part in the build."""
    app.connect("source-read", link_examples)
    app.connect("source-read", drop_missing)
