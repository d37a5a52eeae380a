"""Hook for data ingestion jobs of Amazon Lookout for Equipment, a service that AWS ended on 2026-10-07.

Kept for endpoints that still answer (private, or an emulator): where none does, the error says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import EndpointConnectionError

from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks.base import BdaBaseHook

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SERVICE_ENDED", "LookoutEquipmentHook"]

#: What docs, log and errors say about the service.
SERVICE_ENDED = "AWS ended Amazon Lookout for Equipment on 2026-10-07; its console and resources cannot be reached any more"


class LookoutEquipmentHook(BdaBaseHook):
    """Start and follow data ingestion jobs of Amazon Lookout for Equipment.

    AWS ended the service on 2026-10-07. Takes the arguments of the Amazon provider's ``AwsBaseHook``.

    :raises BdaInputError: nothing answers at the service's endpoint.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["client_type"] = "lookoutequipment"
        super().__init__(*args, **kwargs)

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation; where no endpoint answers, say that the service is gone."""
        try:
            return super().call(operation, request)
        except EndpointConnectionError as error:
            raise BdaInputError(
                f"{operation}: {SERVICE_ENDED}, and nothing answers at its endpoint ({error}). Remove this task, or "
                "name an endpoint that answers in the Airflow connection's service_config"
            ) from error

    def start_data_ingestion_job(self, **request: Any) -> dict[str, Any]:
        """Start a data ingestion job; answers ``{"JobId": ..., "Status": ...}``."""
        return self.call("start_data_ingestion_job", request)

    def describe_data_ingestion_job(self, **request: Any) -> dict[str, Any]:
        """Answer the job ``JobId``."""
        return self.call("describe_data_ingestion_job", request)
