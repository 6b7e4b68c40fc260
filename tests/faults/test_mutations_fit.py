"""The patches that switch guards off fit the code as it stands."""

import pytest

from tests.faults.mutation_list import MUTATIONS, Mutation
from tests.faults.mutations import ROOT


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.name)
def test_the_guard_stands_where_its_patch_looks_for_it(mutation: Mutation) -> None:
    for change in mutation.changes:
        assert (ROOT / change.file).read_text().count(change.old) == 1, change.file
