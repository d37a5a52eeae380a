"""Which data-automation profile a Region uses: a table, for the prefix cannot be cut from the Region's name.

Pure. Source: the Bedrock user guide's page on cross-Region inference of Data Automation, read 2026-11-21.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_GROUPS = {
    "us": ("us-east-1", "us-east-2", "us-west-2"),
    "na": ("ca-central-1",),
    "eu": ("eu-central-1", "eu-west-1", "eu-south-2", "eu-west-2"),
    "apac": ("ap-south-1", "ap-southeast-2", "ap-northeast-1"),
    "global": ("ap-southeast-1",),
    "us-gov": ("us-gov-west-1",),
}

#: Region -> profile id.
PROFILE_IDS: Mapping[str, str] = MappingProxyType(
    {region: f"{group}.data-automation-v1" for group, regions in _GROUPS.items() for region in regions}
)


def partition_of(region: str) -> str:
    """Answer the partition of a Region."""
    if region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws-cn" if region.startswith("cn-") else "aws"


def profile_arn(region: str, account: str) -> str:
    """Build the profile ARN for a Region and account.

    :raises ValueError: no profile is known for the Region.
    """
    profile = PROFILE_IDS.get(region)
    if profile is None:
        raise ValueError(
            f"no data-automation profile is known for region {region!r} (known: {', '.join(sorted(PROFILE_IDS))}); "
            "pass profile_arn="
        )
    return f"arn:{partition_of(region)}:bedrock:{region}:{account}:data-automation-profile/{profile}"
