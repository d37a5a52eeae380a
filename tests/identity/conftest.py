from __future__ import annotations

from tests.operators.conftest import aws, one_triggerer, running_emulator, shared_clients, triggerer_loop

__all__ = ["aws", "one_triggerer", "running_emulator", "shared_clients", "triggerer_loop"]
