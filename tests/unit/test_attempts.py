"""Sign-in attempts are counted in a sliding window, in bounded memory."""

import pytest

from app.auth.attempts import Attempts, TooManyAttempts, client_key


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    return Attempts({"email": 3, "client": 5}, window_seconds=60, most_keys=100, clock=clock)


def _refused(attempts: Attempts, **keys: str) -> float | None:
    try:
        attempts.begin(keys)
    except TooManyAttempts as error:
        return error.retry_after_seconds
    return None


def test_the_window_slides(attempts: Attempts, clock: Clock) -> None:
    for _ in range(3):
        assert _refused(attempts, email="a") is None
        clock.now += 10
    assert _refused(attempts, email="a") == 30  # the first one was 30 s ago
    assert _refused(attempts, email="b") is None
    clock.now += 30
    assert _refused(attempts, email="a") is None
    assert _refused(attempts, email="a") == 10


def test_a_refused_attempt_does_not_prolong_the_wait(attempts: Attempts, clock: Clock) -> None:
    for _ in range(3):
        attempts.begin({"email": "a"})
    for _ in range(50):
        assert _refused(attempts, email="a") is not None
    clock.now += 60
    assert _refused(attempts, email="a") is None


def test_attempts_at_the_same_time_count_before_they_end(attempts: Attempts) -> None:
    begun = [attempts.begin({"email": "a"}) for _ in range(3)]
    assert _refused(attempts, email="a") is not None
    attempts.forgive(begun[0])
    assert _refused(attempts, email="a") is None


def test_one_client_with_many_addresses_is_bounded(attempts: Attempts) -> None:
    for number in range(5):
        assert _refused(attempts, email=str(number), client="c") is None
    assert _refused(attempts, email="new", client="c") is not None
    assert _refused(attempts, email="new", client="d") is None


def test_memory_is_bounded(attempts: Attempts) -> None:
    for number in range(1000):
        attempts.begin({"email": f"{number}@lab.example"})
    assert len(attempts) <= 100
    assert _refused(attempts, email="999@lab.example") is None


def test_a_flood_of_other_keys_does_not_set_a_full_one_free(attempts: Attempts) -> None:
    for _ in range(3):
        attempts.begin({"email": "victim"})
    for number in range(1000):
        attempts.begin({"email": f"{number}@lab.example"})
        assert _refused(attempts, email="victim") is not None


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
        (None, "unknown"),
    ],
)
def test_an_ipv6_network_counts_as_one_client(host: str | None, key: str) -> None:
    assert client_key(host) == key
