"""Who holds which keys of one shard, as an object on S3. Pure.

Every change raises a number in it: no two versions of it are the same bytes, so a version that S3 compares by ETag
never comes back. The object is never deleted, for the same reason.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import NamedTuple

from airflow_provider_bda.batch._index_digests import WIDTH


class Holder(NamedTuple):
    """Who holds a key: an owner, under the token that it had then."""

    owner: str
    token: str


@dataclass(slots=True)
class ShardLeases:
    """The leases of one shard.

    :param holders: the holder of each leased key. A lease lives as long as the holder's token does.
    :param changes: how often it was changed.
    """

    holders: dict[bytes, Holder] = field(default_factory=dict)
    changes: int = 0

    @classmethod
    def from_bytes(cls, body: bytes) -> ShardLeases:
        """Read what :meth:`to_bytes` wrote."""
        value = json.loads(body)
        holders = {
            bytes.fromhex(digits[start : start + 2 * WIDTH]): Holder(owner, token)
            for owner, token, digits in value["leases"]
            for start in range(0, len(digits), 2 * WIDTH)
        }
        return cls(holders, value["changes"])

    def to_bytes(self) -> bytes:
        """Write it down as the next version."""
        keys: dict[Holder, list[str]] = {}
        for key, holder in sorted(self.holders.items()):
            keys.setdefault(holder, []).append(key.hex())
        leases = [[holder.owner, holder.token, "".join(digits)] for holder, digits in sorted(keys.items())]
        return json.dumps({"changes": self.changes + 1, "leases": leases}).encode()
