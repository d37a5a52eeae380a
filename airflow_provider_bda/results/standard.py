"""Which view a standard output gets: by what the file says it is, then by what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bda.results.audio import AudioOutput
from airflow_provider_bda.results.document import DocumentOutput
from airflow_provider_bda.results.errors import ResultsError
from airflow_provider_bda.results.image import ImageOutput
from airflow_provider_bda.results.output import StandardOutput
from airflow_provider_bda.results.plain import parse_object
from airflow_provider_bda.results.video import VideoOutput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_VIEWS: dict[str, type[StandardOutput]] = {
    "DOCUMENT": DocumentOutput,
    "IMAGE": ImageOutput,
    "AUDIO": AudioOutput,
    "VIDEO": VideoOutput,
}


def standard_output(raw: Mapping[str, Any]) -> StandardOutput:
    """Look at a parsed standard output with the view of its modality.

    :param raw: the parsed file.
    :returns: a ``DocumentOutput``, ``ImageOutput``, ``AudioOutput`` or ``VideoOutput``; the bare
        ``StandardOutput`` for a modality AWS adds later.
    :raises ResultsError: when it is a custom output or no object.
    """
    found = StandardOutput.from_dict(raw)
    if "inference_result" in raw or "matched_blueprint" in raw:
        raise ResultsError("this is a custom output, not a standard one; read it with CustomOutput")
    return _VIEWS.get(found.modality or "", StandardOutput)(raw)


def read_standard_output(body: bytes | str) -> StandardOutput:
    """Parse a standard output file; see :func:`standard_output`."""
    return standard_output(parse_object(body, "the standard output"))
