from __future__ import annotations

from tests.operators.conftest import aws, running_emulator

__all__ = ["aws", "running_emulator"]
