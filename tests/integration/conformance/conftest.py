"""Each test of this folder runs for each destination of `kinds`, or for each that has a server."""

from collections.abc import AsyncIterator, Iterator

import pytest

from app.transfers.base import Storage
from tests.integration.conformance.kinds import ALL, SERVED, Destinations, ServedDestination
from tests.integration.conformance.places import Destination, Place


@pytest.fixture(scope="session")
def destinations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Destinations]:
    """All that run."""
    running = Destinations(tmp_path_factory.mktemp("destinations"))
    try:
        yield running
    finally:
        running.close()


@pytest.fixture(params=sorted(ALL))
def destination(request: pytest.FixtureRequest, destinations: Destinations) -> Destination:
    """One kind of storage."""
    return destinations[request.param]


@pytest.fixture(params=sorted(SERVED))
def server(request: pytest.FixtureRequest, destinations: Destinations) -> Iterator[Destination]:
    """One kind of storage that has a server; it runs again afterwards."""
    destination = destinations[request.param]
    yield destination
    destination.start()


@pytest.fixture
async def place(destination: Destination) -> Place:
    """A fresh root with a sentinel."""
    place = destination.place()
    await place.prepare()
    return place


@pytest.fixture
async def storage(place: Place) -> AsyncIterator[Storage]:
    """The storage at the root."""
    opened = place.open()
    yield opened
    await opened.close()


@pytest.fixture
async def served_place(server: ServedDestination) -> Place:
    """A fresh root on a server."""
    place = server.place()
    await place.prepare()
    return place
