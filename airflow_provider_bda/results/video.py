"""Standard output of video: shots, chapters, what is said and shown.

No real file was found; the shape is the user guide's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from airflow_provider_bda.results.audio import AudioSegment
from airflow_provider_bda.results.output import StandardOutput
from airflow_provider_bda.results.parts import Category, Moderation, TextItem
from airflow_provider_bda.results.plain import View, integer, integers, number, text, views


@dataclass(frozen=True)
class _Stretch(View):
    """Something with a beginning and an end."""

    @property
    def start_millis(self) -> int | None:
        """Where it begins."""
        return integer(self.raw, "start_timestamp_millis")

    @property
    def end_millis(self) -> int | None:
        """Where it ends."""
        return integer(self.raw, "end_timestamp_millis")

    @property
    def start_timecode(self) -> str | None:
        """Where it begins, as ``00:00:08:19``."""
        return text(self.raw, "start_timecode_smpte")

    @property
    def end_timecode(self) -> str | None:
        """Where it ends."""
        return text(self.raw, "end_timecode_smpte")


@dataclass(frozen=True)
class Shot(_Stretch):
    """From one cut to the next."""

    @property
    def shot_index(self) -> int | None:
        """Its number, from 0."""
        return integer(self.raw, "shot_index")

    @property
    def confidence(self) -> float | None:
        """From 0 to 1."""
        return number(self.raw, "confidence")

    @property
    def chapter_indices(self) -> tuple[int, ...]:
        """The chapters it belongs to."""
        return integers(self.raw, "chapter_indices")


@dataclass(frozen=True)
class Frame(View):
    """One picture of a chapter."""

    @property
    def frame_index(self) -> int | None:
        """Its number, from 0."""
        return integer(self.raw, "frame_index")

    @property
    def timestamp_millis(self) -> int | None:
        """When it is shown."""
        return integer(self.raw, "timestamp_millis")

    @cached_property
    def text_words(self) -> tuple[TextItem, ...]:
        """Words on it."""
        return views(TextItem, self.raw, "text_words")

    @cached_property
    def text_lines(self) -> tuple[TextItem, ...]:
        """Lines on it."""
        return views(TextItem, self.raw, "text_lines")

    @cached_property
    def content_moderation(self) -> tuple[Moderation, ...]:
        """What was found unfit."""
        return views(Moderation, self.raw, "content_moderation")


@dataclass(frozen=True)
class Chapter(_Stretch):
    """Shots that belong together."""

    @property
    def chapter_index(self) -> int | None:
        """Its number, from 0, if the file gives it."""
        return integer(self.raw, "chapter_index")

    @property
    def summary(self) -> str | None:
        """What happens in it."""
        return text(self.raw, "summary")

    @property
    def transcript(self) -> str | None:
        """What is said in it."""
        return text(self.raw, "transcript", "representation", "text")

    @property
    def shot_indices(self) -> tuple[int, ...]:
        """The shots in it."""
        return integers(self.raw, "shot_indices")

    @cached_property
    def audio_segments(self) -> tuple[AudioSegment, ...]:
        """Sentences in it."""
        return views(AudioSegment, self.raw, "audio_segments")

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """Pictures looked at."""
        return views(Frame, self.raw, "frames")

    @cached_property
    def iab_categories(self) -> tuple[Category, ...]:
        """The IAB's classes it falls into."""
        return views(Category, self.raw, "iab_categories")


@dataclass(frozen=True)
class VideoOutput(StandardOutput):
    """Standard output of a video."""

    @property
    def transcript(self) -> str | None:
        """Everything said."""
        return self.text

    @property
    def duration_millis(self) -> int | None:
        """How long it is."""
        return integer(self.metadata, "duration_millis")

    @property
    def frame_rate(self) -> float | None:
        """Pictures per second."""
        return number(self.metadata, "frame_rate")

    @property
    def width(self) -> int | None:
        """Pixels across; the guide and its sample name the member differently."""
        return integer(self.metadata, "frame_width") or integer(self.metadata, "width")

    @property
    def height(self) -> int | None:
        """Pixels down."""
        return integer(self.metadata, "frame_height") or integer(self.metadata, "height")

    @cached_property
    def shots(self) -> tuple[Shot, ...]:
        """From cut to cut, in order."""
        return views(Shot, self.raw, "shots")

    @cached_property
    def chapters(self) -> tuple[Chapter, ...]:
        """Shots that belong together, in order."""
        return views(Chapter, self.raw, "chapters")
