"""Writes ``dist/provider.yaml``: this provider as Airflow's registry describes providers, checked by Airflow's own schema.

The registry of today lists the providers that live in Airflow's repository, from one such file each. Third parties are listed
on the ecosystem page of Airflow's site, by a line of their own: ``dist/ecosystem.md``.
"""

from __future__ import annotations

import json
import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import airflow
import jsonschema
import yaml

import airflow_provider_bda
from airflow_provider_bda.get_provider_info import get_provider_info

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Where Airflow keeps the form of the file.
SCHEMA = Path(airflow.__file__).with_name("provider.yaml.schema.json")
#: What hatchling dates the files of a wheel with, unless it is told otherwise.
EPOCH = 1_580_601_600
#: Groups of modules that the registry reads classes out of.
_GROUPS = ("operators", "sensors", "hooks", "triggers")


def provider_yaml() -> dict[str, Any]:
    """Answer what the registry's file says of this release."""
    return {
        **get_provider_info(),
        "state": "ready",
        "lifecycle": "incubation",
        "build-system": "hatchling",
        "source-date-epoch": int(os.environ.get("SOURCE_DATE_EPOCH", EPOCH)),
        "versions": [airflow_provider_bda.__version__],
    }


def ecosystem_line() -> str:
    """Answer the line for the ecosystem page; the address of the project is put in by whoever sends it there."""
    told = get_provider_info()
    return f"[{told['package-name']}]() - {told['description']}\n"


def faults(told: dict[str, Any]) -> Iterator[str]:
    """Answer what is wrong with it: its form, and modules or classes that are not there."""
    schema = json.loads(SCHEMA.read_text())
    for error in jsonschema.Draft7Validator(schema).iter_errors(told):
        yield f"provider.yaml: {'.'.join(map(str, error.absolute_path))}: {error.message}"
    modules = [name for group in _GROUPS for entry in told.get(group, []) for name in entry["python-modules"]]
    classes = [*told.get("extra-links", []), *(entry["plugin-class"] for entry in told.get("plugins", []))]
    for name in modules:
        try:
            import_module(name)
        except ImportError as error:
            yield f"provider.yaml: {name}: {error}"
    for path in classes:
        module, _, name = path.rpartition(".")
        try:
            found = hasattr(import_module(module), name)
        except ImportError:
            found = False
        if not found:
            yield f"provider.yaml: there is no {path}"


def write(folder: Path) -> list[str]:
    """Write both files; answer what is wrong."""
    told = provider_yaml()
    (folder / "provider.yaml").write_text(yaml.safe_dump(told, sort_keys=False, allow_unicode=True))
    (folder / "ecosystem.md").write_text(ecosystem_line())
    return list(faults(told))
