"""``python -m airflow_provider_bda.emulator`` as a process of its own."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from urllib.request import urlopen

import boto3
import pytest

COMMAND = [sys.executable, "-m", "airflow_provider_bda.emulator"]


def lines_until(stream, wanted):
    found = []
    while line := stream.readline():
        found.append(line)
        if wanted in line:
            return found
    raise AssertionError(f"never said {wanted!r}: {''.join(found)}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_serves_and_stops_on_a_signal(number):
    options = [
        "--region",
        "eu-west-1",
        "--seconds",
        "0.5-1",
        "--concurrent",
        "document=3",
        "--bucket",
        "documents",
    ]
    with subprocess.Popen(
        [*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            said = lines_until(process.stderr, "stop with Ctrl-C")
            exported = lines_until(process.stdout, "AWS_SHARED_CREDENTIALS_FILE")
            environ = dict(shlex.split(line)[1].split("=", 1) for line in exported)
            url = environ["AWS_ENDPOINT_URL"]
            assert f"listens on {url} as account 123456789012 in eu-west-1" in "".join(said)
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
            s3 = boto3.session.Session().client(
                "s3",
                endpoint_url=url,
                region_name=environ["AWS_REGION"],
                aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
            )
            assert [row["Name"] for row in s3.list_buckets()["Buckets"]] == ["documents"]
            s3.close()
            with urlopen(f"{url}/_bda/settings") as answer:  # noqa: S310 - our own server on loopback
                settings = json.loads(answer.read())
            assert (settings["duration"], settings["concurrent_jobs"]["DOCUMENT"]) == ([0.5, 1.0], 3)
        finally:
            process.send_signal(number)
        rest = process.communicate(timeout=20)
    assert (process.returncode, rest) == (0, ("", ""))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seconds", "soon"], "neither seconds nor LOWEST-HIGHEST"),
        (["--seconds", "5-1"], "the lowest is above the highest"),
        (["--concurrent", "documents=1"], "is not of the form document=25"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1:0"),
    ],
)
def test_wrong_options_are_told(options, words):
    process = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=30, check=False)
    assert process.returncode != 0
    assert words in process.stderr
    assert "Traceback" not in process.stderr
