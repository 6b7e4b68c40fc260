"""The one table of moves that a copy may make. `docs/states.md` draws it; a property test walks it.

Requests from people (cancel, retry) are flags or guarded moves, never states of their own.
"""

from app.models import CopyState

S = CopyState

ALLOWED: dict[CopyState, frozenset[CopyState]] = {
    S.QUEUED: frozenset({S.TRANSFERRING, S.SUPERSEDED, S.FAILED, S.REMOVED}),
    # A small batch is proven in a moment and is not called `proving` on its way.
    # In flight, `transferring` again means: the lease ran out and another worker took over.
    S.TRANSFERRING: frozenset(
        {
            S.TRANSFERRING,
            S.PROVING,
            S.PUBLISHING,
            S.QUEUED,
            S.RETRY_WAIT,
            S.FAILED,
            S.CONFLICT,
            S.SUPERSEDED,
        }
    ),
    S.PROVING: frozenset(
        {S.TRANSFERRING, S.PUBLISHING, S.QUEUED, S.RETRY_WAIT, S.FAILED, S.CONFLICT, S.SUPERSEDED}
    ),
    S.PUBLISHING: frozenset(
        {S.PUBLISHING, S.AVAILABLE, S.CONFLICT, S.QUEUED, S.RETRY_WAIT, S.FAILED}
    ),
    S.RETRY_WAIT: frozenset({S.TRANSFERRING, S.QUEUED, S.SUPERSEDED, S.FAILED, S.REMOVED}),
    S.FAILED: frozenset({S.QUEUED, S.SUPERSEDED, S.REMOVED}),
    S.CONFLICT: frozenset({S.QUEUED, S.SUPERSEDED, S.REMOVED}),
    S.AVAILABLE: frozenset({S.DAMAGED, S.MISSING, S.REMOVED}),
    S.DAMAGED: frozenset({S.QUEUED, S.AVAILABLE, S.REMOVED}),
    S.MISSING: frozenset({S.QUEUED, S.AVAILABLE, S.REMOVED}),
    S.SUPERSEDED: frozenset(),
    S.REMOVED: frozenset(),
}


def sources_of(target: CopyState) -> list[str]:
    """Return the states from which a copy may move to `target`, for a guarded UPDATE."""
    return [state.value for state, targets in ALLOWED.items() if target in targets]
