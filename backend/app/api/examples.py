"""Examples of the OpenAPI document: whole ones of requests, single values of answers.

What would be a secret is a placeholder in angle brackets.
"""

from typing import Any

_ID = "0198b7c0-4f2a-7c31-9d55-2f6b8a1c0e77"
_PLACE = "0198b7c0-4f2a-7c31-9d55-2f6b8a1c0e78"
_SECRET = "<the account's secret>"
_PASSWORD = "<your password>"
_SMB: dict[str, Any] = {
    "protocol": "smb",
    "host": "tem2-pc.lab.example",
    "root": "data/2026",
    "service_account_id": _ID,
}
_SIGN_IN = {"e-mail and password": {"username": "ada@lab.example", "password": _PASSWORD}}

# operation id -> summary -> body
REQUESTS: dict[str, dict[str, Any]] = {
    "login": _SIGN_IN,
    "createBearerToken": _SIGN_IN,
    "createFirstAdmin": {
        "the first admin": {
            "code": "<the code that was printed>",
            "email": "ada@lab.example",
            "password": _PASSWORD,
        }
    },
    "createUser": {
        "a scientist": {
            "email": "ada@lab.example",
            "password": _PASSWORD,
            "display_name": "Ada L.",
        }
    },
    "changeUser": {"sign somebody out everywhere": {"is_active": False}},
    "changeMe": {
        "a dark page": {"preferences": {"theme": "dark"}},
        "a new password": {"password": _PASSWORD, "current_password": "<your present password>"},
    },
    "createToken": {"for a script, for a year": {
        "name": "nightly script", "expires_at": "2027-06-01T00:00:00Z",
    }},
    "createAccount": {
        "for a share": {"name": "reader of TEM-2", "username": "svc-tem2", "secret": _SECRET},
        "for S3: the two keys": {
            "name": "bucket reader",
            "username": "the access key's id",
            "secret": _SECRET,
            "secret_kind": "access_key",
        },
    },
    "changeAccount": {"a new secret": {"secret": _SECRET}},
    "createStorage": {
        "a local archive": {"name": "archive", "path": "/srv/archive"},
        "a bucket": {
            "name": "objects",
            "kind": "s3",
            "path": "lab-archive/raw",
            "url": "https://s3.lab.example",
            "options": {"region": "eu-central-1"},
            "service_account_id": _PLACE,
        },
        "a share": {
            "name": "filer",
            "kind": "cifs",
            "host": "filer.lab.example",
            "path": "archive/raw",
            "service_account_id": _PLACE,
        },
    },
    "drainStorage": {"to another one": {"to": _PLACE}},
    "retireStorage": {"a reason": {"reason": "replaced by archive-2"}},
    "changeStorage": {"another name": {"name": "archive-2026"}},
    "createInstrument": {
        "a share": {
            "name": "TEM-2",
            "slug": "tem-2",
            **_SMB,
            "quiet_hours": {"from": "08:00", "to": "18:00", "time_zone": "Europe/Berlin"},
            "storage": [{"storage_location_id": _PLACE}],
        },
        "a bucket": {
            "name": "Sequencer",
            "slug": "sequencer",
            "protocol": "s3",
            "url": "https://s3.lab.example",
            "root": "runs/nextseq",
            "options": {"provider": "Minio"},
            "service_account_id": _ID,
        },
    },
    "changeInstrument": {
        "longer quiet period": {"quiet_seconds": 600},
        "another host": {"host": "tem2-new.lab.example", "secret": _SECRET},
    },
    "checkDraft": {"a share": _SMB},
    "browseDraft": {"a folder of a share": {**_SMB, "path": "2026"}},
    "browseInstrument": {"a folder": {"path": "2026"}},
    "previewDraft": {
        "a share, two minutes without change": {
            **_SMB, "slug": "tem-2", "quiet_seconds": 120,
            "storage": [{"storage_location_id": _PLACE, "template": "{acquired:%Y}/{path}"}],
        },
    },
    "createSchedule": {
        "every night at two": {
            "instrument_id": _ID,
            "kind": "cron",
            "cron": "0 2 * * *",
            "time_zone": "Europe/Berlin",
        },
        "look every ten seconds": {"instrument_id": _ID, "kind": "watch", "rescan_seconds": 10},
    },
    "previewSchedule": {
        "every night at two": {"cron": "0 2 * * *", "time_zone": "Europe/Berlin"},
    },
    "changeSchedule": {"not now": {"enabled": False}},
    "createHook": {
        "leave temporary files": {
            "name": "No temporary files",
            "hook": "file-filter",
            "config": {"rules": [{"name": "temporary", "globs": ["*.tmp"]}]},
            "instrument_id": _ID,
        },
    },
    "testHook": {
        "a filter on past files": {
            "hook": "file-filter",
            "config": {"rules": [{"name": "temporary", "globs": ["*.tmp"]}]},
            "instrument_id": _ID,
        },
    },
    "changeFileMetadata": {
        "a better name of the sample": {
            "fields": {"sample": "lamella 7"}, "tags_added": ["calibrated"],
        },
    },
    "replayHooks": {
        "all that failed": {"failed": True},
        "what a hook would change": {"hook_id": _ID, "dry_run": True},
    },
    "changeHook": {"not now": {"enabled": False}},
    "retryTransfers": {
        "after rights were mended": {"error_code": "storage_permission_denied"},
    },
}  # fmt: skip

