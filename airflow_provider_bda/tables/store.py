"""Where the tables of a dataset lie on S3, and how a batch's rows replace those it had before.

```
{dataset_s3_uri}/
  _commits/{batch_id}.json                                    which files hold the batch's rows, of all tables
  {table}/_schema.json                                        its columns; they are only ever added
  {table}/_manifests/{batch_id}.json                          the same files, as Redshift's COPY takes them
  {table}/_symlinks/date=.../batch_id=.../manifest            the same files, as Athena's symlink tables take them
  {table}/data/date=.../batch_id=.../{attempt}-00000.parquet  the rows
```

A batch's files are written under names of their own, then its commit is swapped: one conditional PUT, which fails where
another writer was faster. Only then the files it replaces are deleted. So a reader of a manifest sees the rows of before
or those of after, whole; one that lists ``data/`` sees both for the moment between swap and deletion. A writer deletes only
what was there before its swap, and so nothing of one that came after it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch._files import (
    Upload,
    copy_of,
    delete,
    objects_under,
    put_bytes,
    swap,
)
from airflow_provider_bda.exceptions import BdaError, BdaInputError
from airflow_provider_bda.tables.schema import FORMAT, TableSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

#: How often a table's schema is read again where another batch has changed it meanwhile.
_TRIES = 5
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Dataset:
    """The URIs of a dataset.

    :param uri: its prefix, without a slash at the end.
    """

    uri: str

    def commit(self, batch_id: str) -> str:
        """Answer where it stands which files hold a batch's rows."""
        return f"{self.uri}/_commits/{batch_id}.json"

    def schema(self, table: str) -> str:
        """Answer where a table's columns stand."""
        return f"{self.uri}/{table}/_schema.json"

    def manifest(self, table: str, batch_id: str) -> str:
        """Answer where the manifest for Redshift's COPY stands."""
        return f"{self.uri}/{table}/_manifests/{batch_id}.json"

    def symlinks(self, table: str, date: str, batch_id: str) -> str:
        """Answer where the list of files for a symlink table stands."""
        return f"{self.uri}/{table}/_symlinks/date={date}/batch_id={batch_id}/manifest"

    def partition(self, table: str, date: str, batch_id: str) -> str:
        """Answer the prefix of a batch's rows."""
        return f"{self.uri}/{table}/data/date={date}/batch_id={batch_id}/"


def read_commit(s3: Any, dataset: Dataset, batch_id: str) -> tuple[dict[str, Any], str | None]:
    """Answer a batch's commit and its ETag; an empty one and None if it was never written.

    :raises BdaError: S3 refuses it, or something else lies there.
    """
    value, etag = _read(s3, dataset.commit(batch_id))
    if value is None:
        return {"tables": {}}, None
    if not isinstance(value.get("tables"), dict) or value.get("format", 0) > FORMAT:
        raise BdaError(
            f"{dataset.commit(batch_id)} is no commit that this release can read; nothing was written"
        )
    return value, etag


def replaced_by(
    s3: Any, dataset: Dataset, commit: Mapping[str, Any], before: Mapping[str, Any]
) -> dict[str, list[str]]:
    """List the files that a commit is about to replace, and what writers that died have left, by partition.

    Asked for before the swap: so the files of a writer that comes after it are none of these, however long this one stands
    still until it deletes them. Which partitions they are in goes into the commit, so that the next writer finds them if this
    one dies.

    :raises BdaError: S3 refuses it.
    """
    dates = {commit["date"], before.get("date", commit["date"])}
    partitions = {
        dataset.partition(table, date, commit["batch_id"])
        for table in {**before["tables"], **commit["tables"]}
        for date in dates
    }
    own = set(files_of(commit))
    found = {
        partition: [uri for uri, _ in objects_under(s3, partition) if uri not in own]
        for partition in sorted(partitions.union(before.get("replaces", ())))
    }
    return {partition: uris for partition, uris in found.items() if uris}


def swap_commit(s3: Any, dataset: Dataset, commit: Mapping[str, Any], etag: str | None, **put: Any) -> bool:
    """Put a commit in the place of the one that was read; say whether no other writer was faster.

    :raises BdaError: S3 refuses it, or its answer was lost: then it may be there or not.
    """
    return _swap(s3, dataset.commit(commit["batch_id"]), commit, etag, **put)


