"""Proven versions in SciCat: a fake built from its published API, over real HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from app.hooks.builtin.calls import CallFailed
from app.hooks.builtin.scicat import Scicat, ScicatConfig
from streamweave_sdk.hooks import PostAnswer, RetryLater
from streamweave_sdk.testing import ReaderOf, a_version, make_hook, try_post_hook
from tests.integration.fake_scicat import FakeSciCat
from tests.integration.receiver import LOOPBACK, Receiver, Reply, Request, receiving

FIELDS = {
    "owner": "Kim Lee", "owner_group": "group-a", "contact_email": "kim@example.org",
    "principal_investigator": "Kim Lee", "creation_location": "/Lab/{instrument}",
    "patterns": [{"name": "run", "template": "{sample}_{run:int}.raw"}],
    "keywords": ["{sample}", "{nothing}"], "sample_id": "{sample}", "proposal_id": "{nothing}",
}  # fmt: skip
CREDENTIALS = {"username": "ingestor", "password": "secret"}


@pytest.fixture
def scicat() -> FakeSciCat:
    return FakeSciCat()


@pytest.fixture
def server(scicat: FakeSciCat) -> Iterator[Receiver]:
    with receiving(answer=scicat) as receiver:
        yield receiver


def _config(server: Receiver, **more: Any) -> dict[str, Any]:
    signed = {} if "token" in more else CREDENTIALS
    return {"url": f"{server.url}/api/v3", **LOOPBACK, **FIELDS, **signed, **more}


def _register(
    server: Receiver, path: str = "a/gold_1.raw", facts: Any = None, **more: Any
) -> PostAnswer:
    return try_post_hook(Scicat, a_version(path, **(facts or {})), b"", _config(server, **more))


def test_a_version_becomes_a_dataset_with_its_file(scicat: FakeSciCat, server: Receiver) -> None:
    answer = _register(server)
    ((pid, dataset),) = scicat.datasets.items()
    assert answer.metadata == {"scicat_pid": pid}
    assert dataset["creationLocation"] == "/Lab/tem-2"
    assert (dataset["sourceFolder"], dataset["datasetName"]) == ("/tem-2/a", "gold_1.raw")
    assert (dataset["sampleId"], dataset["keywords"][0]) == ("gold", "gold")
    assert "proposalId" not in dataset
    assert dataset["scientificMetadata"]["run"] == {"value": 1, "unit": ""}
    (block,) = scicat.blocks.values()
    assert (block["datasetId"], block["chkAlg"]) == (pid, "sha256")
    assert block["dataFileList"] == [{
        "path": "gold_1.raw", "size": 1000, "time": "2026-05-20T12:00:00+00:00", "chk": "0" * 64,
    }]  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "20.500.12345"])
def test_a_repeat_leaves_one_dataset_and_one_file(
    scicat: FakeSciCat, server: Receiver, prefix: str
) -> None:
    first = _register(server, pid_prefix=prefix)
    assert _register(server, pid_prefix=prefix) == first
    assert (len(scicat.datasets), len(scicat.blocks)) == (1, 1)
    assert str(first.metadata["scicat_pid"]).startswith(prefix)


@pytest.mark.parametrize("failing", range(4))
def test_a_call_that_breaks_off_anywhere_is_completed_by_the_next(
    scicat: FakeSciCat, server: Receiver, failing: int
) -> None:
    steps = ["goes on"] * failing + ["breaks"]

    def breaks(request: Request) -> Reply:
        reply = scicat(request)  # it was done; only the answer is lost
        if request.target == "/api/v3/auth/login" or not steps:
            return reply
        return Reply(502) if steps.pop(0) == "breaks" else reply

    with receiving(answer=breaks) as broken:
        with pytest.raises(RetryLater, match="502"):
            _register(broken)
        _register(broken)
    assert (len(scicat.datasets), len(scicat.blocks)) == (1, 1)


def test_a_new_version_of_a_file_replaces_it_in_a_shared_dataset(
    scicat: FakeSciCat, server: Receiver
) -> None:
    more = {"dataset": "{instrument}/{folder}", "source_folder": "/data", "file_path": "{path}"}
    _register(server, "a/gold_1.raw", **more)
    _register(server, "a/gold_2.raw", **more)
    _register(server, "a/gold_1.raw", {"sha256": "1" * 64, "key": "second"}, **more)
    _register(server, "b/gold_1.raw", **more)
    assert len(scicat.datasets) == 2
    files = [(one["datasetId"], one["dataFileList"][0]["path"], one["dataFileList"][0]["chk"][0])
             for one in scicat.blocks.values()]  # fmt: skip
    assert [one[1:] for one in files] == [
        ("a/gold_1.raw", "1"), ("a/gold_2.raw", "0"), ("b/gold_1.raw", "0"),
    ]  # fmt: skip


def test_what_people_added_in_scicat_stays(scicat: FakeSciCat, server: Receiver) -> None:
    _register(server)
    (dataset,) = scicat.datasets.values()
    dataset["scientificMetadata"]["note"] = {"value": "bent grid", "unit": ""}
    dataset["scientificMetadata"]["run"]["value"] = 99
    _register(server)
    assert dataset["scientificMetadata"]["note"]["value"] == "bent grid"
    assert dataset["scientificMetadata"]["run"]["value"] == 1


def test_a_token_is_kept_and_fetched_again_when_it_ran_out(
    scicat: FakeSciCat, server: Receiver
) -> None:
    hook = make_hook(Scicat, _config(server))
    assert isinstance(hook, Scicat)
    for number in range(3):
        if number == 2:
            scicat.tokens.clear()
        hook.run(a_version(f"a/gold_{number}.raw", key=str(number)), ReaderOf())
    assert (scicat.logins, len(scicat.datasets)) == (2, 3)
    _register(server, "a/iron_1.raw", {"key": "own"}, token="token-2")
    assert scicat.logins == 2


def test_refusals_tell_their_cause(scicat: FakeSciCat, server: Receiver) -> None:
    with pytest.raises(CallFailed, match=r"sign-in answered 401"):
        _register(server, password="wrong")
    with pytest.raises(CallFailed, match=r"401"):
        _register(server, token="wrong")
    with pytest.raises(CallFailed, match=r"403.*Unauthorized to create"):
        _register(server, owner_group="others")
    with pytest.raises(CallFailed, match=r"400.*wrong values"):
        _register(server, contact_email="nobody")
    scicat.may_make_pids = False
    with pytest.raises(CallFailed, match=r"403"):
        _register(server, pid_prefix="20.500.12345")
    with receiving() as other, pytest.raises(CallFailed, match=r"no object|no JSON"):
        _register(other)
    assert scicat.datasets == {}


def test_a_pid_that_another_made_is_taken_up(scicat: FakeSciCat, server: Receiver) -> None:
    made = _register(server, pid_prefix="20.500.12345").metadata["scicat_pid"]
    hidden = dict(scicat.datasets)
    first = True

    def late(request: Request) -> Reply:
        nonlocal first
        if first and request.method == "GET":
            first = False
            scicat.datasets.clear()  # as if the other were between our question and our creation
            reply = scicat(request)
            scicat.datasets.update(hidden)
            return reply
        return scicat(request)

    with receiving(answer=late) as racing:
        again = _register(racing, pid_prefix="20.500.12345")
    assert again.metadata["scicat_pid"] == made
    assert len(scicat.datasets) == 1


def test_one_way_to_sign_in_is_needed_and_secrets_stay_hidden() -> None:
    base = {**FIELDS, "url": "https://scicat.example.org/api/v3"}
    for more in ({}, {"username": "x"}, {"token": "t", "username": "x", "password": "hush"}):
        with pytest.raises(ValidationError, match="either a token") as refused:
            ScicatConfig.model_validate({**base, **more})
        assert "hush" not in str(refused.value)
    assert "hush" not in repr(ScicatConfig.model_validate({**base, "token": "hush"}))
