"""A blueprint's schema out of what a Dag author has: a dict, JSON text, a JSON file, or a pydantic model.

The service wants JSON Schema of its own kind: a class, a description, and fields with ``inferenceType`` and
``instruction``. What a pydantic model says that the service has no word for goes into the instruction.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airflow_provider_bda.exceptions import BdaInputError

_SCHEMA = "http://json-schema.org/draft-07/schema#"
_MOST_CHARACTERS = 100_000


def schema_text(schema: Any, folder: str) -> str:
    """Answer the schema as the API has it: JSON text.

    :param schema: a dict, JSON text, or the path of a JSON file.
    :param folder: what a relative path starts from: the Dag's own folder.
    :raises BdaInputError: it is none of them, or no schema of a blueprint.
    """
    if isinstance(schema, str):
        schema = _parsed(schema, folder)
    if not isinstance(schema, dict):
        raise BdaInputError(
            f"schema: {type(schema).__name__} is no dict, JSON text, path of a JSON file or pydantic model"
        )
    if not isinstance(schema.get("properties"), dict):
        raise BdaInputError('schema: a blueprint has fields; put them under "properties"')
    text = json.dumps(schema, ensure_ascii=False)
    if len(text) > _MOST_CHARACTERS:
        raise BdaInputError(f"schema: {len(text):,} characters; the service takes {_MOST_CHARACTERS:,}")
    return text


def _parsed(text: str, folder: str) -> Any:
    if text.lstrip().startswith("{"):
        where, body = "the text", text
    else:
        path = Path(folder, text)
        try:
            where, body = str(path), path.read_text(encoding="utf-8")
        except OSError as error:
            raise BdaInputError(f"schema: the file {path} cannot be read: {error}") from error
    try:
        return json.loads(body)
    except ValueError as error:
        raise BdaInputError(f"schema: {where} is no JSON: {error}") from error


def storable(schema: Any) -> Any:
    """Answer what an operator keeps of the argument: plain JSON, or the path as text.

    A pydantic model is turned into its schema at once, for a class does not travel with a Dag.
    """
    if isinstance(schema, Path):
        return str(schema)
    return schema_of_model(schema) if hasattr(schema, "model_json_schema") else schema


def schema_of_model(model: Any) -> dict[str, Any]:
    """Turn a pydantic model into a blueprint's schema.

    A field's description becomes its instruction; ``json_schema_extra={"inferenceType": "inferred"}`` says that
    a field is not written in the document. Nested models become definitions.
    """
    source = model.model_json_schema()
    definitions = {name: _object(part) for name, part in source.get("$defs", {}).items()}
    body = _object(source)
    return {
        "$schema": _SCHEMA,
        "class": source.get("title", model.__name__),
        "description": source.get("description", source.get("title", model.__name__)),
        "type": "object",
        "definitions": {name: part for name, part in definitions.items() if "properties" in part},
        "properties": body.get("properties", {}),
    }


def _object(part: dict[str, Any]) -> dict[str, Any]:
    properties = part.get("properties")
    if properties is None:
        return {}
    # A choice of words (Enum) is a definition without fields; its words are put into the field.
    return {"type": "object", "properties": {name: _field(name, field) for name, field in properties.items()}}


def _field(name: str, field: dict[str, Any]) -> dict[str, Any]:
    about = _not_null(field)
    instruction = " ".join(
        part for part in (field.get("description") or field.get("title") or name, _choices(about)) if part
    )
    if "$ref" in about:
        return {"$ref": about["$ref"].replace("#/$defs/", "#/definitions/")}
    if about.get("type") == "array":
        items = _not_null(about.get("items", {}))
        inner = (
            {"$ref": items["$ref"].replace("#/$defs/", "#/definitions/")}
            if "$ref" in items
            else {"type": _type(name, items)}
        )
        return {"type": "array", "instruction": instruction, "items": inner}
    return {
        "type": _type(name, about),
        "inferenceType": field.get("inferenceType", "explicit"),
        "instruction": instruction,
    }


def _not_null(field: dict[str, Any]) -> dict[str, Any]:
    """Take ``None`` out of an optional field: the service's fields may always be empty."""
    kinds = [kind for kind in field.get("anyOf", []) if kind.get("type") != "null"]
    if not kinds:
        return field
    wide = {kind.get("type") for kind in kinds}
    # A decimal is a number or a string of digits.
    return kinds[0] if len(kinds) == 1 else {"type": "number" if "number" in wide else "string"}


def _type(name: str, about: dict[str, Any]) -> str:
    kind = about.get("type", "string")
    if kind == "integer":
        return "number"
    if kind not in {"string", "number", "boolean"}:
        raise BdaInputError(
            f"schema: the field {name!r} is of type {kind}, which a blueprint does not have; use text, numbers, "
            "booleans, lists, or a model of its own"
        )
    return str(kind)


def _choices(about: dict[str, Any]) -> str:
    words = about.get("enum")
    return f"One of: {', '.join(str(word) for word in words)}." if words else ""
