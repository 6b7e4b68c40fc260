"""Access for owners: exact rules, and unknown owners shown."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.hooks.builtin.assign_access import AssignAccess
from streamweave_sdk.hooks import Access, PostAnswer, RetryLater
from streamweave_sdk.testing import a_version, try_post_hook

PATH = [{"name": "user folder", "template": "{user}/**"}]
MAP = {"name": "staff", "owner": "{user}", "emails": {"kim": ["kim@example.org"]}}
MADE = {"name": "made", "owner": "{user}", "email": "{user}@example.org"}


def _assign(path: str, *rules: dict[str, Any], **more: Any) -> PostAnswer:
    sidecars = more.pop("neighbours", {})
    config = {"patterns": PATH, "rules": rules, **more}
    return try_post_hook(AssignAccess, a_version(path), b"", config, sidecars)


def _emails(answer: PostAnswer) -> list[str]:
    return [one.email for one in answer.access]


def test_an_owner_in_the_map_gets_access_and_nothing_is_shown() -> None:
    answer = _assign("kim/a.raw", MAP, owner_as="owner")
    assert answer == PostAnswer(access=[Access(email="kim@example.org")], metadata={"owner": "kim"})


def test_an_owner_that_is_in_no_map_is_shown_and_nobody_gets_access() -> None:
    for path in ("lee/a.raw", "KIM/a.raw", "kim2/a.raw"):
        answer = _assign(path, MAP)
        assert answer.access == []
        assert (
            f"'{path.partition('/')[0]}' is unknown to the rule 'staff'" in answer.notices[0].text
        )
    assert _emails(_assign("KIM/a.raw", {**MAP, "ignore_case": True})) == ["kim@example.org"]


def test_the_first_rule_that_knows_the_owner_decides_or_all_do() -> None:
    group = {"name": "group", "owner": "{instrument}", "emails": {"tem-2": ["tem@example.org"]}}
    assert _emails(_assign("lee/a.raw", MAP, MADE)) == ["lee@example.org"]
    assert _emails(_assign("kim/a.raw", MAP, group)) == ["kim@example.org"]
    both = _assign("lee/a.raw", MAP, group, take="all")
    assert _emails(both) == ["tem@example.org"]
    assert "'lee' is unknown" in both.notices[0].text


@pytest.mark.parametrize("user", ["a b", "eve@evil.org", "x,y", "né", "a\nb", "<x>"])
def test_no_address_is_made_of_what_a_folder_should_not_say(user: str) -> None:
    answer = _assign(f"{user}/a.raw", MADE)
    assert answer.access == []
    assert "is unknown" in answer.notices[0].text


def test_made_addresses_stay_in_their_domains() -> None:
    rule = {"name": "mail", "owner": "{user}", "email": "{user}", "domains": ["example.org"]}
    assert _emails(_assign("kim@Example.org/a.raw", rule)) == ["kim@Example.org"]
    assert _emails(_assign("kim@evil.org/a.raw", rule)) == []


def test_an_owner_is_read_from_a_sidecar_and_waited_for() -> None:
    sidecar = {"paths": ["{stem}.json"], "fields": [{"name": "operator", "at": "who"}]}
    rule = {"name": "operators", "owner": "{operator}", "emails": {"Kim Lee": ["kim@example.org"]}}
    found = {"x/a.json": b'{"who": "Kim Lee"}'}
    answer = _assign("x/a.raw", rule, sidecars=[sidecar], neighbours=found)
    assert _emails(answer) == ["kim@example.org"]
    with pytest.raises(RetryLater, match=r"x/a\.json"):
        _assign("x/a.raw", rule, sidecars=[sidecar], when_missing="wait")
    texts = [one.text for one in _assign("x/a.raw", rule, sidecars=[sidecar]).notices]
    assert texts == ["No rule finds an owner: nobody got access.", "There is no sidecar x/a.json."]


def test_no_owner_is_shown_when_asked_for() -> None:
    assert _assign("a.raw", MAP).notices[0].text.startswith("No rule finds an owner")
    assert _assign("a.raw", MAP, no_owner="nothing") == PostAnswer()


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValidationError, match="either a map"):
        _assign("a", {"name": "x", "owner": "{user}"})
    with pytest.raises(ValidationError, match="no e-mail address"):
        _assign("a", {"name": "x", "owner": "{user}", "emails": {"kim": ["kim"]}})
