"""What goes in and out of the gateway: HTTP messages as values, and the error a service answers.

No sockets here, so that the gateway can be driven by any server and by a test without one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request as it came over the wire.

    :param path: the RAW path: ARNs in it carry ``%2F``, which a decoded path would turn into a slash.
    :param query: the raw query string, without the question mark.
    :param headers: by lower-case name.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def query_fields(self) -> dict[str, list[str]]:
        """The decoded query string."""
        return parse_qs(self.query, keep_blank_values=True)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One answer.

    :param abort: close the connection without sending anything.
    :param delay: seconds to wait before answering; the server awaits them, nothing here sleeps.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    abort: bool = False
    delay: float = 0.0


class ServiceError(Exception):
    """What a handler raises to answer a modelled error.

    :param code: the error's name in the service's model, or a general one such as ExpiredTokenException.
    :param message: the words of the answer.
    :param status: the HTTP status; None takes the model's.
    """

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status


def invalid(message: str) -> ServiceError:
    """Build the ValidationException every service here has."""
    return ServiceError("ValidationException", message)


def not_found(message: str) -> ServiceError:
    """Build the ResourceNotFoundException every service here has."""
    return ServiceError("ResourceNotFoundException", message)
