"""The command: text for people, JSON for programs, and nothing else on stdout."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest

from airflow_provider_bda.batch.__main__ import main
from airflow_provider_bda.batch.finish import finish_batch
from airflow_provider_bda.hooks.base import BdaBaseHook


@pytest.fixture
def run(aws, capsys):
    """Run the command in this process, which is quicker; what it does to logging and warnings is undone."""

    def run(*arguments):
        capsys.readouterr()
        with warnings.catch_warnings():
            try:
                code = main(list(arguments))
            except SystemExit as ended:
                code = ended.code
            finally:
                logging.disable(logging.NOTSET)
        said = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=said.out, stderr=said.err)

    return run


@pytest.fixture
def ended(aws, a_batch, blueprint):
    a_batch.part(
        0,
        a_batch.run("a", blueprints=[blueprint]),
        a_batch.made(
            "b", "failed", error_type="ServiceError", error_message="try\nagain", extra={"customer": 7}
        ),
    )
    finish_batch(BdaBaseHook(), a_batch.uri, cost_per_job_usd=0.04)
    return a_batch


def test_status_of_a_batch_that_ended(ended, run):
    done = run("status", ended.uri)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == f"batch      {ended.uri}"
    assert lines[1].startswith("finished   20")
    assert "documents  2: 1 succeeded, 1 failed, 0 rejected, 0 skipped" in lines
    assert "running    median 10 s, 95 % within 10 s, longest 10 s" in lines
    assert "read       1 of 1 outputs, 0 unreadable" in lines
    assert "pages      1 in 1 documents" in lines
    assert "cost       about 0.04 USD" in lines
    assert "reason     1 x ServiceError: try again (helps: retry)" in lines
    assert any(line.startswith("blueprint  an-invoice") for line in lines)


def test_status_as_json_while_it_runs(aws, a_batch, run):
    a_batch.part(0, a_batch.made("a"), a_batch.made("b", "rejected", error_type="empty"))
    a_batch.put(a_batch.layout.progress, b'{"done": 2, "waiting": 3, "by": {"x": 1}}')
    status = json.loads(run("status", a_batch.uri, "--json").stdout)
    assert (status["finished"], status["progress"]["waiting"]) == (False, 3)
    assert (status["figures"]["succeeded"], status["figures"]["rejected"]) == (1, 1)
    text = run("status", a_batch.uri).stdout
    assert "finished   no; what follows counts" in text
    assert "progress   done 2, waiting 3\n" in text


def test_failures_are_a_line_each(ended, run):
    done = run("failures", ended.uri)
    assert done.stdout == "failed    b  s3://documents/in/b.pdf  ServiceError: try again\n"
    (row,) = run("failures", ended.uri, "--json").stdout.splitlines()
    assert (json.loads(row)["status"], json.loads(row)["extra"]) == ("failed", {"customer": 7})


def test_purge_counts_and_deletes_only_on_demand(ended, run, keys):
    there = keys()
    assert "Nothing was deleted: add --delete" in run("purge", ended.uri).stdout
    assert keys() == there
    purged = json.loads(run("purge", ended.uri, "--delete", "--json").stdout)
    assert (purged["jobs"], purged["objects"]) == (1, len(there) - len(keys()) + 1)  # purged.json came
    assert "purged     " in run("status", ended.uri).stdout


@pytest.mark.parametrize("command", ["status", "failures", "purge"])
def test_no_batch_is_a_line_on_stderr(aws, run, command):
    done = run(command, "s3://documents/out/_batches/another")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no batch at s3://documents/out/_batches/another" in done.stderr.splitlines()[-1]


def test_a_connection_that_does_not_exist_is_a_line_too(ended, run):
    done = run("status", ended.uri, "--conn", "no_such")
    assert done.returncode == 1
    assert "'no_such'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("arguments", [(), ("status",), ("status", "out/_batches/x"), ("forget", "s3://b/x")])
def test_a_wrong_command_line_says_how_it_goes(run, arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m airflow_provider_bda.batch")


def test_as_a_process_it_writes_nothing_but_the_answer_to_stdout(ended):
    command = [sys.executable, "-m", "airflow_provider_bda.batch", "status", ended.uri, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout)["finished"] is True


def test_a_reader_that_has_seen_enough_ends_it_quietly(aws, a_batch):
    a_batch.part(
        0, *(a_batch.made(str(number), "failed", error_message="x" * 200) for number in range(2_000))
    )
    command = [sys.executable, "-m", "airflow_provider_bda.batch", "failures", a_batch.uri]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("failed")
        process.stdout.close()
        assert "BrokenPipe" not in process.stderr.read()
        assert process.wait(60) == 0
