"""The quotas an account really has (Service Quotas, GetServiceQuota)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda.jobs.quota import SERVICE_CODE

if TYPE_CHECKING:
    from airflow_provider_bda.jobs.quota import Quota

SERVICE = "service-quotas"


def applied_quota(client: Any, quota: Quota) -> int:
    """Read what is applied to the account in the client's Region (GetServiceQuota).

    :param client: a boto3 client of Service Quotas.
    :raises ClientError: it is not allowed, or there is no such quota there.
    """
    answer = client.get_service_quota(ServiceCode=SERVICE_CODE, QuotaCode=quota.code)
    return int(answer["Quota"]["Value"])
