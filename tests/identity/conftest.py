from __future__ import annotations

from tests.operators.conftest import (
    aws,
    built_clients,
    one_triggerer,
    running_emulator,
    shared_clients,
    triggerer_loop,
)

__all__ = ["aws", "built_clients", "one_triggerer", "running_emulator", "shared_clients", "triggerer_loop"]
