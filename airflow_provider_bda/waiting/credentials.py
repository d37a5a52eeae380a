"""Credentials for an aiobotocore client, refreshed by boto's synchronous session in a thread.

aiobotocore would call the Amazon provider's refresh on the loop: a second of silence for every trigger. Here
the loop only ever reads. A refresh that fails costs nothing while the credentials in hand still count.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import Any

from aiobotocore.credentials import AioCredentials, AioRefreshableCredentials
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import CredentialRetrievalError

from airflow_provider_bda.waiting.errors import CALL_ERRORS

log = logging.getLogger(__name__)

#: Seconds before the end at which new credentials are asked for: boto's own figures, but never more than a
#: part of a session's life. With boto's alone a session of 15 minutes is refreshed at every single call.
ADVISORY, MANDATORY = 900.0, 600.0
ADVISORY_PART, MANDATORY_PART = 1 / 2, 1 / 3
#: Seconds between two attempts while refreshing fails: hundreds of calls a second must not all try.
RETRY_PAUSE = 30.0


def off_the_loop(credentials: Any) -> AioCredentials | None:
    """Wrap boto's credentials for an aiobotocore session. It blocks (the first credentials): run it in a thread.

    :param credentials: what ``boto3.Session.get_credentials()`` answered.
    """
    if credentials is None:
        return None
    if not isinstance(credentials, RefreshableCredentials):
        frozen = credentials.get_frozen_credentials()
        return AioCredentials(frozen.access_key, frozen.secret_key, frozen.token)
    source = _Source(credentials)
    first = source.read()
    if first["expiry_time"] is None:
        return AioCredentials(first["access_key"], first["secret_key"], first["token"])
    lifetime = source.seconds_left()
    refreshable: AioCredentials = AioRefreshableCredentials.create_from_metadata(
        metadata=first,
        refresh_using=source.refresh,
        method=credentials.method,
        advisory_timeout=min(ADVISORY, lifetime * ADVISORY_PART),
        mandatory_timeout=min(MANDATORY, lifetime * MANDATORY_PART),
    )
    return refreshable


class _Source:
    """Boto's refreshable credentials as the one source of an asynchronous client's."""

    def __init__(self, credentials: RefreshableCredentials) -> None:
        self._credentials = credentials
        self._metadata: dict[str, Any] = {}
        self._expiry: datetime | None = None
        self._failed_at = float("-inf")
        self._failure: Exception | None = None

    def seconds_left(self) -> float:
        """Answer how long the credentials read last still count."""
        if self._expiry is None:
            return 0.0
        return (self._expiry - datetime.now(UTC)).total_seconds()

    def read(self) -> dict[str, Any]:
        """Read the credentials, refreshing them if boto thinks it time. It blocks."""
        fresh = self._credentials.get_frozen_credentials()
        expiry: datetime | None = self._credentials._expiry_time  # noqa: SLF001 - boto has no public name for it
        # Boto swallows a failed refresh for as long as it thinks it early; then nothing has changed.
        unchanged = fresh.access_key == self._metadata.get("access_key")
        self._failed_at = time.monotonic() if unchanged else float("-inf")
        self._failure = None
        self._expiry = expiry
        self._metadata = {
            "access_key": fresh.access_key,
            "secret_key": fresh.secret_key,
            "token": fresh.token,
            "expiry_time": expiry.isoformat() if expiry else None,
        }
        return self._metadata

    async def refresh(self) -> dict[str, Any]:
        """Answer new credentials; on failure the old ones for as long as they count.

        :raises Exception: out of ``CALL_ERRORS``: there are none that count any more.
        """
        if time.monotonic() - self._failed_at >= RETRY_PAUSE:
            try:
                return await asyncio.to_thread(self.read)
            except Exception as error:  # noqa: BLE001 - SAML and web identity raise what they like
                self._failed_at, self._failure = time.monotonic(), error
                if self.seconds_left() > 0:
                    log.warning(
                        "new credentials could not be had (%s); those in hand count for %d s more",
                        type(error).__name__,
                        self.seconds_left(),
                    )
        if self.seconds_left() > 0:
            return self._metadata
        raise self._call_error() from self._failure

    def _call_error(self) -> Exception:
        """Answer the failure as something that a service call can raise."""
        if isinstance(self._failure, CALL_ERRORS):
            return self._failure
        words = f"{type(self._failure).__name__}: {self._failure}" if self._failure else "they have expired"
        return CredentialRetrievalError(provider=self._credentials.method, error_msg=words)  # type: ignore[no-any-return]
