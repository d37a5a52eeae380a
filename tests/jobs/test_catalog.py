from __future__ import annotations

from functools import cache

import botocore.session
import pytest
import regex

from airflow_provider_bda.jobs import JOB_KINDS, JobKind, Outcome
from airflow_provider_bda.jobs.kind import method_name

KINDS = list(JOB_KINDS.values())


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.name)
def kind(request):
    return request.param


@cache
def session():
    return botocore.session.get_session()


@cache
def service_model(name):
    return session().get_service_model(name)


@pytest.fixture(scope="module")
def model(kind):
    return service_model(kind.service)


def shape_at(shape, path):
    for step in path:
        shape = shape.members[step]
    return shape


def test_union_of_the_five_sets_is_the_enum_of_the_service(kind, model):
    status = shape_at(model.operation_model(kind.describe).output_shape, kind.status_at)
    assert kind.statuses == set(status.enum)


def test_operations_exist_and_the_handle_names_one_job(kind, model):
    describe = model.operation_model(kind.describe)
    assert set(kind.handle) >= set(describe.input_shape.required_members)
    assert set(kind.handle) <= set(describe.input_shape.members)
    for name in (kind.start, *kind.also_started_by):
        start = model.operation_model(name)
        started = set(start.input_shape.members) | set(shape_at(start.output_shape, kind.started_at).members)
        assert set(kind.handle) <= started


def test_error_and_result_paths_lead_somewhere(kind, model):
    answer = model.operation_model(kind.describe).output_shape
    for path in (kind.error_type_at, kind.error_message_at):
        if path:
            assert shape_at(answer, path).type_name in {"string", "list"}
    for _, path in kind.result:
        if path[0] not in kind.handle:
            types = {"string", "timestamp", "integer", "long", "structure", "list"}
            assert shape_at(answer, path).type_name in types
    for path in kind.flaws_at:
        assert shape_at(answer, path).type_name in {"integer", "long", "list"}


def test_token_is_the_member_the_model_calls_idempotency_token(kind, model):
    members = model.operation_model(kind.start).input_shape.members
    tokens = [name for name, shape in members.items() if shape.metadata.get("idempotencyToken")]
    if tokens:
        assert [kind.token] == tokens
    else:  # some models have a token and do not call it one (Textract's ClientRequestToken)
        assert kind.token is None or kind.token in members


def test_our_token_fits_the_model(kind, model):
    from airflow_provider_bda.jobs.token import client_token

    if kind.token is None:
        pytest.skip("the service takes no token for this kind")
    token = client_token(
        dag_id="d", run_id="r", task_id="t", map_index=-1, max_tries=0, generation=0, request={"a": 1}
    )
    rules = model.operation_model(kind.start).input_shape.members[kind.token].metadata
    assert rules.get("min", 0) <= len(token) <= rules.get("max", 10**6)
    # Lookout's pattern is \p{ASCII}, which `re` does not know.
    assert regex.fullmatch(rules.get("pattern", ".*"), token)


def test_list_and_stop_operations_exist_where_declared(kind, model):
    for operation in (kind.list_operation, kind.stop_operation):
        if operation is not None:
            assert operation in model.operation_names


def test_a_row_of_the_list_has_the_status_and_says_which_job_it_is(kind, model):
    if kind.list_operation is None:
        pytest.skip("the service cannot list jobs of this kind")
    listing = model.operation_model(kind.list_operation)
    row = shape_at(listing.output_shape, kind.listed_at).member
    assert set(row.members[kind.status_at[-1]].enum) == kind.statuses
    assert set(kind.handle) <= set(row.members) | set(listing.input_shape.required_members)


def test_the_stop_operation_takes_the_handle(kind, model):
    if kind.stop_operation is None:
        pytest.skip("the service cannot stop jobs of this kind")
    assert set(model.operation_model(kind.stop_operation).input_shape.required_members) == set(kind.handle)


def test_a_stop_or_list_operation_the_service_has_is_in_the_catalogue(kind, model):
    """What the catalogue leaves out, it leaves out because the service has none."""
    job = kind.describe.removeprefix("Get").removeprefix("Describe")
    known = {name for name in (f"Stop{job}", f"Cancel{job}") if name in model.operation_names}
    assert known == ({kind.stop_operation} if kind.stop_operation else set())
    if kind.name not in {"project", "library_deletion"}:  # whose lists are of resources and have no status
        assert (f"List{job}s" in model.operation_names) == (kind.list_operation is not None)


def test_method_name_is_boto3s(model):
    from botocore import xform_name

    for operation in model.operation_names:
        assert method_name(operation) == xform_name(operation)