_SHA256 = "82c4485ea14780c5db8d1702d59e4b702a623b33be5b8f6bf235745c7530e5a9"
_COUNTS: dict[str, Any] = {
    "aim": 1, "attempt": 1, "audit_unsealed": 0, "broken_at": None, "copies_failed": 0,
    "failures": 0, "files": 804, "incarnation": 1, "latest_version": 1, "leaf_index": 0,
    "listings_held": 0, "mtime_ns": 1795417370000000000, "number": 1, "outbox_waiting": 0,
    "proven_version": 1, "refused_version": 0, "retried": 3, "revision": 4, "sealed": 1204,
    "secret_version": 1, "seq": 1204, "size_bytes": 125665, "storage_with_errors": 0,
    "unsealed": 0, "count": 12, "total": 214, "folders": 7, "retryable": 4, "copies": 214,
    "today_files": 214, "waiting_bytes": 88_000_000_000, "today_bytes": 1_204_332_001,
    "version_number": 1, "free_bytes": 812_000_000_000, "connections": 2,
    "port": 445, "bandwidth_bytes_per_second": 50_000_000, "latency_ms": 22.0,
    "quiet_seconds": 120.0, "jitter_seconds": 0.0, "rescan_seconds": 30.0, "shrink_ratio": 0.5,
}  # fmt: skip
_TEXTS: dict[str, Any] = {
    "action": "copies.proven",
    "actor": "worker:lab-1",
    "ark": "ark:99999/sw1n1pfbt3r790p7",
    "cause_code": "source_permission_denied",
    "cron": "0 2 * * *",
    "database": "postgresql",
    "description": "Transmission electron microscope in room 2.14",
    "dest_path": "tem-2/2026/grid_007.dm4",
    "detail": "There is no such thing, or you may not see it.",
    "display_name": "Ada L.",
    "email": "ada@lab.example",
    "error_code": "source_timeout",
    "error_detail": "tem2-pc.lab.example stopped answering.",
    "hash": _SHA256,
    "head": _SHA256,
    "host": "tem2-pc.lab.example",
    "identifier": "ark:99999/sw1n1pfbt3r790p7.v1",
    "incarnation_policy": "version",
    "instance": "/api/files/0198b7c0-4f2a-7c31-9d55-2f6b8a1c0e77",
    "instrument_name": "TEM-2",
    "listing_held_detail": "12 files instead of 5,210.",
    "name": "TEM-2",
    "path": "2026/grid_007.dm4",
    "pointer": "/host",
    "protocol": "smb",
    "reason": "The storage location is missing.",
    "reason_code": "storage_not_configured",
    "remedy": "Check the address, or ask an admin for access.",
    "request_id": "0198b7c0-0000-7000-8000-000000000000",
    "root": "data/2026",
    "secret_kind": "password",
    "sentence": "It is here: proven at 2 places.",
    "sha256": _SHA256,
    "slug": "tem-2",
    "storage_name": "Archive",
    "subject": "instrument:0198b7c0-4f2a-7c31-9d55-2f6b8a1c0e77",
    "time_zone": "Europe/Berlin",
    "title": "There is no such thing, or you may not see it.",
    "trigger": "schedule",
    "url": "https://s3.lab.example",
    "username": "svc-tem2",
    "version": "0.1.0",
    "worker": "lab-1",
    "zone": "main",
}
_OF_SCHEMA: dict[str, dict[str, Any]] = {
    "AttemptRead": {"outcome": "published"},
    "ExplanationRead": {"status": "available"},
    "Problem": {"status": 404},
    "HookRead": {"name": "No temporary files"},
    "HookScope": {"name": "No temporary files"},
    "HookType": {"description": "Takes files or leaves them out by name, size and age."},
    "RunRead": {"kind": "harvest", "state": "ended", "outcome": "completed"},
    "ScheduleRead": {"kind": "cron"},
    "StorageRead": {"kind": "posix", "name": "Archive", "path": "/srv/archive"},
    "OwnToken": {"kind": "session", "name": ""},
    "TokenRead": {"kind": "token", "name": "nightly script"},
    "TokenCreated": {"kind": "token", "name": "nightly script"},
    "VerificationRead": {"broken_batch": None},
    "WorkerRead": {"name": "lab-1"},
    "ServiceAccountRead": {"name": "reader of TEM-2"},
}
_STATE: dict[str, Any] = {"state": "available", "status": "available"}


def answer_example(schema: str, field: str) -> list[Any]:
    """Return the examples of one field of an answer: one, or none when its type says enough."""
    for known in (_OF_SCHEMA.get(schema, {}), _STATE, _TEXTS, _COUNTS):
        if field in known:
            return [known[field]]
    return []
