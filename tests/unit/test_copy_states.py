"""The table of moves, and the pure decisions that choose among them."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.clock import utcnow
from app.errors import CATALOGUE, ErrorClass, StreamWeaveError
from app.harvest.breaker import MIN_FILES, judge_listing
from app.harvest.plan import (
    Destination,
    Latest,
    NewVersion,
    Nothing,
    Reaim,
    SettledFile,
    destination_path,
    plan_file,
)
from app.harvest.retry import UNCOUNTED, RetryPolicy, decide
from app.harvest.settle import QuietTime, Seen
from app.harvest.states import ALLOWED, sources_of
from app.harvest.store.claiming import MAX_LONE_LOSSES
from app.models import CopyState
from app.transfers.base import FileFacts

S = CopyState
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
POLICY = RetryPolicy()
FINAL = {state for state in S if state.is_final}
MOVING = set(S) - FINAL
IN_FLIGHT = {S.TRANSFERRING, S.PROVING, S.PUBLISHING}
ENGINE_CODES = [c for c, e in CATALOGUE.items() if e.error_class is not ErrorClass.REQUEST]
codes = st.sampled_from(ENGINE_CODES)
facts = st.builds(FileFacts, st.integers(0, 1 << 62), st.integers(0, 1 << 62))
names = st.binary(min_size=1, max_size=20).filter(lambda n: b"/" not in n and b"\0" not in n)
paths = st.lists(names, min_size=1, max_size=3).map(b"/".join)


class CopyMachine(RuleBasedStateMachine):
    """A copy as the engine moves it; every move is checked against the table."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.failures, self.losses, self.batch = S.QUEUED, 0, 0, 200
        self.parked = False  # queued, until its file was observed again

    def move(self, to: CopyState) -> None:
        assert to in ALLOWED[self.state], f"{self.state} -> {to}"
        self.state = to

    @precondition(lambda self: self.state in (S.QUEUED, S.RETRY_WAIT) and not self.parked)
    @rule()
    def claim(self) -> None:
        self.move(S.TRANSFERRING)

    @precondition(lambda self: self.state is S.TRANSFERRING)
    @rule()
    def prove(self) -> None:
        self.move(S.PROVING)

    @precondition(lambda self: self.state is S.PROVING)
    @rule()
    def intend(self) -> None:
        self.move(S.PUBLISHING)

    @precondition(lambda self: self.state is S.PUBLISHING)
    @rule()
    def publish(self) -> None:
        self.move(S.AVAILABLE)

    @precondition(lambda self: self.state in IN_FLIGHT)
    @rule(code=codes)
    def fail(self, code: str) -> None:
        decision = decide(StreamWeaveError(code), self.failures, POLICY, NOW)
        assert decision.failures - self.failures in (0, 1)
        self.move(decision.state)
        self.failures, self.batch = decision.failures, 200
        self.parked = decision.observe_again

    @precondition(lambda self: self.state in (S.TRANSFERRING, S.PROVING))
    @rule()
    def die(self) -> None:
        self.losses += self.batch <= 1
        self.batch = max(1, self.batch // 2)
        self.move(S.FAILED if self.losses >= MAX_LONE_LOSSES else S.QUEUED)

    @precondition(lambda self: self.state is S.PUBLISHING)
    @rule()
    def die_publishing(self) -> None:
        self.move(S.PUBLISHING)

    @precondition(lambda self: self.parked)
    @rule()
    def observed_again(self) -> None:
        self.parked = False

    @precondition(lambda self: self.state in (S.FAILED, S.CONFLICT))
    @rule()
    def a_person_retries(self) -> None:
        self.move(S.QUEUED)
        self.failures = self.losses = 0
        self.batch = 200

    @precondition(lambda self: self.state in (S.QUEUED, S.RETRY_WAIT, S.FAILED, S.CONFLICT))
    @rule()
    def a_newer_version_has_the_file(self) -> None:
        self.move(S.SUPERSEDED)
        self.parked = False

    @precondition(lambda self: self.state is S.AVAILABLE)
    @rule(found=st.sampled_from([S.DAMAGED, S.MISSING]))
    def fixity_finds(self, found: CopyState) -> None:
        self.move(found)

    @precondition(lambda self: self.state in (S.DAMAGED, S.MISSING))
    @rule()
    def it_is_repaired(self) -> None:
        self.move(S.QUEUED)

    @precondition(lambda self: self.state is S.SUPERSEDED)
    @rule()
    def it_stays(self) -> None:
        assert not ALLOWED[self.state]

    @invariant()
    def failures_are_bounded(self) -> None:
        assert self.failures <= POLICY.max_attempts
        if self.state in MOVING:
            assert self.failures < POLICY.max_attempts
            assert self.losses < MAX_LONE_LOSSES


TestCopyMachine = CopyMachine.TestCase
TestCopyMachine.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_every_moving_state_can_end_and_nothing_moves_into_nowhere() -> None:
    assert set(ALLOWED) == set(S)
    for start in MOVING:
        seen, todo = {start}, [start]
        while todo:
            for target in ALLOWED[todo.pop()] - seen:
                seen.add(target)
                todo.append(target)
        assert S.AVAILABLE in seen
        assert seen & FINAL


def test_available_is_reached_from_an_intent_or_from_fixity_alone() -> None:
    assert set(sources_of(S.AVAILABLE)) == {"publishing", "damaged", "missing"}
    assert set(sources_of(S.PUBLISHING)) == {"transferring", "proving", "publishing"}


def test_final_states_move_to_work_only_by_a_person_or_a_repair() -> None:
    for state in FINAL:
        assert ALLOWED[state] & MOVING <= {S.QUEUED}
    assert ALLOWED[S.AVAILABLE] & MOVING == set()
    assert ALLOWED[S.SUPERSEDED] == ALLOWED[S.REMOVED] == set()


@given(st.sampled_from(list(S)))
def test_sources_of_is_the_inverse_of_the_table(target: CopyState) -> None:
    assert set(sources_of(target)) == {
        s.value for s, targets in ALLOWED.items() if target in targets
    }


# --- retry ---------------------------------------------------------------------------------------


@given(codes, st.integers(0, 20))
def test_a_failure_leads_to_a_state_that_every_state_in_flight_may_take(
    code: str, failures: int
) -> None:
    decision = decide(StreamWeaveError(code), failures, POLICY, NOW)
    assert decision.state in ALLOWED[S.TRANSFERRING] & ALLOWED[S.PUBLISHING]
    assert (decision.due_at is not None) == (decision.state is S.RETRY_WAIT)
    if decision.due_at is not None:
        assert (
            NOW
            < decision.due_at
            <= NOW + timedelta(seconds=max(POLICY.cap_seconds, POLICY.hold_cap_seconds))
        )


@pytest.mark.parametrize("code", ENGINE_CODES)
def test_only_transient_errors_use_up_attempts(code: str) -> None:
    error, failures = StreamWeaveError(code), 0
    for _ in range(50):
        decision = decide(error, failures, POLICY, NOW)
        if decision.state is not S.RETRY_WAIT:
            break
        failures = decision.failures
    if error.error_class is ErrorClass.CONFIGURATION or code in UNCOUNTED:
        assert (decision.state, failures) == (S.RETRY_WAIT, 0)
    elif error.error_class is ErrorClass.TRANSIENT:
        assert (decision.state, decision.failures) == (S.FAILED, POLICY.max_attempts)
    elif error.error_class is ErrorClass.SOURCE_CHANGED:
        assert (decision.state, decision.observe_again) == (S.QUEUED, True)
    else:
        assert decision.state in (S.FAILED, S.CONFLICT)


@given(st.integers(1, 60))
def test_back_off_grows_to_the_cap_and_is_never_zero(failures: int) -> None:
    delay = POLICY.delay_seconds(failures)
    assert POLICY.base_seconds / 2 <= delay <= POLICY.cap_seconds
    assert delay <= POLICY.base_seconds * 2 ** (failures - 1)


# --- settle --------------------------------------------------------------------------------------


@given(facts, facts, st.floats(0, 1e6), st.floats(0, 1e7))
def test_quiet_time_settles_what_is_unchanged_for_long_enough_and_nothing_else(
    before: FileFacts, opened: FileFacts, quiet: float, age: float
) -> None:
    seen = Seen(before, NOW - timedelta(seconds=age))
    verdict = QuietTime(quiet).judge(seen, opened, NOW)
    if before != opened:
        assert not verdict.settled
        assert verdict.seen == Seen(opened, NOW)
    else:
        assert verdict.settled == (timedelta(seconds=age) >= timedelta(seconds=quiet))
        assert verdict.seen is seen
    if not verdict.settled:
        assert verdict.look_again_at >= NOW


# --- breaker -------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1))
def test_the_breaker_trips_on_nothing_left_and_on_less_than_the_ratio(
    known: int, listed: int, ratio: float
) -> None:
    trip = judge_listing(known=known, listed=listed, shrink_ratio=ratio)
    if known and not listed:
        assert trip is not None
    if listed >= known or (listed and known < MIN_FILES):
        assert trip is None
    elif listed:
        assert (trip is not None) == (listed < known * ratio)


# --- plan ----------------------------------------------------------------------------------------


@given(paths, st.integers(1, 9), st.integers(1, 9))
def test_a_destination_keeps_folder_and_suffix_and_the_first_keeps_all(
    path: bytes, incarnation: int, number: int
) -> None:
    made = destination_path(path, incarnation=incarnation, number=number)
    assert made.rpartition(b"/")[0] == path.rpartition(b"/")[0]
    if (incarnation, number) == (1, 1):
        assert made == path
        return
    assert made != path
    stem, dot, suffix = path.rpartition(b"/")[2].rpartition(b".")
    if stem and dot:
        assert made.endswith(dot + suffix)


@given(
    paths,
    st.tuples(st.integers(1, 99), st.integers(1, 99)),
    st.tuples(st.integers(1, 99), st.integers(1, 99)),
)
def test_no_two_versions_of_a_file_share_a_destination(
    path: bytes, one: tuple[int, int], other: tuple[int, int]
) -> None:
    first = destination_path(path, incarnation=one[0], number=one[1])
    second = destination_path(path, incarnation=other[0], number=other[1])
    assert (first == second) == (one == other)


@given(facts, st.one_of(st.none(), st.tuples(facts, st.booleans(), st.integers(1, 5))))
def test_a_plan_is_a_new_version_a_new_aim_or_nothing(
    now: FileFacts, history: tuple[FileFacts, bool, int] | None
) -> None:
    latest = history and Latest(uuid.uuid4(), history[2], history[0], history[1], utcnow())
    file = SettledFile(uuid.uuid4(), b"run/a.raw", 1, now, latest or None)
    places = [Destination(uuid.uuid4(), True, False, b"prefix") for _ in range(2)]
    work = plan_file(file, places)
    if latest and latest.facts == now:
        assert isinstance(work, Nothing)
    elif latest and not latest.is_fixed:
        assert isinstance(work, Reaim)
    else:
        assert isinstance(work, NewVersion)
        assert work.number == (latest.number + 1 if latest else 1)
        assert [copy.storage_location_id for copy in work.copies] == [
            place.storage_location_id for place in places
        ]
        assert all(copy.dest_path.startswith(b"prefix/run/a.") for copy in work.copies)
