"""A person's answers laid over what the service has read: who, when, and what stood there before. Pure."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_bda.exceptions import BdaInputError

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person says of one segment.

    :param output_s3_uri: the job's ``job_metadata.json``.
    :param segment: which one.
    :param values: by field's path, the value it should have.
    :param by: who says so.
    :param at: when, ISO 8601.
    """

    output_s3_uri: str
    segment: int
    #: Not in the repr, which ends up in logs.
    values: Mapping[str, Any] = field(repr=False)
    by: str | None = None
    at: str | None = None


def corrections_of(documents: Any, answers: Any) -> list[Correction]:
    """Pair documents with answers.

    :param documents: a dict with ``output_s3_uri`` (and ``segment``), e.g. a line of ``needs_review.jsonl``; or a list.
    :param answers: what Airflow's human-in-the-loop operator returns (``params_input``, ``responded_by_user``,
        ``responded_at``), or a dict with ``fields``, ``by``, ``at``; or a list, in the documents' order. None is a document
        nobody answered. A field left empty stays as it is.
    :raises BdaInputError: they are not equally many, or something else.
    """
    several = [documents] if isinstance(documents, Mapping) else list(documents)
    said = [answers] if isinstance(answers, Mapping) or answers is None else list(answers)
    if len(several) != len(said):
        raise BdaInputError(
            f"answers: there are {len(said)} for {len(several)} documents; nothing was written"
        )
    made = []
    for document, answer in zip(several, said, strict=True):
        if not isinstance(document, Mapping) or not isinstance(document.get("output_s3_uri"), str):
            raise BdaInputError(
                "documents: each is a dict with output_s3_uri, the s3:// URI of a job_metadata.json"
            )
        if answer is None:
            continue
        if not isinstance(answer, Mapping) or not ("params_input" in answer or "fields" in answer):
            raise BdaInputError(
                "answers: each is what HITLOperator returns (params_input), or a dict with fields, by, at"
            )
        made.append(_correction(document, answer))
    return made


def corrected_output(raw: Mapping[str, Any], correction: Correction) -> tuple[dict[str, Any], int]:
    """Answer a custom output with the corrections in it, and how many values changed.

    The old value, who and when stand under ``corrections``; a corrected field's confidence is 1, its place stays.

    :raises BdaInputError: the output has no such field. The error names the field, never a value.
    """
    output: dict[str, Any] = copy.deepcopy(dict(raw))
    evidence = output.get("explainability_info")
    proof = evidence[0] if isinstance(evidence, list) and evidence else None
    changed = 0
    for path, value in correction.values.items():
        steps = _steps(path)
        old = _put(output.setdefault("inference_result", {}), steps, value, path)
        if old == value and type(old) is type(value):
            continue
        changed += 1
        if proof is not None:
            _prove(proof, steps, value)
        output.setdefault("corrections", []).append(
            {"path": path, "old": old, "new": value, "by": correction.by, "at": correction.at}
        )
    return output, changed


def _correction(document: Mapping[str, Any], answer: Mapping[str, Any]) -> Correction:
    given = answer.get("fields", answer.get("params_input")) or {}
    if not isinstance(given, Mapping):
        raise BdaInputError("answers: the fields of an answer are a dict: path -> value")
    user = answer.get("by", answer.get("responded_by_user"))
    when = answer.get("at", answer.get("responded_at"))
    return Correction(
        output_s3_uri=document["output_s3_uri"],
        segment=int(document.get("segment") or 0),
        values={str(path): _value(value) for path, value in given.items() if _value(value) not in (None, "")},
        by=str(user.get("name") or user.get("id")) if isinstance(user, Mapping) else _text(user),
        at=when.isoformat() if hasattr(when, "isoformat") else _text(when),
    )


def _value(given: Any) -> Any:
    """Answer a parameter's value: Airflow may send it with its schema around it."""
    return given["value"] if isinstance(given, Mapping) and "value" in given else given


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = [int(index) if index else name for name, index in _STEP.findall(path)]
    if not steps or "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in steps).lstrip(".") != path:
        raise BdaInputError(f"answers: {path!r} is no path of a field; write it as total or lines[0].amount")
    return steps


def _put(tree: Any, steps: Sequence[str | int], value: Any, path: str) -> Any:
    """Put a value where the steps lead; answer what stood there. A field at the top may be new."""
    at = tree
    for step in steps[:-1]:
        at = _member(at, step, path)
    last = steps[-1]
    if isinstance(at, dict) and isinstance(last, str):
        if last not in at and at is not tree:
            raise _no_field(path)
        old = at.get(last)
        at[last] = value
        return old
    old = _member(at, last, path)
    at[last] = value
    return old


def _member(at: Any, step: str | int, path: str) -> Any:
    if isinstance(step, str) and isinstance(at, dict) and step in at:
        return at[step]
    if isinstance(step, int) and isinstance(at, list) and step < len(at):
        return at[step]
    raise _no_field(path)


def _no_field(path: str) -> BdaInputError:
    return BdaInputError(f"answers: the output has no field {path}; nothing was written for its document")


def _prove(proof: Any, steps: Sequence[str | int], value: Any) -> None:
    """Put the value into the field's evidence, if it has any."""
    at = proof
    for step in steps:
        if isinstance(step, str) and isinstance(at, dict):
            at = at.get(step)
        elif isinstance(step, int) and isinstance(at, list) and step < len(at):
            at = at[step]
        else:
            return
    if isinstance(at, dict):
        at.update({"value": value, "confidence": 1.0, "success": True})
