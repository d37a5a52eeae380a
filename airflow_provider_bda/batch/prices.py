"""What the service costs, as published: dated, and each figure a setting.

Source: the AWS Pricing API for us-east-1 as read 2025-10-28 (documents agreed with another list in April 2026). Look the
prices up for your Region before you rely on an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

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
