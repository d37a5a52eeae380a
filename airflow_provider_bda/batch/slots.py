"""How many jobs run at once for this batch: as its author says, as Service Quotas says, or the named default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from airflow_provider_bda.hooks.quotas import SERVICE, applied_quota
from airflow_provider_bda.jobs.quota import CONCURRENT_JOBS, OPEN_JOBS
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.hooks.base import BdaBaseHook

#: Jobs that run at once by default, by modality.
DEFAULT: Mapping[str, int] = {modality: quota.default for modality, quota in CONCURRENT_JOBS.items()}
#: How many jobs may be open for each that runs.
WINDOW = 2
#: The batch can do without an answer, so nobody waits long for one.
_PATIENCE = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2, "mode": "standard"})


@dataclass(frozen=True, slots=True)
class Slots:
    """Jobs that run at once.

    :param by_modality: how many.
    :param source: where the figures are from, for people.
    """

    by_modality: Mapping[str, int]
    source: str

    def windows(self, wanted: int | None) -> dict[str, int]:
        """Answer how many jobs may be open, by modality.

        :param wanted: as the author says; None takes :data:`WINDOW` for each that runs, up to what an account may have.
        """
        return {
            modality: wanted or min(most * WINDOW, OPEN_JOBS.default)
            for modality, most in self.by_modality.items()
        }


def slots_of(hook: BdaBaseHook, said: int | None) -> Slots:
    """Answer how many jobs run at once (GetServiceQuota, unless the author says it).

    :param hook: a hook with the connection of the jobs.
    :param said: by the author.
    """
    if said is not None:
        return Slots(dict.fromkeys(DEFAULT, said), "max_concurrent_jobs")
    try:
        client: Any = hook.client_of(SERVICE, _PATIENCE)
        applied = {modality: applied_quota(client, quota) for modality, quota in CONCURRENT_JOBS.items()}
    except CALL_ERRORS as raised:
        why = call_error(raised).code
        return Slots(
            DEFAULT,
            f"the default quota, for the applied one could not be read ({why}): allow "
            "servicequotas:GetServiceQuota, or pass max_concurrent_jobs=",
        )
    return Slots({modality: max(most, 1) for modality, most in applied.items()}, "the applied quota")
