"""The AWS services the emulator speaks for itself: one class each, one method an operation."""

from __future__ import annotations
