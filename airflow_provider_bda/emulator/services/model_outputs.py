"""What a model leaves on S3 after an asynchronous invoke.

No model runs: vectors are made from a hash of their segment and a video is an empty container. What counts is
the layout, the names and the statuses in the files, as far as they are published: those of Nova's embeddings
and Nova Reel are; TwelveLabs' file is known to be JSON, its name is a guess.
"""

from __future__ import annotations

import hashlib
import json
from fnmatch import fnmatchcase
from random import Random
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.services.arns import s3_uri

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_bda.emulator.backing import Moto
    from airflow_provider_bda.emulator.runner import Job
    from airflow_provider_bda.emulator.settings import Settings

#: The smallest ISO base media file: a `ftyp` box and an empty `mdat`.
_EMPTY_MP4 = b"\x00\x00\x00\x14ftypisom\x00\x00\x02\x00isom\x00\x00\x00\x08mdat"
_TYPES = ("text", "image", "video", "audio")
_TEXT_SEGMENT = 32_000
_MEDIA_SEGMENTS = 3
_SHOT_SECONDS = 6


def input_uri_of(value: Any) -> str:
    """Find the S3 URI a model's input refers to; empty if it has none."""
    return next(_uris(value), "")


def _uris(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for child in value.values():
            yield from _uris(child)
    elif isinstance(value, list):
        for child in value:
            yield from _uris(child)
    elif isinstance(value, str) and value.startswith("s3://"):
        yield value


def output_files(job: Job, moto: Moto, settings: Settings) -> dict[str, bytes]:
    """Answer the files of an invoke, by key.

    :raises ObjectMissing: the input is not there.
    """
    uri = input_uri_of(job.request["modelInput"])
    body = moto.read_object(job.region, *s3_uri(uri)) if uri else b""
    folder = job.detail["output_prefix"]
    model = job.request["modelId"]
    if "embeddings" in model and "nova" in model:
        files = _nova_embeddings(job, uri, body, settings)
    elif "nova-reel" in model:
        files = _nova_reel(job)
    elif "marengo" in model:
        files = {"output.json": _json({"data": [{"embedding": _vector(body, 1_024)}]})}
    else:
        files = {"output.json": _json({"modelId": model})}
    listed = {"modelId": model, "files": sorted(files)}
    return {
        **{f"{folder}/{name}": data for name, data in files.items()},
        f"{folder}/manifest.json": _json(listed),
    }


def _nova_embeddings(job: Job, uri: str, body: bytes, settings: Settings) -> dict[str, bytes]:
    given = job.request["modelInput"].get("segmentedEmbeddingParams", {})
    kind = next((name for name in _TYPES if name in given), "text")
    about = given.get(kind, {})
    size = int(given.get("embeddingDimension", 3_072))
    segments = _segments(kind, about, body or str(about.get("value", "")).encode())
    failing = next((n for glob, n in settings.failed_segments.items() if fnmatchcase(uri, glob)), 0)
    rows = [
        _segment(kind, number, segment, size, fails=number < failing)
        for number, segment in enumerate(segments)
    ]
    name = f"embedding-{kind}.jsonl"
    failed = min(failing, len(rows))
    status = "SUCCESS" if not failed else ("FAILURE" if failed == len(rows) else "PARTIAL_SUCCESS")
    result: dict[str, Any] = {
        "embeddingType": kind.upper(),
        "status": status,
        "outputFileUri": f"s3://{job.detail['output_bucket']}/{job.detail['output_prefix']}/{name}",
    }
    if failed:
        result |= {"failureReason": "INVALID_CONTENT", "message": f"{failed} of {len(rows)} segments failed."}
    summary = {"sourceFileUri": uri, "embeddingDimension": size, "embeddingResults": [result]}
    return {
        name: b"".join(_json(row) + b"\n" for row in rows),
        "segmented-embedding-result.json": _json(summary),
    }


def _segments(kind: str, about: Mapping[str, Any], body: bytes) -> list[bytes]:
    """Cut text by its length; sound and film, which nobody reads here, always into as many parts."""
    if kind != "text":
        return [body[part::_MEDIA_SEGMENTS] for part in range(_MEDIA_SEGMENTS)]
    most = int(about.get("segmentationConfig", {}).get("maxLengthChars", _TEXT_SEGMENT))
    text = body.decode(errors="replace")
    return [text[start : start + most].encode() for start in range(0, len(text), most)] or [b""]


def _segment(kind: str, number: int, body: bytes, size: int, *, fails: bool) -> dict[str, Any]:
    seconds = {"segmentStartSeconds": number * 5.0, "segmentEndSeconds": (number + 1) * 5.0}
    metadata = {"segmentIndex": number, **({} if kind in {"text", "image"} else seconds)}
    if fails:
        reason = {"failureReason": "INVALID_CONTENT", "message": "asked for by failed_segments"}
        return {"segmentMetadata": metadata, "status": "FAILURE", **reason}
    return {"embedding": _vector(body, size), "segmentMetadata": metadata, "status": "SUCCESS"}


def _vector(body: bytes, size: int) -> list[float]:
    random = Random(hashlib.sha256(body).digest())  # noqa: S311 - to be repeatable, not to be secret
    return [round(random.uniform(-1, 1), 6) for _ in range(size)]


def _nova_reel(job: Job) -> dict[str, bytes]:
    where = f"s3://{job.detail['output_bucket']}/{job.detail['output_prefix']}"
    seconds = int(
        job.request["modelInput"].get("videoGenerationConfig", {}).get("durationSeconds", _SHOT_SECONDS)
    )
    shots = [f"shot_{number:04d}.mp4" for number in range(1, max(1, seconds // _SHOT_SECONDS) + 1)]
    status = {
        "schemaVersion": "1.0.0",
        "shots": [{"status": "SUCCESS", "location": f"{where}/{name}"} for name in shots],
        "fullVideo": {"status": "SUCCESS", "location": f"{where}/output.mp4"},
    }
    return {
        **dict.fromkeys((*shots, "output.mp4"), _EMPTY_MP4),
        "video-generation-status.json": _json(status),
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
