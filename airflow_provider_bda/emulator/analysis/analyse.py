"""From an input to the files of its output: BDA's layout, key by key.

<prefix>/job_metadata.json
<prefix>/0/.s3_access_check
<prefix>/0/standard_output/<segment>/result.json         and redacted/result.json beside it
<prefix>/0/standard_output/<segment>/assets/...          when the project asks for files
<prefix>/0/custom_output/<segment>/result.json           and redacted/result.json beside it
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.analysis.custom import choose, custom_output, with_detections
from airflow_provider_bda.emulator.analysis.fixtures import Fixture, fixture_for, laid_over
from airflow_provider_bda.emulator.analysis.model import Analysis, ReadDocument
from airflow_provider_bda.emulator.analysis.project import document_format, sensitive
from airflow_provider_bda.emulator.analysis.read import read
from airflow_provider_bda.emulator.analysis.redact import detections, masked_document, masked_members
from airflow_provider_bda.emulator.analysis.split import segments_of
from airflow_provider_bda.emulator.analysis.standard import standard_output

if TYPE_CHECKING:
    from airflow_provider_bda.emulator.analysis.model import AnalysisRequest
    from airflow_provider_bda.emulator.analysis.project import Sensitive


def analyse(request: AnalysisRequest) -> Analysis:
    """Read one input and answer every file the job leaves.

    Slow for large documents: call it in a thread. It is safe in several threads at once.

    :param request: the input and what is wanted of it.
    :raises AnalysisRejected: when the service would end the job as ClientError.
    """
    document = read(request)
    request = _for_modality(request, document.modality)
    fixture = fixture_for(request)
    policy = sensitive(request.project, document.modality)
    files: dict[str, bytes] = {f"{request.output_prefix}/0/.s3_access_check": b""}
    segments: list[dict[str, Any]] = []
    for number, part in enumerate(segments_of(request, document, fixture)):
        segments.append(_segment(request, part, number, fixture, policy, files))
    metadata = {
        "job_id": request.job_id,
        "job_status": "PROCESSED",
        "semantic_modality": document.modality,
        "output_metadata": [
            {
                "asset_id": 0,
                "asset_input_path": {"s3_bucket": request.bucket, "s3_key": request.key},
                "segment_metadata": segments,
            }
        ],
    }
    # Last: whoever finds it finds everything it names.
    files[f"{request.output_prefix}/job_metadata.json"] = _json(metadata)
    return Analysis(document.modality, files, len(document.pages))


def _for_modality(request: AnalysisRequest, modality: str) -> AnalysisRequest:
    """Leave out the blueprints a project has for other kinds of input."""
    fallback = request.fallback if modality == "DOCUMENT" else None
    fitting = tuple(blueprint for blueprint in request.blueprints if blueprint.takes(modality))
    return replace(request, blueprints=fitting, fallback=fallback)


def _segment(
    request: AnalysisRequest,
    part: ReadDocument,
    number: int,
    fixture: Fixture | None,
    policy: Sensitive,
    files: dict[str, bytes],
) -> dict[str, Any]:
    """Write one segment's files and answer its entry in the metadata."""
    entry: dict[str, Any] = {}
    if request.standard_output:
        folder = f"{request.output_prefix}/0/standard_output/{number}"
        files |= _standard(request, part, number, fixture, policy, folder)
        entry["standard_output_path"] = f"s3://{request.output_bucket}/{folder}/result.json"
    if not request.blueprints and request.fallback is None:
        return entry
    match = choose(request, part, fixture)
    if match is None:
        return {**entry, "custom_output_status": "NO_MATCH"}
    folder = f"{request.output_prefix}/0/custom_output/{number}"
    result = custom_output(request, part, match, fixture)
    if "CUSTOM" in policy.scopes:
        if policy.redact:
            files[f"{folder}/redacted/result.json"] = _json(with_detections(result, policy, redacted=True))
        result = with_detections(result, policy, redacted=False)
    files[f"{folder}/result.json"] = _json(result)
    path = f"s3://{request.output_bucket}/{folder}/result.json"
    return {**entry, "custom_output_path": path, "custom_output_status": match.status}


def _standard(
    request: AnalysisRequest,
    part: ReadDocument,
    number: int,
    fixture: Fixture | None,
    policy: Sensitive,
    folder: str,
) -> dict[str, bytes]:
    shape = document_format(request.project)
    over = fixture.standard_output if fixture is not None else {}
    result, written = standard_output(request, part, number, shape, folder)
    result = laid_over(result, over)
    if "STANDARD" not in policy.scopes:
        return {**written, f"{folder}/result.json": _json(result)}
    if policy.redact:
        clean = masked_document(part, policy)
        twin, twin_files = standard_output(request, clean, number, shape, f"{folder}/redacted")
        twin = masked_members(laid_over(twin, over), policy) | _detected(part, policy, redacted=True)
        written |= {**twin_files, f"{folder}/redacted/result.json": _json(twin)}
    return {**written, f"{folder}/result.json": _json(result | _detected(part, policy, redacted=False))}


def _detected(part: ReadDocument, policy: Sensitive, *, redacted: bool) -> dict[str, Any]:
    """List the finds per page. The service's own list for documents is not published in full."""
    if part.modality != "DOCUMENT":
        return {}
    pages = [
        {"page_index": page.index, "sensitive_data_detection": found}
        for page in part.pages
        if (found := detections(page.text, policy, redacted=redacted))
    ]
    return {"sensitive_data_detection": {"pages": pages, "elements": []}}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
