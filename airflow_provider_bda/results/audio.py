"""Standard output of audio: who said what when, and about what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from airflow_provider_bda.results.output import StandardOutput
from airflow_provider_bda.results.parts import Moderation
from airflow_provider_bda.results.plain import View, integer, integers, text, views


def _label(raw: object, key: str) -> str | None:
    """Read a speaker or channel, which comes as an object with a label or as the label itself."""
    return text(raw, key, f"{key}_label") or text(raw, key)


@dataclass(frozen=True)
class AudioSegment(View):
    """About one sentence."""

    @property
    def segment_index(self) -> int | None:
        """Its number, from 0."""
        return integer(self.raw, "segment_index")

    @property
    def text(self) -> str | None:
        """What is said."""
        return text(self.raw, "text")

    @property
    def start_millis(self) -> int | None:
        """Where it begins."""
        return integer(self.raw, "start_timestamp_millis")

    @property
    def end_millis(self) -> int | None:
        """Where it ends."""
        return integer(self.raw, "end_timestamp_millis")

    @property
    def speaker(self) -> str | None:
        """E.g. ``spk_0``, with speaker labelling on."""
        return _label(self.raw, "speaker")

    @property
    def channel(self) -> str | None:
        """E.g. ``ch_0``, with channel labelling on."""
        return _label(self.raw, "channel")

    @property
    def language(self) -> str | None:
        """E.g. ``EN``."""
        return text(self.raw, "language")


@dataclass(frozen=True)
class Topic(View):
    """A stretch about one thing."""

    @property
    def topic_index(self) -> int | None:
        """Its number, from 0."""
        return integer(self.raw, "topic_index")

    @property
    def summary(self) -> str | None:
        """What it is about."""
        return text(self.raw, "summary")

    @property
    def transcript(self) -> str | None:
        """What is said in it."""
        return text(self.raw, "transcript", "representation", "text")

    @property
    def start_millis(self) -> int | None:
        """Where it begins."""
        return integer(self.raw, "start_timestamp_millis")

    @property
    def end_millis(self) -> int | None:
        """Where it ends."""
        return integer(self.raw, "end_timestamp_millis")

    @property
    def segment_indices(self) -> tuple[int, ...]:
        """The segments in it."""
        return integers(self.raw, "audio_segment_indices")


@dataclass(frozen=True)
class AudioOutput(StandardOutput):
    """Standard output of audio."""

    @property
    def transcript(self) -> str | None:
        """Everything said; from the segments if the whole is left out."""
        return self.text

    @property
    def duration_millis(self) -> int | None:
        """How long the recording is."""
        return integer(self.metadata, "duration_millis")

    @property
    def language(self) -> str | None:
        """The language spoken most."""
        return text(self.metadata, "dominant_asset_language")

    @cached_property
    def segments(self) -> tuple[AudioSegment, ...]:
        """Sentences, in order."""
        return views(AudioSegment, self.raw, "audio_segments")

    @property
    def speakers(self) -> tuple[str, ...]:
        """Who speaks, in the order of their first word."""
        return tuple(dict.fromkeys(segment.speaker for segment in self.segments if segment.speaker))

    @cached_property
    def topics(self) -> tuple[Topic, ...]:
        """What it is about, stretch by stretch."""
        return views(Topic, self.raw, "topics")

    @cached_property
    def content_moderation(self) -> tuple[Moderation, ...]:
        """Judgements per segment, if moderation was asked for."""
        return views(Moderation, self.raw, "audio", "content_moderation") or views(
            Moderation, self.raw, "content_moderation"
        )
