"""The guards, how each is switched off, and what then has to fail."""

from dataclasses import dataclass

_HARVEST = "backend/app/harvest/"
_STORE = "backend/app/harvest/store/"
_POSIX = "backend/app/transfers/posix.py"
_LAYOUT = "backend/app/transfers/layout.py"
_POSIX_BATCH = "backend/app/transfers/posix_batch.py"
_POSIX_FILES = "backend/app/transfers/posix_files.py"


@dataclass(frozen=True)
class Change:
    """A textual patch."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutation:
    """A guard switched off. `found_by`: `rounds KINDS N`, or `tests` and pytest's arguments."""

    name: str
    guard: str
    found_by: tuple[str, ...]
    changes: tuple[Change, ...]


def _one(name: str, guard: str, found_by: tuple[str, ...], change: Change) -> Mutation:
    return Mutation(name, guard, found_by, (change,))


MUTATIONS = (
    _one(
        "no-read-back",
        "what was read back is compared with what was received",
        ("rounds", "destination_bytes_changed", "1"),
        Change(
            _HARVEST + "prove.py",
            "if found.sha256 != proof.sha256 or found.size_bytes != proof.bytes_received:",
            "if False:",
        ),
    ),
    _one(
        "source-not-asked-again",
        "the source is asked again after the read",
        ("rounds", "file_rewritten_in_place", "2"),
        Change(
            _HARVEST + "prove.py",
            "elif answer != proof.copy.expected:",
            "elif False:",
        ),
    ),
    _one(
        "publish-overwrites",
        "a name is given by a step that fails if it exists",
        ("rounds", "kill_at_random", "1"),
        Change(
            _POSIX_FILES,
            "os.link(old, new, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)",
            "os.rename(old, new, src_dir_fd=directory, dst_dir_fd=directory)",
        ),
    ),
    _one(
        "adopt-anything-of-that-size",
        "what stands at the name is read and compared before it is adopted",
        ("rounds", "kill_at_random", "1"),
        Change(
            _HARVEST + "publish.py",
            "if found.sha256 == proof.sha256 and found.size_bytes == proof.bytes_received:",
            "if found.size_bytes == proof.bytes_received:",
        ),
    ),
    _one(
        "files-not-synced",
        "a batch is synced before its files get their names",
        ("tests", "tests/faults/test_sync_order.py"),
        Change(_POSIX_BATCH, "syncfs(self._anchor.root)\n", "pass\n"),
    ),
    _one(
        "names-not-synced",
        "the directory is synced before the copy is available",
        ("tests", "tests/faults/test_sync_order.py"),
        Change(
            _HARVEST + "publish.py",
            """    if done:
        await destination.sync_names([proof.copy.target for proof in done])
    crash_point("after_sync_names")""",
            """    crash_point("after_sync_names")""",
        ),
    ),
    _one(
        "write-may-be-short",
        "a short write is followed by the rest",
        ("rounds", "short_writes", "1"),
        Change(
            _POSIX_FILES,
            "    while view:\n        view = view[os.write(descriptor, view) :]",
            "    os.write(descriptor, view)",
        ),
    ),
    _one(
        "storage-not-recognised",
        "a storage location without its sentinel is not written to",
        ("rounds", "destination_unmounted,destination_vanished", "2"),
        Change(
            _POSIX,
            '        """Open one batch."""\n        await self.check_ready()\n',
            '        """Open one batch."""\n',
        ),
    ),
    _one(
        "torn-journal-line",
        "a journal line that was cut off does not swallow the next one",
        ("tests", "tests/faults/test_torn_journal.py"),
        Change(_POSIX_BATCH, '            lines = b"\\n" + lines\n', "            pass\n"),
    ),
    _one(
        "journal-not-read",
        "the journals are read before anything is planned",
        ("tests", "tests/integration/test_engine.py", "-k", "older_backup"),
        Change(
            _HARVEST + "look.py",
            "journal=journal.get((file.path_hash, file.incarnation)),",
            "journal=None,",
        ),
    ),
    _one(
        "breaker-off",
        "an empty listing marks nothing as gone",
        ("rounds", "listing_emptied", "2"),
        Change(
            _HARVEST + "breaker.py",
            "if known == 0 or listed >= known:",
            "if True:",
        ),
    ),
    _one(
        "lost-copies-stay-lost",
        "what a dead worker held is queued again",
        ("rounds", "kill_after_receive", "1"),
        Change(
            _HARVEST + "evidence.py",
            "lost = await claiming.reap_lost(session)",
            "lost = None",
        ),
    ),
    _one(
        "interrupted-copies-stay-interrupted",
        "what died while it was published is looked at",
        ("rounds", "kill_after_intent", "1"),
        Change(
            _HARVEST + "engine.py",
            "        if found.known:\n",
            "        if False:\n",
        ),
    ),
    _one(
        "recovered-without-a-look",
        "after a crash while publishing, names are looked at first",
        ("rounds", "kill_after_link,kill_after_sync_names", "2"),
        Change(
            _HARVEST + "publish.py",
            "if final is None and temporary is None:",
            "if True:",
        ),
    ),
    _one(
        "recovered-without-proof",
        "after a crash, what stands is read back before it counts",
        ("tests", "tests/faults/test_recovery_reads.py"),
        Change(
            _HARVEST + "publish.py",
            "        if found.sha256 != proof.sha256:\n",
            "        if False:\n",
        ),
    ),
    _one(
        "sweep-spares-nothing",
        "the sweep spares what is in flight or named by an intent",
        ("tests", "tests/faults/test_sweep.py"),
        Change(
            _HARVEST + "sweep.py",
            "if (copy_id, attempt) in spared or (copy_id, None) in spared:",
            "if False:",
        ),
    ),
    _one(
        "sweep-takes-strangers",
        "the sweep spares other installations' temporaries",
        ("rounds", "kill_after_file", "1"),
        Change(_LAYOUT, " or match[1] != installation[:8].encode():", ":"),
    ),
    _one(
        "scan-without-fence",
        "a stopped scanner that wakes up writes nothing",
        ("tests", "tests/faults/test_scan_fence.py"),
        Change(
            _STORE + "scanning.py",
            """    if found.scalar_one_or_none() is None:
        raise StreamWeaveError("lease_lost", "Another worker has taken over the scan.")""",
            "    found.scalar_one_or_none()",
        ),
    ),
    Mutation(
        "woken-worker-publishes",
        "a worker that was stopped asks for its claim before publishing, and is fenced by its row",
        ("tests", "tests/faults/test_leases.py", "-k", "sqlite and before_publishing"),
        (
            Change(
                _HARVEST + "batch.py",
                """        self._hold.ensure(self._settings.publish_timeout_seconds)
        done, failed""",
                "        done, failed",
            ),
            Change(
                _STORE + "proving.py",
                """            COPIES.c.lease_owner == owner,
            COPIES.c.state.in_(BEFORE_INTENT),
""",
                "",
            ),
            Change(
                _STORE + "proving.py",
                "        if row is None or row.attempt != copy.attempt:\n",
                "        if row is None:\n",
            ),
        ),
    ),
    _one(
        "available-without-fence",
        "only the holder of the attempt may say that a copy is available",
        ("tests", "tests/faults/test_leases.py", "-k", "sqlite and after_its_intent"),
        Change(
            _STORE + "proving.py",
            """        keys=["id", "attempt"],
        where=[Copy.state == CopyState.PUBLISHING],
        constants={
            "state": CopyState.AVAILABLE.value,""",
            """        keys=["id"],
        where=[],
        constants={
            "state": CopyState.AVAILABLE.value,""",
        ),
    ),
    _one(
        "hash-not-fixed",
        "a version's hash is fixed once, in the transaction of the first intent",
        ("tests", "tests/integration/test_engine_hard_cases.py", "-k", "equal_size_and_time"),
        Change(
            _STORE + "proving.py",
            "row.sha256 in (None, proof.sha256):\n            won",
            "True:\n            won",
        ),
    ),
    _one(
        "future-times-believed",
        "nothing waits for the time of a clock that was ahead",
        ("rounds", "clock_jumps", "2"),
        Change(_HARVEST + "engine.py", "        if was_set_back:", "        if False:"),
    ),
    _one(
        "attempts-not-proven",
        "the audit event of a batch covers each of its attempts",
        ("rounds", "kill_after_file", "1"),
        Change(
            _HARVEST + "evidence.py",
            "ports.merkle_root(attempts.leaves)",
            "ports.merkle_root(attempts.leaves[:1])",
        ),
    ),
    _one(
        "s3-writes-without-looking",
        "a storage that takes no notice of conditions is looked at before each write",
        ("rounds", "kill_at_random", "4"),
        Change(
            "backend/app/transfers/s3_batch.py",
            "if self.capabilities.overwriting is Overwriting.EXCLUSIVE_WRITER_ONLY:",
            "if False:",
        ),
    ),
    _one(
        "smb-replaces",
        "a name on a share is given by a request that fails if it exists",
        ("rounds", "kill_at_random", "7"),
        Change(
            "backend/app/transfers/smb_messages.py",
            'struct.pack("<B7xQI", 0, 0, len(text))',
            'struct.pack("<B7xQI", 1, 0, len(text))',
        ),
    ),
    _one(
        "adopted-without-its-size",
        "what is adopted has in its evidence how many bytes were read back",
        ("rounds", "storage_answer_lost", "4"),
        Change(
            _HARVEST + "publish.py",
            'proof.facts["read_back_bytes"] = found.size_bytes',
            "pass",
        ),
    ),
)
