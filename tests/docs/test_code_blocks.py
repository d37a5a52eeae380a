"""Every code block of README and docs is run, in the order of its page; or its page says why not, and it is checked.

``python`` is executed: bare operators become a Dag, each Dag runs to success by ``run_dag``, and what its tasks returned
stands under their ids in the blocks below; ``def test_...`` is called with its fixtures, in an empty world. ``console`` is
run line by line; ``json`` and ``ini`` are read, by Airflow where it is a connection or our configuration.
"""

from __future__ import annotations

import configparser
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import pytest
from airflow.sdk import DAG

from airflow_provider_bda.get_provider_info import get_provider_info
from airflow_provider_bda.hooks.base import BdaBaseHook
from tests.docs.blocks import ROOT, blocks, pages

WITH_CODE = [page for page in pages() if blocks(page)]


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page, world, run_dag, monkeypatch):
    namespace = {}
    for block in blocks(page):
        assert block.language in CHECKS, f"{block}: which language is {block.language!r}?"
        CHECKS[block.language](block)
        if block.why is None:
            assert block.language in RUNS, f"{block}: say why it is not run: <!-- not run: ... -->"
            RUNS[block.language](block, namespace, world, run_dag, monkeypatch)


def test_a_block_that_says_nothing_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- not run: there is no such thing -->\n\n```python\n1\n```\n\n```text\nx\n```\n")
    assert [(block.language, block.line, block.why) for block in blocks(page)] == [
        ("python", 4, "there is no such thing"),
        ("text", 8, None),
    ]
    for wrong in ("<!-- not run: why -->\n\nwords\n", "    indented code\n"):
        page.write_text(wrong)
        with pytest.raises(AssertionError):
            blocks(page)


# --- python -------------------------------------------------------------------------------------


def compiled(block):
    return compile("\n" * (block.line - 1) + block.text, str(block.page), "exec", dont_inherit=True)


def run_python(block, namespace, world, run_dag, monkeypatch):
    before = {name for name, value in namespace.items() if inspect.isfunction(value)}
    for dag in made_by(block, namespace, monkeypatch):
        result = run_dag(dag)
        assert result.state == "success", f"{block}: {dag.dag_id} ended as {result.state}: {result.tasks}"
        for (task, map_index, key), value in result.xcoms.items():
            if (map_index, key) == (-1, "return_value") and not callable(namespace.get(task)):
                namespace[task] = value
    for name, value in list(namespace.items()):
        if name.startswith("test_") and name not in before and inspect.isfunction(value):
            call_test(value, world, run_dag, monkeypatch)


def made_by(block, namespace, monkeypatch):
    """Execute a block and answer the Dags it made: its own, and one of the operators that stand in none."""
    entered = []
    enter = DAG.__enter__
    with monkeypatch.context() as patch:
        patch.setattr(DAG, "__enter__", lambda dag: entered.append(dag) or enter(dag))
        with DAG(f"{block.page.stem}_{block.line}", schedule=None):
            exec(compiled(block), namespace)  # noqa: S102 - that is what a page's code is for
    return [dag for dag in entered if dag.tasks]


def call_test(function, world, run_dag, monkeypatch):
    fixtures = {"bda_emulator": world.aws, "run_dag": run_dag, "monkeypatch": monkeypatch}
    world.empty()
    function(**{name: fixtures[name] for name in inspect.signature(function).parameters})
    world.fill()


# --- commands -----------------------------------------------------------------------------------


def commands(block):
    """Answer the lines after a prompt; a backslash goes on in the next one."""
    return re.findall(r"^\$ ((?:.*\\\n)*.*)$", block.text, flags=re.MULTILINE)


def check_console(block):
    assert commands(block), f"{block}: no line begins with '$ '"
    for command in commands(block):
        words = shlex.split(command, comments=True)
        if words[0] == "make":
            known = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
            assert {word for word in words[1:] if "=" not in word} <= set(known), command
        elif words[0] == "airflow":
            from airflow.cli.cli_parser import get_parser

            get_parser().parse_args(words[1:])
        elif words[:2] == ["pip", "install"]:
            for name in words[2:]:
                check_requirement(name)


def check_requirement(text):
    name, _, extras = text.partition("[")
    if name == "airflow-provider-bda":
        known = metadata("airflow-provider-bda").get_all("Provides-Extra")
        assert set(filter(None, re.split(r"[],]", extras.partition("=")[0]))) <= set(known), text


def run_console(block, namespace, world, run_dag, monkeypatch):
    folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    for command in commands(block):
        done = subprocess.run(
            ["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{block}: {command}: {done.stderr[-2000:]}"


# --- data ---------------------------------------------------------------------------------------


def check_json(block):
    content = json.loads(block.text)
    if content.get("conn_type") == "aws":
        os.environ["AIRFLOW_CONN_OF_A_PAGE"] = block.text
        try:
            wrapper = BdaBaseHook(aws_conn_id="of_a_page").conn_config
        finally:
            del os.environ["AIRFLOW_CONN_OF_A_PAGE"]
        for name in set(content["extra"]) - {"service_config", "config_kwargs"}:
            assert getattr(wrapper, name, None), f"{block}: the Amazon provider knows no {name}"
        for service in content["extra"].get("service_config", {}):
            assert wrapper.get_service_endpoint_url(service_name=service), service


def check_ini(block):
    parser = configparser.ConfigParser()
    parser.read_string(block.text)
    ours = get_provider_info()["config"]["bda"]["options"]
    for section in parser.sections():
        if section == "bda":
            assert set(parser[section]) <= set(ours), block


def check_toml(block):
    import tomllib

    tomllib.loads(block.text)


def read_only(block, namespace, world, run_dag, monkeypatch):
    """Nothing more: it was read when it was checked."""


def check_text(block):
    """Where it is a requirements file, its lines about us are right; its page says why it is not run."""
    for line in block.text.splitlines():
        check_requirement(line)


#: What is looked at in every block, also in those that are not run.
CHECKS = {
    "python": compiled,
    "console": check_console,
    "json": check_json,
    "ini": check_ini,
    "toml": check_toml,
    "text": check_text,
}
RUNS = {
    "python": run_python,
    "console": run_console,
    "json": read_only,
    "ini": read_only,
    "toml": read_only,
}
