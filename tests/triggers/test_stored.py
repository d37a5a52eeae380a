"""Triggers that a release stored: every later one builds them again, for tasks stay deferred through an upgrade."""

from __future__ import annotations

import inspect
import json
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from airflow.triggers.base import BaseTrigger

import airflow_provider_bda
from airflow_provider_bda import triggers

#: A file for each release, with one trigger of each class and a value for each of its arguments.
STORED = Path(__file__).with_name("stored")
TRIGGERS = [
    pytest.param(classpath, arguments, id=f"{file.stem} {classpath.rpartition('.')[2]}")
    for file in sorted(STORED.glob("*.json"))
    for classpath, arguments in json.loads(file.read_text())
]


def of(classpath):
    module, _, name = classpath.rpartition(".")
    return getattr(import_module(module), name)


@pytest.mark.parametrize(("classpath", "arguments"), TRIGGERS)
def test_a_stored_trigger_is_built_again_as_it_was(classpath, arguments):
    now, again = of(classpath)(**arguments).serialize()
    assert now == classpath
    assert {name: again[name] for name in arguments} == arguments


@pytest.mark.parametrize(("classpath", "arguments"), TRIGGERS)
def test_arguments_of_a_later_release_are_passed_over(classpath, arguments):
    _, again = of(classpath)(**arguments, of_tomorrow=1).serialize()
    assert "of_tomorrow" not in again


def test_this_release_has_its_file_with_every_trigger_and_every_argument():
    file = STORED / f"{airflow_provider_bda.__version__}.json"
    assert file.exists(), f"write {file.name} for the new release, and leave the older ones as they are"
    written = {classpath: set(arguments) for classpath, arguments in json.loads(file.read_text())}
    there = {}
    for found in iter_modules(triggers.__path__, f"{triggers.__name__}."):
        for value in vars(import_module(found.name)).values():
            if inspect.isclass(value) and issubclass(value, BaseTrigger) and value.__module__ == found.name:
                there[f"{found.name}.{value.__name__}"] = set(value.__init__.__annotations__) - {
                    "unknown",
                    "return",
                }
    assert written == there
