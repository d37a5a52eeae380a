"""The custom outputs of many documents, several read at once and answered in their order, in bounded memory."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch._files import THREADS
from airflow_provider_bda.batch.bodies import read_body
from airflow_provider_bda.exceptions import BdaError
from airflow_provider_bda.results import ResultsError
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from airflow_provider_bda.batch.bodies import Body
    from airflow_provider_bda.batch.rows import Row
    from airflow_provider_bda.results import ResultsView

#: Documents under way at once.
_WINDOW = 4 * THREADS


def from_s3(s3: Any, view: ResultsView) -> Callable[[Row], Body]:
    """Answer what reads a document's outputs where its job left them."""
    return lambda row: read_body(s3, row.output_s3_uri or "", view)


class Outputs:
    """Reads what each document's job left.

    :param read: reads one, e.g. what :func:`from_s3` answers.
    :param tolerated: documents whose output may be missing, damaged or refused.
    """

    def __init__(self, read: Callable[[Row], Body], tolerated: int = 0) -> None:
        self._read = read
        self._tolerated = tolerated
        #: Documents read, and those that could not be.
        self.read = 0
        self.unreadable = 0

    def of(self, documents: Iterable[Row]) -> Iterator[tuple[Row, Body]]:
        """Answer each document with its outputs, in order; one that cannot be read is left out and counted.

        :raises BdaError: more than are tolerated cannot be read; nothing was written, and a retry reads again.
        """
        under_way: deque[tuple[Row, Future[Body]]] = deque()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="outputs") as pool:
            try:
                for row in documents:
                    under_way.append((row, pool.submit(self._read, row)))
                    if len(under_way) >= _WINDOW:
                        yield from self._told(*under_way.popleft())
                while under_way:
                    yield from self._told(*under_way.popleft())
            finally:
                for _, future in under_way:
                    future.cancel()

    def _told(self, row: Row, future: Future[Body]) -> Iterator[tuple[Row, Body]]:
        try:
            body = future.result()
        except ResultsError as error:
            self._failed(row, str(error))
        except CALL_ERRORS as error:
            told = call_error(error)
            self._failed(row, f"{told.code}: {told.message}")
        else:
            self.read += 1
            yield row, body

    def _failed(self, row: Row, why: str) -> None:
        self.unreadable += 1
        if self.unreadable > self._tolerated:
            raise BdaError(
                f"the output of {row.invocation_arn or row.document_id} could not be read: {why}. That is one more than "
                f"tolerated_unreadable={self._tolerated}. Nothing was written; a retry reads everything again"
            )
