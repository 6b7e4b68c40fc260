"""What an option of a storage location may be: its value goes into headers and mount rules."""

from pathlib import Path

import pytest

from app.config import Settings
from app.services.edits import InvalidField
from app.services.storage_rules import check_address


def checked(tmp_path: Path, **options: str) -> dict[str, str]:
    values = {"kind": "s3", "path": "archive", "service_account_id": "a", "options": options}
    found: dict[str, str] = check_address(values, Settings(_env_file=None, data=tmp_path))[
        "options"
    ]
    return found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kms_key", "alias/lab\n"),  # the end of a header
        ("kms_key", "clé"),
        ("region", "eu\r\nEvil: 1"),
        ("storage_class", ""),
        ("encryption", "AES256\n"),
        ("retain_days", "30\n"),
    ],
)
def test_what_is_no_value_is_refused_with_its_field(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(InvalidField) as refused:
        checked(tmp_path, **{"object_lock": "GOVERNANCE", name: value})
    assert refused.value.pointer == f"/options/{name}"


def test_usual_values_are_taken(tmp_path: Path) -> None:
    key = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab"
    options = {"region": "eu-west-1", "storage_class": "STANDARD_IA", "kms_key": key}
    assert checked(tmp_path, **options) == options
