"""Until when each owner's leases live: one small object per owner.

So a lease of 10,000 keys is extended by one write. A lease names the token that its owner had; whoever takes over
after expiry first gives the owner another token, under If-Match. From then on the old leases are dead for good, and an
owner that comes back late, or extends at that very moment, is told.
"""

from __future__ import annotations

import json
import threading
import uuid
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bda.batch._index_leases import Holder
    from airflow_provider_bda.batch._index_store import IndexStore


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerRecord:
    """What is written down of an owner.

    :param token: what its living leases name.
    :param until: epoch seconds.
    :param taken_over: whether another gave it this token, and it has not claimed since.
    """

    token: str
    until: float
    taken_over: bool = False

    def to_bytes(self) -> bytes:
        """Write it down."""
        return json.dumps(asdict(self)).encode()


class Owners:
    """The owners of one index.

    :param store: where their records lie.
    """

    def __init__(self, store: IndexStore) -> None:
        self._store = store
        #: The token under which an owner first claimed here: if it has another now, leases were lost in between.
        self._first_tokens: dict[str, str] = {}

    def renew(self, owner: str, until: float) -> str:
        """Let an owner's leases live until then at least, and answer its token. Its first call makes its record."""

        def renewed(record: OwnerRecord | None) -> OwnerRecord:
            if record is None:
                return OwnerRecord(token=uuid.uuid4().hex, until=until)
            return replace(record, until=max(until, record.until), taken_over=False)

        record = self._change(owner, renewed)
        assert record is not None  # noqa: S101 - renewed() answers one
        self._first_tokens.setdefault(owner, record.token)
        return record.token

    def extend(self, owner: str, until: float) -> bool:
        """Let the leases live on, unless one was taken over; then False, and the owner must claim again."""

        def extended(record: OwnerRecord | None) -> OwnerRecord | None:
            if record is None or self._was_taken_over(owner, record):
                return record
            return replace(record, until=max(until, record.until))

        record = self._change(owner, extended)
        if record is None or self._was_taken_over(owner, record):
            self._first_tokens.pop(owner, None)
            return False
        return True

    def abandon(self, owner: str, unless: Callable[[], bool]) -> None:
        """Let all leases of an owner be dead for good.

        :param unless: asked between reading and writing. Whoever goes on in the owner's name makes it true and
            extends thereafter, so that either this write fails or that :meth:`extend` is told.
        """
        name = f"owners/{owner}.json"
        stored = self._store.get(name)
        if stored is not None and not unless():
            dead = OwnerRecord(token=uuid.uuid4().hex, until=0.0, taken_over=True)
            self._store.put(name, dead.to_bytes(), over=stored.etag)

    def take_over(self, holder: Holder, now: float) -> bool:
        """Say whether a holder's leases are dead; if they have expired, make them so for good."""

        def buried(record: OwnerRecord | None) -> OwnerRecord | None:
            if record is None or record.token != holder.token or record.until > now:
                return record
            return OwnerRecord(token=uuid.uuid4().hex, until=0.0, taken_over=True)

        record = self._change(holder.owner, buried)
        return record is None or record.token != holder.token

    def is_over(self, holder: Holder, now: float) -> bool:
        """Say whether a holder's leases have expired or are dead, and leave them as they are."""
        stored = self._store.get(f"owners/{holder.owner}.json")
        if stored is None:
            return True
        record = OwnerRecord(**json.loads(stored.body))
        return record.token != holder.token or record.until <= now

    def _was_taken_over(self, owner: str, record: OwnerRecord) -> bool:
        return record.taken_over or self._first_tokens.get(owner, record.token) != record.token

    def _change(
        self, owner: str, change: Callable[[OwnerRecord | None], OwnerRecord | None]
    ) -> OwnerRecord | None:
        def changed(body: bytes | None) -> bytes | None:
            record = change(None if body is None else OwnerRecord(**json.loads(body)))
            return None if record is None else record.to_bytes()

        body = self._store.replace(f"owners/{owner}.json", changed)
        return None if body is None else OwnerRecord(**json.loads(body))


class Deaths:
    """Which holders are dead, asked once per holder and claim.

    The dead never rise, so a remembered "dead" stays true; a remembered "alive" is at worst too careful.

    :param now: epoch seconds.
    """

    def __init__(self, owners: Owners, now: float) -> None:
        self._owners = owners
        self._now = now
        self._known: dict[Holder, bool] = {}
        self._lock = threading.Lock()

    def dead(self, holder: Holder) -> bool:
        """Say whether a holder's leases are free for another."""
        with self._lock:
            if holder not in self._known:
                self._known[holder] = self._owners.take_over(holder, self._now)
            return self._known[holder]
