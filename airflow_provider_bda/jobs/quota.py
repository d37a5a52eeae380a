"""How many jobs of Bedrock Data Automation an account may have at once: the published defaults, and the quotas' codes.

Pure. As Service Quotas listed them in June 2025; each account's own are asked for where that is allowed.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What Service Quotas calls the service.
SERVICE_CODE = "bedrock"


class Quota(NamedTuple):
    """One quota of an account in a Region.

    :ivar default: what every account has that did not ask for more.
    :ivar code: of Service Quotas.
    :ivar what: it counts, for people.
    """

    default: int
    code: str
    what: str


#: Modality -> jobs that run at once; adjustable.
CONCURRENT_JOBS: Mapping[str, Quota] = MappingProxyType(
    {
        "document": Quota(25, "L-9E3C255A", "documents at once"),
        "image": Quota(20, "L-BDD176EF", "images at once"),
        "audio": Quota(20, "L-3E961CAB", "audio files at once"),
        "video": Quota(20, "L-895C7A6C", "videos at once"),
    }
)
#: Jobs that have not ended, running or not; not adjustable.
OPEN_JOBS = Quota(1_800, "L-A596AFC0", "open jobs")