def test_catalogue_is_keyed_by_name(kind):
    assert JOB_KINDS[kind.name] is kind


def test_every_status_of_every_kind_stands_for_what_its_retry_needs():
    """Written out once by hand: a status moved to another set shows here and nowhere else."""
    assert {kind.name: {status: kind.outcome(status) for status in kind.statuses} for kind in KINDS} == {
        "data_automation": BDA_STATES,
        "blueprint_optimization": BDA_STATES,
        "async_invoke": {"InProgress": None, "Completed": Outcome.SUCCEEDED, "Failed": Outcome.BROKEN},
        "library_ingestion": {
            "IN_PROGRESS": None,
            "COMPLETED": Outcome.SUCCEEDED,
            "COMPLETED_WITH_ERRORS": Outcome.PARTIAL,
            "FAILED": Outcome.BROKEN,
        },
        "project": {"IN_PROGRESS": None, "COMPLETED": Outcome.SUCCEEDED, "FAILED": Outcome.BROKEN},
        "library_deletion": {"ACTIVE": None, "DELETING": None},
        "equipment_ingestion": {
            "IN_PROGRESS": None,
            "IMPORT_IN_PROGRESS": None,
            "SUCCESS": Outcome.SUCCEEDED,
            "FAILED": Outcome.BROKEN,
        },
        "knowledge_base_ingestion": {
            "STARTING": None,
            "IN_PROGRESS": None,
            "STOPPING": None,
            "COMPLETE": Outcome.SUCCEEDED,
            "FAILED": Outcome.BROKEN,
            "STOPPED": Outcome.BROKEN,
        },
    }


BDA_STATES = {
    "Created": None,
    "InProgress": None,
    "Success": Outcome.SUCCEEDED,
    "ClientError": Outcome.REJECTED,
    "ServiceError": Outcome.BROKEN,
}

GOOD = {
    "name": "made_up",
    "title": "made-up job",
    "service": "s3",
    "start": "Start",
    "describe": "Get",
    "handle": ("id",),
    "status_at": ("status",),
    "pending": frozenset({"RUNNING"}),
    "succeeded": frozenset({"DONE"}),
}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": "Made Up"}, "lower case"),
        ({"handle": ()}, "must not be empty"),
        ({"pending": frozenset()}, "must not be empty"),
        ({"succeeded": frozenset()}, "never succeed"),
        ({"broken": frozenset({"DONE"})}, r"\['DONE'\] stand in two sets"),
        ({"poll_interval": 0}, "above 0"),
        ({"list_operation": "ListThem"}, "go together"),
        ({"listed_at": ("rows",)}, "go together"),
    ],
)
def test_a_wrong_declaration_fails_when_it_is_made(change, complaint):
    with pytest.raises(ValueError, match=complaint):
        JobKind(**{**GOOD, **change})


def test_an_unknown_or_missing_status_is_no_outcome():
    kind = JobKind(**GOOD)
    assert (kind.outcome("DONE"), kind.outcome("RUNNING"), kind.outcome("?"), kind.outcome(None)) == (
        Outcome.SUCCEEDED,
        None,
        None,
        None,
    )


def test_handle_comes_from_the_answer_first_and_from_the_request_else():
    kind = JobKind(**{**GOOD, "handle": ("library", "job"), "started_at": ("made",)})
    assert kind.handle_of({"library": "l", "job": "no"}, {"made": {"job": "j"}}) == {
        "library": "l",
        "job": "j",
    }
    with pytest.raises(ValueError, match="Start lacks job"):
        kind.handle_of({"library": "l"}, {"made": {}})


def test_error_words_may_be_a_list_and_may_be_missing():
    kind = JobKind(**{**GOOD, "error_type_at": ("e", "type"), "error_message_at": ("e", "words")})
    assert kind.error({"e": {"type": "T", "words": ["a", "b"]}}) == ("T", "a; b")
    assert kind.error({"e": "odd"}) == (None, None)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"status": "DONE"}, Outcome.SUCCEEDED),
        ({"status": "DONE", "files": {"lost": []}, "failed": 0}, Outcome.SUCCEEDED),
        ({"status": "DONE", "files": {"lost": ["a"]}}, Outcome.PARTIAL),
        ({"status": "DONE", "failed": 2}, Outcome.PARTIAL),
        ({"status": "RUNNING", "failed": 2}, None),
        ({"failed": 2}, None),
    ],
)
def test_a_success_in_which_items_failed_is_partial(answer, outcome):
    kind = JobKind(**{**GOOD, "flaws_at": (("files", "lost"), ("failed",))})
    assert kind.outcome_of(answer) is outcome
