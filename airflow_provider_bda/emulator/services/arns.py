"""Names: ARNs, S3 URIs, and which data automation profile belongs to which Region.

The profile table is written here a second time on purpose: a mistake in the provider's own table shows up
as a refused request instead of being repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_bda.emulator.messages import invalid
from airflow_provider_bda.jobs.profile import partition_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.emulator.calls import Call

PROFILES: Mapping[str, str] = {
    "us-east-1": "us.data-automation-v1",
    "us-east-2": "us.data-automation-v1",
    "us-west-2": "us.data-automation-v1",
    "ca-central-1": "na.data-automation-v1",
    "eu-central-1": "eu.data-automation-v1",
    "eu-west-1": "eu.data-automation-v1",
    "eu-south-2": "eu.data-automation-v1",
    "eu-west-2": "eu.data-automation-v1",
    "ap-south-1": "apac.data-automation-v1",
    "ap-southeast-2": "apac.data-automation-v1",
    "ap-northeast-1": "apac.data-automation-v1",
    "ap-southeast-1": "global.data-automation-v1",
    "us-gov-west-1": "us-gov.data-automation-v1",
}


class S3Uri(NamedTuple):
    """A bucket and a key."""

    bucket: str
    key: str


def s3_uri(uri: str) -> S3Uri:
    """Take an S3 URI apart."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return S3Uri(bucket, key)


def arn(call: Call, kind: str, name: str) -> str:
    """Build the ARN of something in the caller's account and Region."""
    return f"arn:{partition_of(call.region)}:bedrock:{call.region}:{call.account}:{kind}/{name}"


def is_public(found: str) -> bool:
    """Say whether an ARN names something AWS owns, such as its default project."""
    return found.split(":")[4] == "aws"


def check_profile(call: Call, profile: str) -> None:
    """Refuse a profile that is not the Region's.

    :raises ServiceError: ValidationException.
    """
    wanted = PROFILES.get(call.region)
    if wanted is None:
        raise invalid(f"Bedrock Data Automation is not available in {call.region}.")
    allowed = {
        f"arn:{partition_of(call.region)}:bedrock:{call.region}:{owner}:data-automation-profile/{wanted}"
        for owner in (call.account, "aws")
    }
    if profile not in allowed:
        raise invalid(
            f"The provided DataAutomationProfile ARN is invalid: {profile}; {call.region} of account"
            f" {call.account} has the profile {wanted}."
        )
