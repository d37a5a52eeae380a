"""Cuts a document into the documents it holds, where the project's splitter is on.

The stand-in's way: each page goes to the blueprint it matches best, and neighbours with the same one
belong together; a page that matches none goes with the page before it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_bda.emulator.analysis.project import splitter_enabled
from airflow_provider_bda.emulator.analysis.stand_in import extract

if TYPE_CHECKING:
    from airflow_provider_bda.emulator.analysis.fixtures import Fixture
    from airflow_provider_bda.emulator.analysis.model import AnalysisRequest, Page, ReadDocument


def segments_of(
    request: AnalysisRequest, document: ReadDocument, fixture: Fixture | None
) -> list[ReadDocument]:
    """Answer the segments of a document, at least one.

    A fixture is about the whole file, which then stays whole.
    """
    whole = document.modality != "DOCUMENT" or len(document.pages) < 2 or len(request.blueprints) < 2
    if whole or request.sync or fixture is not None or not splitter_enabled(request.project):
        return [document]
    groups: list[tuple[str | None, list[Page]]] = []
    for page in document.pages:
        name = _best(request, replace(document, pages=(page,)))
        if groups and (name is None or name == groups[-1][0]):
            groups[-1][1].append(page)
        else:
            groups.append((name, [page]))
    return [replace(document, pages=tuple(pages)) for _, pages in groups]


def _best(request: AnalysisRequest, page: ReadDocument) -> str | None:
    scores = {blueprint.arn: extract(page, blueprint.schema).match for blueprint in request.blueprints}
    arn = max(scores, key=scores.__getitem__)
    return arn if scores[arn] > 0 else None
