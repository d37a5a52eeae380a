"""What a user says is in a file: looked up by the file's hash or by a glob on its key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_bda.emulator.analysis.model import AnalysisRequest

_MEMBERS = frozenset({"inference_result", "standard_output", "chapters"})


@dataclass(frozen=True, slots=True)
class Fixture:
    """The expected output of one file.

    :param inference_result: what the custom output says; None when the fixture is only about the
        standard output.
    :param explainability_info: its evidence; made from the document when left out.
    :param blueprint: the name of the blueprint that matches.
    :param standard_output: laid over the standard output, e.g. a transcript.
    :param chapters: the custom output of a video's chapters.
    """

    inference_result: Mapping[str, Any] | None = None
    explainability_info: Any = None
    blueprint: str | None = None
    standard_output: Mapping[str, Any] = field(default_factory=dict)
    chapters: Any = None


def fixture_for(request: AnalysisRequest) -> Fixture | None:
    """Find the fixture of a request: the body's hash before globs, these in their order."""
    fixtures = request.fixtures
    if not fixtures:
        return None
    by_hash = fixtures.get(hashlib.sha256(request.body).hexdigest())
    if by_hash is not None:
        return _read(by_hash)
    for pattern, expected in fixtures.items():
        if fnmatchcase(f"{request.bucket}/{request.key}", pattern) or fnmatchcase(request.key, pattern):
            return _read(expected)
    return None


def laid_over(below: Any, above: Any) -> Any:
    """Merge objects member by member; anything else above replaces what is below."""
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return {**below, **{name: laid_over(below.get(name), child) for name, child in above.items()}}
    return above


def _read(expected: Mapping[str, Any]) -> Fixture:
    if not _MEMBERS & expected.keys():
        return Fixture(inference_result=expected)
    return Fixture(
        inference_result=expected.get("inference_result"),
        explainability_info=expected.get("explainability_info"),
        blueprint=expected.get("blueprint"),
        standard_output=expected.get("standard_output") or {},
        chapters=expected.get("chapters"),
    )
