"""What the service costs and how many jobs it runs at once, as published: dated, and each figure a setting.

Sources: the AWS Pricing API for us-east-1 as read 2025-10-28 (documents agreed with another list in April 2026), and the
Service Quotas of Bedrock as read in June 2025. Look them up for your Region and account before you rely on an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Modality -> what is paid for.
UNITS: Mapping[str, str] = MappingProxyType(
    {"document": "page", "image": "image", "audio": "minute", "video": "minute"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars per page, image or minute: (standard output, custom output). The custom price includes the standard one.

    :param as_of: when they were read.
    :param extra_field: added per unit for each field of a blueprint beyond ``free_fields``.
    """

    as_of: str = "2025-10-28"
    region_name: str = "us-east-1"
    document: tuple[float, float] = (0.010, 0.040)
    image: tuple[float, float] = (0.003, 0.005)
    audio: tuple[float, float] = (0.006, 0.009)
    video: tuple[float, float] = (0.050, 0.084)
    extra_field: float = 0.0005
    free_fields: int = 30

    def of(self, modality: str, *, custom: bool, fields: int = 0) -> float:
        """Answer the price of a unit.

        :param fields: of the blueprint.
        """
        standard, with_blueprint = getattr(self, modality)
        return float(
            with_blueprint + max(0, fields - self.free_fields) * self.extra_field if custom else standard
        )


class Quota(NamedTuple):
    """Jobs of a modality that run at once: the default for each Region, and the quota's code."""

    default: int
    code: str


QUOTAS: Mapping[str, Quota] = MappingProxyType(
    {
        "document": Quota(25, "L-9E3C255A"),
        "image": Quota(20, "L-BDD176EF"),
        "audio": Quota(20, "L-3E961CAB"),
        "video": Quota(20, "L-895C7A6C"),
    }
)