def settle(
    s3: Any, dataset: Dataset, commit: Mapping[str, Any], before: Mapping[str, Any], **put: Any
) -> bool:
    """Have the manifests say what the newest commit says; say whether that is still this one.

    It is not where this writer stood still after its swap (a frozen worker, whose task was tried again meanwhile) and another
    came after it: then that one's files are those that readers must be told.

    :raises BdaError: S3 refuses it, or others swap all the time; a retry writes the manifests again.
    """
    batch_id, told = commit["batch_id"], before
    for _ in range(_TRIES):
        newest, _etag = read_commit(s3, dataset, batch_id)
        if newest.get("attempt") == told.get("attempt"):
            return bool(newest.get("attempt") == commit["attempt"])
        tell_readers(s3, dataset, batch_id, newest, told, **put)
        told = newest
    raise BdaError(
        f"{dataset.commit(batch_id)} was changed by others {_TRIES} times in a row; a retry tries again"
    )


def tell_readers(
    s3: Any,
    dataset: Dataset,
    batch_id: str,
    commit: Mapping[str, Any],
    before: Mapping[str, Any],
    **put: Any,
) -> None:
    """Write the manifests that say what the commit says; take away those of partitions that are gone.

    :raises BdaError: S3 refuses it; a retry writes them again.
    """
    for table, told in commit["tables"].items():
        entries = [
            {
                "url": file["s3_uri"],
                "mandatory": True,
                "meta": {"content_length": file["bytes"], "record_count": file["rows"]},
            }
            for file in told["files"]
        ]
        manifest = json.dumps({"entries": entries}, indent=1).encode()
        put_bytes(s3, dataset.manifest(table, batch_id), manifest, **put)
        lines = "".join(f"{file['s3_uri']}\n" for file in told["files"])
        put_bytes(s3, dataset.symlinks(table, commit["date"], batch_id), lines.encode(), **put)
    gone = [dataset.manifest(table, batch_id) for table in before["tables"].keys() - commit["tables"].keys()]
    gone += [
        dataset.symlinks(table, before["date"], batch_id)
        for table in before["tables"]
        if table not in commit["tables"] or before["date"] != commit["date"]
    ]
    delete(s3, gone)


def agree_on_columns(
    s3: Any,
    dataset: Dataset,
    table: str,
    evolve: Callable[[TableSchema | None], TableSchema],
    **put: Any,
) -> TableSchema:
    """Have a table's columns make room, and write them for the batches after this one.

    :param evolve: answers the columns wanted, given those there are (None: the table is new); called again where another
        batch was faster.
    :raises BdaInputError: what ``evolve`` raises, or the file is none of ours.
    :raises BdaError: S3 refuses it, or other batches change it all the time.
    """
    uri = dataset.schema(table)
    for _ in range(_TRIES):
        kept, etag = _read(s3, uri)
        try:
            before = None if kept is None else TableSchema.from_json(kept)
        except ValueError as error:
            raise BdaInputError(
                f"dataset_s3_uri: {uri} cannot be used: {error}. Nothing was written"
            ) from error
        schema = evolve(before)
        if schema.to_json() == kept or _swap(s3, uri, schema.to_json(), etag, **put):
            return schema
    raise BdaError(f"{uri} was changed by others {_TRIES} times in a row; a retry tries again")


def upload(s3: Any, path: Path, uri: str, **put: Any) -> int:
    """Upload a file in parts; answer its bytes.

    :raises BdaError: S3 refuses it.
    """
    with Upload(s3, uri, **put) as up, path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            up.write(chunk)
    return path.stat().st_size


def files_of(commit: Mapping[str, Any]) -> list[str]:
    """Answer the files that hold a commit's rows."""
    return [file["s3_uri"] for told in commit["tables"].values() for file in told["files"]]


def _read(s3: Any, uri: str) -> tuple[dict[str, Any] | None, str | None]:
    etag = None
    try:
        with copy_of(s3, uri) as (copy, etag):
            value = json.load(copy)
    except FileNotFoundError:
        return None, None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BdaError(f"{uri} holds no JSON object: something else has written it. Nothing was written")
    return value, etag


def _swap(s3: Any, uri: str, value: Mapping[str, Any], etag: str | None, **put: Any) -> bool:
    return swap(s3, uri, json.dumps(value, indent=1).encode(), etag, ContentType="application/json", **put)
