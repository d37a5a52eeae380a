from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bda.jobs.profile import PROFILE_IDS, profile_arn
from airflow_provider_bda.jobs.token import client_token, fingerprint

IDENTITY = {
    "dag_id": "d",
    "run_id": "r",
    "task_id": "t",
    "map_index": -1,
    "max_tries": 2,
    "generation": 0,
    "request": {"a": 1, "b": [1, 2]},
}


def test_the_same_identity_is_the_same_token():
    assert client_token(**IDENTITY) == client_token(**{**IDENTITY, "request": {"b": [1, 2], "a": 1}})


@pytest.mark.parametrize(
    "change",
    [
        {"dag_id": "e"},
        {"run_id": "s"},
        {"task_id": "u"},
        {"map_index": 0},
        {"max_tries": 5},
        {"generation": 1},
        {"request": {"a": 2, "b": [1, 2]}},
    ],
)
def test_each_part_of_the_identity_changes_the_token(change):
    assert client_token(**IDENTITY) != client_token(**{**IDENTITY, **change})


def test_parts_cannot_run_into_each_other():
    one = client_token(**{**IDENTITY, "dag_id": "a", "run_id": "bc"})
    assert one != client_token(**{**IDENTITY, "dag_id": "ab", "run_id": "c"})


@given(st.dictionaries(st.text(), st.integers() | st.text()))
def test_fingerprint_ignores_the_order_of_keys(request):
    assert fingerprint(request) == fingerprint(dict(reversed(request.items())))


@pytest.mark.parametrize(
    ("region", "arn"),
    [
        ("us-east-1", "arn:aws:bedrock:us-east-1:1:data-automation-profile/us.data-automation-v1"),
        ("ca-central-1", "arn:aws:bedrock:ca-central-1:1:data-automation-profile/na.data-automation-v1"),
        ("ap-south-1", "arn:aws:bedrock:ap-south-1:1:data-automation-profile/apac.data-automation-v1"),
        (
            "ap-southeast-1",
            "arn:aws:bedrock:ap-southeast-1:1:data-automation-profile/global.data-automation-v1",
        ),
        ("eu-west-2", "arn:aws:bedrock:eu-west-2:1:data-automation-profile/eu.data-automation-v1"),
        (
            "us-gov-west-1",
            "arn:aws-us-gov:bedrock:us-gov-west-1:1:data-automation-profile/us-gov.data-automation-v1",
        ),
    ],
)
def test_profile_follows_the_table_and_not_the_regions_name(region, arn):
    assert profile_arn(region, "1") == arn


def test_an_unknown_region_names_the_mend():
    with pytest.raises(ValueError, match=r"'sa-east-1'.*pass profile_arn="):
        profile_arn("sa-east-1", "1")
    assert len(PROFILE_IDS) == 13
