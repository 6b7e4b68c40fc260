"""The one catalogue of errors: code, class, HTTP status, cause, remedy.

Every failure that a person or a program can see is an entry here. Code raises
`StreamWeaveError(code, detail)`; who may retry asks `error.retryable`, never the text.
"""

from dataclasses import dataclass
from enum import StrEnum


class ErrorClass(StrEnum):
    """Who has to act on an error."""

    TRANSIENT = "transient"  # nobody: it is tried again with back-off
    PERMANENT = "permanent"  # a person: trying again changes nothing
    SOURCE_CHANGED = "source_changed"  # nobody: the file goes back to observation
    CONFLICT = "conflict"  # a person decides between two contents
    CONFIGURATION = "configuration"  # an admin: a setting or credential is wrong
    REQUEST = "request"  # the caller of the API


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue. `status` is the HTTP status when the API answers with it."""

    code: str
    error_class: ErrorClass
    status: int
    title: str
    remedy: str


class StreamWeaveError(Exception):
    """A catalogued failure. `detail` says what happened this time, without any secret."""

    def __init__(self, code: str, detail: str = "") -> None:
        self.entry = CATALOGUE[code]
        self.detail = detail or self.entry.title
        super().__init__(f"{code}: {self.detail}")

    @property
    def code(self) -> str:
        """The stable code of the catalogue entry."""
        return self.entry.code

    @property
    def error_class(self) -> ErrorClass:
        """Who has to act."""
        return self.entry.error_class

    @property
    def retryable(self) -> bool:
        """Whether the same work may be tried again without a person."""
        return self.entry.error_class is ErrorClass.TRANSIENT


_T, _P, _S = ErrorClass.TRANSIENT, ErrorClass.PERMANENT, ErrorClass.SOURCE_CHANGED
_X, _C, _R = ErrorClass.CONFLICT, ErrorClass.CONFIGURATION, ErrorClass.REQUEST

_ENTRIES = (
    # --- reaching a source -------------------------------------------------------------------
    Entry("source_unreachable", _T, 503, "The instrument's server does not answer.",
          "Check that the instrument PC is on and that host and port are right."),
    Entry("source_host_unknown", _T, 503, "The instrument's host name is not known.",
          "Check the host name, or use its IP address."),
    Entry("source_timeout", _T, 504, "The instrument's server stopped answering.",
          "Nothing to do: it is tried again. If it stays, look at the instrument PC."),
    Entry("source_connection_lost", _T, 503, "The connection broke while the file was read.",
          "Nothing to do: it is tried again."),
    Entry("source_logon_failed", _C, 502, "The server refused the service account.",
          "Correct user name or secret of the service account; nothing is tried until then, so "
          "that the account is not locked out."),
    Entry("source_account_paused", _C, 409, "The account is paused after a refused log-on.",
          "Save the service account with the right secret, or test the connection once."),
    Entry("source_host_key_mismatch", _C, 502, "The server showed another host key.",
          "Somebody may be in between. Compare the key with the server's owner, then save the "
          "new key on the instrument."),
    Entry("source_share_missing", _C, 502, "The share or bucket does not exist.",
          "Check the share's name in the instrument's root path."),
    Entry("source_folder_missing", _C, 502, "The folder does not exist on the source.",
          "Check the instrument's root path, or whether the folder was renamed."),
    Entry("source_permission_denied", _P, 502, "The account may not read this.",
          "Give the service account the right to read, then retry."),
    Entry("source_file_missing", _S, 404, "The file is no longer on the source.",
          "Nothing to do: it is looked for again at the next scan."),
    Entry("source_file_changed", _S, 409, "The file changed while it was read.",
          "Nothing to do: it is observed again until it is complete."),
    Entry("instrument_quiet", _C, 409, "The instrument is in its quiet hours.",
          "Nothing to do: it goes on when they end."),
    Entry("instrument_busy", _T, 503, "Other workers use all connections of the instrument.",
          "Nothing to do: it goes on when one is free. More connections can be set on the "
          "instrument."),
    Entry("source_name_unreadable", _P, 422, "The name cannot be carried by the protocol.",
          "Rename the file on the instrument: its name has characters that cannot be decoded."),
    Entry("source_name_unsafe", _P, 422, "The name could leave its folder.",
          "Rename the file on the instrument; names with '..' or NUL are refused."),
    Entry("source_time_invalid", _P, 422, "The file's time or size cannot be stored.",
          "Correct the file's time on the instrument: it is before 1677 or after 2262."),
    Entry("source_name_reserved", _P, 422, "Names beginning with '.streamweave' are reserved.",
          "Rename the file on the instrument."),
    Entry("source_protocol_mismatch", _C, 502, "The server speaks another protocol than the mover.",
          "Install the program that the detail names on the server, or a newer one (rsync 3.1 or "
          "newer), or choose another mover."),
    Entry("source_error", _T, 502, "The source answered with an error that is not catalogued.",
          "It is tried again; if it stays, report the detail."),
    Entry("listing_shrunken", _C, 409, "The listing is empty or much smaller than the last one.",
          "Check that the share is mounted, not renamed and fully readable. Then confirm the "
          "listing on the instrument; no file was marked as gone."),
    # --- storage -----------------------------------------------------------------------------
    Entry("storage_unreachable", _C, 503, "The storage location is not there.",
          "Mount it or correct its path: the sentinel file is missing."),
    Entry("storage_stalled", _T, 504, "The storage location stopped answering.",
          "Look at its server or mount: calls to it do not come back. It is tried again."),
    Entry("storage_logon_failed", _C, 502, "The storage refused the service account.",
          "Correct user name or secret of the service account; nothing is tried until then, so "
          "that the account is not locked out."),
    Entry("storage_account_paused", _C, 409, "The storage's account is paused after a refused "
          "log-on.",
          "Save the service account with the right secret, or test the storage location once."),
    Entry("storage_host_unknown", _T, 503, "The storage's host name is not known.",
          "Check the host name or address of the storage location, or use its IP address."),
    Entry("storage_host_key_mismatch", _C, 502, "The storage's server showed another host key.",
          "Somebody may be in between. Compare the key with the server's owner, then save the "
          "new key on the storage location."),
    Entry("storage_share_missing", _C, 502, "The share, bucket or folder does not exist.",
          "Create it, or correct the path of the storage location."),
    Entry("storage_busy", _T, 503, "The storage's server takes no more connections now.",
          "Nothing to do: it is tried again. If it stays, raise the bound that the detail names "
          "('max connections' of an rsync module)."),
    Entry("storage_unsuitable", _C, 502, "The storage's server cannot do what delivering needs.",
          "Follow the detail; docs/storage.md says what each kind of server must be able to do."),
    Entry("storage_program_missing", _C, 503, "A program that the storage needs is missing here.",
          "Install it on the machines of the workers and of the API: rsync 3.2.4 or newer for "
          "storage of the kind rsync."),
    Entry("storage_region_wrong", _C, 502, "The bucket is in another region.",
          "Correct the region of the storage location; the detail names the right one."),
    Entry("storage_clock_skewed", _T, 502, "The storage refuses our clock.",
          "Set the clock of this machine (NTP); signatures are refused when it is minutes off."),
    Entry("storage_connection_lost", _T, 503, "The connection to the storage broke.",
          "Nothing to do: it is tried again."),
    Entry("storage_not_mounted", _C, 503, "Nothing is mounted at the storage's path.",
          "Mount the file system. Nothing was written to the folder below the mount point."),
    Entry("storage_file_locked", _T, 423, "Somebody has the file open at the storage.",
          "Nothing to do: it is tried again. If it stays, close the program that has it open."),
    Entry("origin_unreadable", _T, 502, "The proven copy that it is filled from cannot be read.",
          "It is tried again. Look at the health of the storage location that has the copy."),
    Entry("template_invalid", _R, 422, "This path template cannot be used.",
          "Follow the detail; docs/storage.md lists the fields."),
    Entry("storage_object_missing", _P, 404, "The copy is not where it was put.",
          "Somebody moved or removed it at the storage. Look at the file's other copies."),
    Entry("storage_full", _T, 507, "The storage location is full.",
          "Free space or enlarge it; the copies wait and go on by themselves."),
    Entry("storage_permission_denied", _C, 502, "StreamWeave may not write there.",
          "Give the user of the StreamWeave worker the right to write below the path."),
    Entry("storage_read_only", _C, 502, "The storage location is mounted read-only.",
          "Mount it for writing."),
    Entry("storage_name_refused", _P, 422, "The storage location cannot hold this name.",
          "Shorten or rename the file on the instrument, or choose another storage location."),
    Entry("storage_error", _T, 502, "Writing to the storage location failed.",
          "It is tried again; if it stays, look at the storage's health."),
    Entry("storage_unsafe_path", _C, 502, "The path leads through a link out of the storage.",
          "Remove the symbolic link inside the storage location."),
    Entry("read_back_mismatch", _T, 502, "What was read back differs from what was received.",
          "It is tried again. If it comes back, the disk or its controller is failing."),
    Entry("read_back_not_enough", _C, 409, "The copy was read back, but not as the policy asks.",
          "Accept it in the instrument's storage policy, or mend what keeps the storage from a "
          "better one; docs/storage.md says what each kind can give."),
    Entry("destination_conflict", _X, 409, "Other content stands at the destination's path.",
          "Look at both files; move the one that stands there away, then retry."),
    Entry("destination_taken", _X, 409, "Another file of StreamWeave owns this destination path.",
          "Rename one of the two on the instrument; on this storage their names are the same."),
    # --- movers ------------------------------------------------------------------------------
    Entry("mover_unknown", _C, 409, "The instrument's mover is not installed.",
          "Install it on the workers and on the API's machine, or choose another mover."),
    Entry("mover_unavailable", _C, 503, "The mover cannot work on this worker.",
          "Follow the detail: a program or a library is missing on the worker's machine."),
    Entry("mover_unsuitable", _R, 422, "This mover cannot reach this source.",
          "Follow the detail, or choose another mover; docs/transfers.md says what each needs."),
    Entry("mover_error", _T, 502, "The mover failed with an error that is not catalogued.",
          "It is tried again; if it stays, report the detail to the mover's author."),
    Entry("flight_no_file", _C, 409, "No file of the instrument is complete yet.",
          "Let the instrument write a file and wait for its quiet time, then fly again. Everything "
          "before this station worked."),
    Entry("globus_consent_required", _C, 403, "Globus asks for a consent.",
          "Give the client's application the consent for the collection in Globus, then test the "
          "connection."),
    Entry("globus_session_expired", _C, 403, "Globus asks for a new log-on at the collection.",
          "Renew the session or credential of the client at the named collection in Globus; its "
          "task goes on then."),
    Entry("globus_endpoint_paused", _C, 503, "The collection is paused by whoever runs it.",
          "Ask the collection's administrator; the task goes on by itself when it is resumed."),
    Entry("globus_throttled", _T, 429, "Globus asks for fewer requests.",
          "Nothing to do: it goes on a little later."),
    Entry("globus_task_failed", _T, 502, "Globus's task ended without this file.",
          "It is tried again with a new task. If it stays, look at the task in Globus."),
    Entry("landing_full", _T, 507, "The worker has no room for what the mover brings.",
          "Free space below STREAMWEAVE_DATA on the worker; the files wait and go on by "
          "themselves."),
    # --- work --------------------------------------------------------------------------------
    Entry("lost_repeatedly", _P, 500, "The worker died three times while it had this file alone.",
          "Look at the worker's log for a crash or lack of memory, then retry."),
    Entry("too_many_open_files", _T, 503, "The worker may not open more files.",
          "Raise the limit of open files (ulimit -n) of the worker."),
    Entry("storage_not_configured", _C, 409, "The instrument has no storage location.",
          "Give the instrument a storage policy."),
    Entry("lease_lost", _T, 409, "The worker was stopped too long and lost its claim.",
          "Nothing to do: another worker goes on."),
    Entry("attempts_used_up", _P, 502, "All attempts failed.",
          "Mend the cause of the last attempt, then retry."),
    Entry("superseded", _S, 409, "The source changed before this copy was made.",
          "Nothing to do: a later version has the file."),
    Entry("zone_not_served", _C, 409, "No worker serves both ends of this transfer.",
          "Start a worker for the zone, or correct the zone."),
    Entry("rclone_unavailable", _T, 503, "The rclone daemon does not answer.",
          "Nothing to do: the worker restarts it."),
    Entry("orchestrator_unreachable", _T, 503, "Prefect's server does not answer.",
          "Nothing is lost: runs start when it is back. Look at System for its address."),
    Entry("internal_error", _T, 500, "Something unexpected went wrong.",
          "Report the request id or the attempt's detail."),
    # --- hooks -------------------------------------------------------------------------------
    Entry("hook_failed", _T, 502, "A hook failed for this file.",
          "It is tried again. If it stays, read the hook's log and mend it, or set it to 'warn'."),
    Entry("hook_timed_out", _T, 504, "A hook did not answer in time.",
          "It is tried again. If it stays, mend the hook or give it more time."),
    Entry("hook_crashed", _T, 502, "A hook's process ended, or answered nonsense.",
          "It is tried again. If it stays, mend the hook; it may need more memory."),
    Entry("hook_later", _T, 503, "A hook waits for something and asks to be asked again.",
          "Nothing to do: it is asked again. The hook's log says what it waits for."),
    Entry("hook_stopped", _C, 409, "A hook stopped itself: what it calls wants no more.",
          "Once settled, save its configuration or switch it on; what waits is asked then."),
    Entry("hook_not_startable", _C, 500, "A hook cannot be started.",
          "Follow the detail: it is not installed, or its configuration does not fit it any more."),
    Entry("hook_storage_unknown", _C, 409, "A hook sends a file to a storage location that is not "
          "there.", "Correct the hook's configuration, or activate the storage location."),
    Entry("hook_path_unsafe", _C, 422, "A hook makes a path that cannot be used.",
          "Correct the hook: a path has no empty part, no '..' and no name of StreamWeave's own."),
    Entry("hook_redirects_disagree", _C, 409, "Two hooks send a file to different places.",
          "Narrow one of the two, so that only one of them decides about this file."),
    Entry("sdk_not_offered", _R, 404, "This server cannot offer the wheel of the SDK.",
          "Install streamweave-sdk from the checkout of this version, or ask the operator: the "
          "sources of the SDK are not beside this server."),
    Entry("hook_unknown", _R, 422, "There is no such hook in this installation.",
          "Install it, or put its script into STREAMWEAVE_HOOKS_FOLDER."),
    Entry("hook_config_invalid", _R, 422, "The configuration does not fit the hook's schema.",
          "Correct the named fields."),
    # --- requests ----------------------------------------------------------------------------
    Entry("not_found", _R, 404, "There is no such thing, or you may not see it.",
          "Check the address, or ask an admin for access."),
    Entry("not_signed_in", _R, 401, "You are not signed in.", "Sign in, or send a valid token."),
    Entry("sign_in_refused", _R, 400, "E-mail or password is wrong.", "Check both and try again."),
    Entry("too_many_attempts", _R, 429, "Too many attempts to sign in.",
          "Wait as long as Retry-After says, then try again."),
    Entry("not_allowed", _R, 403, "Only an admin may do this.", "Ask an admin."),
    Entry("csrf_failed", _R, 403, "The request lacks the page's CSRF token.",
          "Send the cookie's value in the header X-CSRF-Token, or use a bearer token."),
    Entry("invalid_request", _R, 422, "The request is not valid.", "Correct the named fields."),
    Entry("method_not_allowed", _R, 405, "This address does not know the method.",
          "See the OpenAPI document."),
    Entry("name_taken", _R, 409, "The name is used already.", "Choose another name."),
    Entry("in_use", _R, 409, "It is still used.", "Remove what uses it first."),
    Entry("edit_conflict", _R, 412, "Somebody changed it since you read it.",
          "Read it again, then repeat your change."),
    Entry("if_match_required", _R, 428, "An edit needs the version that you read.",
          "Send the ETag of your last read in If-Match."),
    Entry("cursor_invalid", _R, 400, "The cursor does not fit this list.",
          "Start again without a cursor."),
    Entry("cron_invalid", _R, 422, "This is no cron expression.",
          "Use five fields, for example '0 2 * * *' for every night at two."),
    Entry("time_zone_unknown", _R, 422, "This time zone is not known.",
          "Use a name like Europe/Berlin."),
    Entry("zone_unknown", _R, 422, "No worker serves this zone.",
          "Start a worker for it, or use zone 'main'."),
    Entry("path_not_allowed", _R, 422, "This path is outside the allowed roots.",
          "Choose a path below STREAMWEAVE_LOCAL_ROOTS, never the data directory."),
    Entry("secret_required", _R, 422, "The stored secret is needed again.",
          "Type the secret: it would be sent to an address that nobody confirmed yet."),
    Entry("setup_code_invalid", _R, 403, "The one-time code is wrong or used.",
          "Use the code that 'streamweave up' prints."),
    Entry("idempotency_mismatch", _R, 422, "The Idempotency-Key was used for something else.",
          "Use a new key."),
    Entry("no_proven_copy", _R, 409, "There is no proven copy that can be read now.",
          "Wait until it is available; 'explain' says where it stands."),
    Entry("copy_differs", _P, 502, "The copy is not what was proven.",
          "Somebody changed it at the storage. Look at the file's other copies."),
    Entry("range_not_satisfiable", _R, 416, "The file has no such bytes.",
          "Ask for a range within its size, which Content-Range tells."),
    Entry("not_retryable", _R, 409, "Only failed and conflicting copies can be retried.",
          "Look at the copy's state."),
    Entry("run_ended", _R, 409, "The run has ended already.", "Nothing to cancel."),
    Entry("secret_unreadable", _C, 500, "The stored secret cannot be decrypted.",
          "Put the old key back into STREAMWEAVE_SECRET_KEYS, or save the secret again."),
    Entry("settings_unsafe", _C, 500, "A setting is not safe in production.",
          "Follow the message, then start again."),
    Entry("database_not_migrated", _C, 500, "The database has an older schema.",
          "Run 'streamweave migrate'."),
    Entry("data_directory_unsuitable", _C, 500, "SQLite cannot live on this file system.",
          "Use a local disk for the data directory, or PostgreSQL."),
)  # fmt: skip

CATALOGUE: dict[str, Entry] = {entry.code: entry for entry in _ENTRIES}
