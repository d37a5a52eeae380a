"""Sound and film are routed, measured in bytes and not decoded: what they say comes from fixtures.

Only WAV is looked into, whose header the standard library reads.
"""

from __future__ import annotations

import wave
from io import BytesIO
from typing import Any

from airflow_provider_bda.emulator.analysis.model import ReadDocument


def read_media(body: bytes, file_format: str, modality: str) -> ReadDocument:
    """Answer what is known of a recording without decoding it."""
    info = {"format": file_format.lower(), **(_wav(body) if file_format == "WAV" else {})}
    return ReadDocument(modality, file_format, (), info)


def _wav(body: bytes) -> dict[str, Any]:
    try:
        with wave.open(BytesIO(body)) as recording:
            rate, channels = recording.getframerate(), recording.getnchannels()
            width, frames = recording.getsampwidth(), recording.getnframes()
    except (wave.Error, EOFError):
        return {}  # a WAV may hold another codec than the library knows; BDA takes it
    return {
        "sample_rate": rate,
        "bitrate": rate * channels * width * 8,
        "number_of_channels": channels,
        "duration_millis": frames * 1_000 // rate if rate else 0,
    }
