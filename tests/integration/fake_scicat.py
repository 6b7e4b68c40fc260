"""A SciCat in memory, built from its published API (v3): fields, refusals, rights, conflicts."""

import json
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.integration.receiver import Reply, Request

_OWNABLE = {"ownerGroup": True, "accessGroups": False, "instrumentGroup": False}
RAW_DATASET = {
    **_OWNABLE, "pid": False, "type": True, "owner": True, "ownerEmail": False,
    "orcidOfOwner": False, "contactEmail": True, "sourceFolder": True, "sourceFolderHost": False,
    "size": False, "packedSize": False, "numberOfFiles": False, "numberOfFilesArchived": False,
    "creationTime": True, "validationStatus": False, "keywords": False, "description": False,
    "datasetName": False, "classification": False, "license": False, "isPublished": False,
    "techniques": False, "sharedWith": False, "relationships": False, "datasetlifecycle": False,
    "scientificMetadata": False, "comment": False, "dataQualityMetrics": False,
    "principalInvestigator": True, "endTime": False, "creationLocation": True,
    "dataFormat": False, "proposalId": False, "sampleId": False, "instrumentId": False,
}  # fmt: skip
BLOCK = {**_OWNABLE, "datasetId": True, "size": True, "chkAlg": False, "dataFileList": True}
DATA_FILE = {"path": True, "size": True, "time": True, "chk": False, "uid": False, "gid": False,
             "perm": False}  # fmt: skip


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _check(body: Any, fields: dict[str, bool], partial: bool = False) -> None:
    unknown = sorted(set(body) - set(fields))
    missing = sorted(n for n, needed in fields.items() if needed and n not in body and not partial)
    if unknown or missing:
        raise Refused(400, f"unknown {unknown}, missing {missing}")


class FakeSciCat:
    """Answers as SciCat does; `user` may create for `groups`, with pids where `may_make_pids`."""

    def __init__(self, *, may_make_pids: bool = True) -> None:
        self.datasets: dict[str, dict[str, Any]] = {}
        self.blocks: dict[str, dict[str, Any]] = {}
        self.tokens: set[str] = {"given-token"}
        self.logins = 0
        self.groups = {"group-a"}
        self.may_make_pids = may_make_pids

    def __call__(self, request: Request) -> Reply:
        """Answer one request."""
        try:
            status, told = self._answer(request)
        except Refused as refused:
            status, told = refused.status, {"statusCode": refused.status, "message": str(refused)}
        return Reply(status, json.dumps(told).encode(), {"content-type": "application/json"})

    def _answer(self, request: Request) -> tuple[int, Any]:
        parts = urlsplit(request.target)
        assert parts.path.startswith("/api/v3/")
        steps = [unquote(one) for one in parts.path.removeprefix("/api/v3/").split("/")]
        body: Any = json.loads(request.body) if request.body else None
        if (request.method, steps) == ("POST", ["auth", "login"]):
            return self._login(body)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise Refused(401, "Unauthorized")
        query = parse_qs(parts.query)
        where = json.loads(query["filter"][0])["where"] if "filter" in query else {}
        kept = {"datasets": self.datasets, "origdatablocks": self.blocks}[steps[0]]
        match request.method, len(steps):
            case "GET", 1:
                return 200, [one for one in kept.values() if _fits(one, where)][:2]
            case "POST", 1:
                return 201, self._dataset(body) if steps[0] == "datasets" else self._block(body)
            case "PATCH", 2:
                if steps[1] not in kept:
                    raise Refused(404, "not found")
                _check(body, RAW_DATASET if steps[0] == "datasets" else BLOCK, partial=True)
                kept[steps[1]].update(body)
                return 200, kept[steps[1]]
        raise Refused(404, f"Cannot {request.method} {request.target}")

    def _login(self, body: Any) -> tuple[int, Any]:
        if body != {"username": "ingestor", "password": "secret"}:
            raise Refused(401, "Unauthorized")
        self.logins += 1
        token = f"token-{self.logins}"
        self.tokens.add(token)
        return 201, {"access_token": token, "id": token, "expires_in": 3600, "userId": "1"}

    def _dataset(self, body: Any) -> Any:
        _check(body, RAW_DATASET)
        if body["type"] != "raw" or "@" not in body["contactEmail"]:
            raise Refused(400, "wrong values")
        if body["ownerGroup"] not in self.groups or ("pid" in body and not self.may_make_pids):
            raise Refused(403, "Unauthorized to create this dataset")
        pid = body.get("pid") or f"20.500/{len(self.datasets)}"
        if pid in self.datasets:
            raise Refused(409, "A dataset with this this unique key already exists!")
        self.datasets[pid] = {**body, "pid": pid, "createdBy": "ingestor"}
        return self.datasets[pid]

    def _block(self, body: Any) -> Any:
        _check(body, BLOCK)
        for file in body["dataFileList"]:
            _check(file, DATA_FILE)
        if body["datasetId"] not in self.datasets:
            raise Refused(404, "Dataset not found for attaching an origdatablock")
        id_ = f"block-{len(self.blocks)}"
        self.blocks[id_] = {**body, "_id": id_}
        return self.blocks[id_]


def _fits(one: dict[str, Any], where: dict[str, Any]) -> bool:
    """Compare as MongoDB does: a list fits when one of its members does."""
    for name, wanted in where.items():
        values = [one.get(name)]
        if name == "dataFileList.path":
            values = [file["path"] for file in one["dataFileList"]]
        elif isinstance(one.get(name), list):
            values = one[name]
        if wanted not in values:
            return False
    return True
