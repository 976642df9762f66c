import pytest

from tests.database import lasting_rows


@pytest.fixture(scope="module")
def _lasting_world(django_db_setup, django_db_blocker):
    """One for all tests of a file: to make it takes longer than most of them."""
    from tests.bookingsite import isolation

    with lasting_rows(django_db_blocker):
        yield isolation.make_world()


@pytest.fixture
def world(_lasting_world, db):
    """An organisation that others must not see into. What a test does to it is undone, in memory too."""
    return _lasting_world.fresh()
